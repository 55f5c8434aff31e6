"""The audit on the command line: is the chain whole, and what is the story of a release."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from json import dumps
from typing import Any

import msgspec
import typer

from proxy.cli.access import Access
from proxy.cli.client import ask
from proxy.cli.exit_codes import EXIT_NO
from proxy.cli.render import put, table
from proxy.cli.wording import counted
from proxy.control.fleet.mirror import mirror_of
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.control.state.verification import verified
from proxy.release.audit import Entry, Link, canonical, digest, entry_of, plain
from proxy.release.chapters import limits, stages
from proxy.release.history import Story, chain_of, routes
from proxy.release.story_export import UnreadableExportError, fault_of, read_export

ENTRIES_A_PAGE = 1000
"""Audit entries of one answer of the admin API, which allows no more."""


def verify_chain(state: str, head: str = "", anchor: str = "", *, named: bool = False) -> tuple[bool, str]:
    """(faulty, sentence) for the audit chain in the state file at `state`, and for the live states beside it.

    - `head`: a hash that must be in it
    - `anchor`: path of its anchor
    - `named`: the configuration names it
    """
    if state == ":memory:":
        return True, "state is :memory:, nothing is kept that could be verified"
    try:
        with closing(Store(state, write=False)) as store:
            found = verified(store, anchor, head, named=named)
    except StoreError as error:
        return True, str(error)
    return bool(found.fault), found.fault or f"{state}: {found.sentence}"


def verify_copy(state: str) -> tuple[bool, str]:
    """The same for a sidecar's copy of its fleet's chain, beside the state file at `state`."""
    path = mirror_of(state)
    try:
        with closing(Store(path, write=False)) as store:
            found = verified(store, "", copy=True)
    except StoreError as error:
        return True, str(error)
    return bool(found.fault), f"{path}: {found.fault or found.sentence}"


def entries_of(state: str) -> list[Entry]:
    """All entries of a state file. Ends the command when it cannot be read."""
    try:
        with closing(Store(state, write=False)) as store:
            return [entry_of(link) for link in store.audit(limit=-1)]
    except StoreError as error:
        print(error)
        raise typer.Exit(EXIT_NO) from None


def links_of(state: str) -> list[Link]:
    """All entries of a state file as they are stored. Ends the command when it cannot be read."""
    try:
        with closing(Store(state, write=False)) as store:
            return list(store.chain())
    except StoreError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None


def links_from_api(access: Access) -> list[Link]:
    """The same, as the admin API tells them. Ends the command for entries of an earlier version of this program, whose
    text the API does not repeat."""
    links = []
    for row in _rows(access):
        known = row.pop("hash")
        link = Link(canonical(row), known)
        if digest(link.body) != known:
            print(
                f"entry {row['seq']} stands in an older form, which the API does not repeat: use --config",
                file=sys.stderr,
            )
            raise typer.Exit(EXIT_NO)
        links.append(link)
    return links


def verify_story(body: bytes, head: str) -> tuple[bool, str]:
    """(faulty, sentence) for the text of an exported story."""
    try:
        export = read_export(body)
    except UnreadableExportError as error:
        return True, str(error)
    if fault := fault_of(export, head):
        return True, fault
    last = export.before + len(export.links)
    return False, (
        f"{export.release}: entries {export.before + 1} to {last} hold, {counted(len(export.packages), 'package')} and "
        f"{counted(len(export.reports), 'report')} with them; the last hash is {export.links[-1].hash}"
    )


def from_api(access: Access) -> list[Entry]:
    """All entries, page by page."""
    return msgspec.convert(list(_rows(access)), list[Entry])


def _rows(access: Access) -> Iterator[dict[str, Any]]:
    """Entries as the API has them, page by page."""
    after = 0
    while rows := ask(access, "GET", f"/v1/audit?after={after}&limit={ENTRIES_A_PAGE}")["entries"]:
        after = rows[-1]["seq"]
        yield from rows


def show_story(story: Story, as_json: bool) -> None:
    """A release from commit to endpoint."""
    if as_json:
        plans = {route: {"stages": stages(story, route), "limits": limits(story, route)} for route in routes(story)}
        print(dumps(plain(story) | {"plans": plans}))
        return
    print(f"release {story.name}: {story.candidate} in place of {story.primary}, strategy {story.strategy}")
    for route, (candidate, primary) in story.beside.items():
        print(f"with route {route}: {candidate} in place of {primary}")
    print()
    pairs = ((story.candidate, story.primary), *story.beside.values())
    names = [name for name in dict.fromkeys(chain(*pairs)) if name in story.versions]
    chains = [dict(chain_of(story.versions[name])) for name in names]
    rows = [(link, *(chain[link] for chain in chains)) for link in (chains[0] if chains else ())]
    put(table(None, ("", *names), rows))
    print()
    put(table(None, ("route", "stage", "asked", "standing", "began", "ended"), _stages(story)))
    print()
    held = ((route, each["title"], each["says"]) for route in routes(story) for each in limits(story, route))
    put(table(None, ("route", "limit", "allowed"), held))
    print()
    put(table(None, ("entry", "when", "who", "what", "phase", "why"), (_row(entry) for entry in story.entries)))
    print()
    put(table(None, ("entry", "verdict", "evidence"), (row for entry in story.entries for row in _evidence(entry))))


def _stages(story: Story) -> Iterator[tuple[object, ...]]:
    """Each stage of the plan, on each route; those that were not begun have no times."""
    for route in routes(story):
        for each in stages(story, route):
            times = ("" if each[when] is None else _moment(each[when]) for when in ("began", "ended"))
            yield route, each["stage"], each["says"], each["standing"], *times


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _row(entry: Entry) -> tuple[object, ...]:
    after: dict[str, Any] = entry.after or {}
    return entry.seq, _moment(entry.at), entry.who, entry.action, after.get("phase", ""), entry.why


def _evidence(entry: Entry) -> list[tuple[object, ...]]:
    lines = entry.evidence if isinstance(entry.evidence, list) else []
    return [(entry.seq, line.get("outcome", ""), _said(line)) for line in lines if isinstance(line, dict)]


def _said(line: dict[str, Any]) -> str:
    route = line.get("route")
    return f"{route}: {line.get('sentence', '')}" if route else str(line.get("sentence", ""))
