"""A release's whole story as one document that proves itself: the part of the audit chain that tells it.

1. `links` are entries of the chain without a gap, those of other routes among them, from the one that began the release
   to its last; each is its canonical text and its hash, and carries the hash of the one before it.
2. What is told of the release is derived from them, and stored nowhere beside them.
3. Packages and reports stand whole; the entries have the digests of packages, packages those of reports.
4. Facts of requests stand beside the chain and are proved by nothing: they are what a sidecar counted.
5. Nobody can tell from the document alone whether its last hash is one that the chain had: notifications and the anchor
   have such hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from proxy.release.audit import GENESIS, Entry, Link, entry_of, verify
from proxy.release.history import NoSuchReleaseError, Story, story_of
from proxy.release.package import PackageError, read, unambiguous

FORMAT = "penumbra release story 1"


class StoryExport(Struct, frozen=True, forbid_unknown_fields=True):
    """The document."""

    release: str
    """ROUTE@NUMBER."""
    before: int
    """Number of the entry before the first link."""
    previous: str
    """Its hash."""
    links: tuple[Link, ...]
    packages: tuple[str, ...] = ()
    """The texts of packages, as their files have them."""
    reports: tuple[str, ...] = ()
    """The texts of reports of replays, likewise."""
    facts: dict[str, Any] = {}
    """What is kept beside the chain, by route: whom the candidate touched, failed requests with both answers,
    disagreements, verdicts between the entries. No hash proves them."""
    format: str = FORMAT


class UnreadableExportError(ValueError):
    """A document is no story of a release; the message says why."""


def exported(
    links: Sequence[Link], name: str, packages: Iterable[str] = (), reports: Iterable[str] = ()
) -> StoryExport:
    """The document about release `name`, from all links of a chain. Raises NoSuchReleaseError."""
    entries = [entry_of(link) for link in links]
    story = story_of(entries, name)
    first, last = story.entries[0].seq, (story.replaced or story.entries[-1]).seq
    own = tuple(link for link, entry in zip(links, entries, strict=True) if first <= entry.seq <= last)
    return StoryExport(story.name, first - 1, story.entries[0].previous, own, tuple(packages), tuple(reports))


def read_export(body: bytes) -> StoryExport:
    """The document in a file: nothing in it stands twice, and nothing beside what it is made of. Raises
    UnreadableExportError."""
    try:
        export = msgspec.convert(json.loads(body, object_pairs_hook=unambiguous), StoryExport)
    except (ValueError, RecursionError) as error:  # msgspec's, too
        raise UnreadableExportError(f"no story of a release: {error}") from error
    if export.format != FORMAT:
        raise UnreadableExportError(f"its format is {export.format[:80]!r}, not {FORMAT!r}")
    return export


def story_in(export: StoryExport) -> Story:
    """What it tells. Raises NoSuchReleaseError."""
    return story_of([entry_of(link) for link in export.links], export.release)


def fault_of(export: StoryExport, head: str = "") -> str:
    """What does not hold; "" where everything does. `head`: a hash that has to be in it."""
    if not export.links:
        return "it has no entries"
    last = export.links[-1]
    count = export.before + len(export.links)
    if fault := verify(export.links, count, last.hash, export.before, export.previous):
        return fault
    if (export.before == 0) != (export.previous == GENESIS):
        return "its first entry is not where it says"
    if head and head not in {link.hash for link in export.links}:
        return f"no entry has the hash {head[:12]}…"
    try:
        story = story_in(export)
    except NoSuchReleaseError as error:
        return f"it does not tell of {export.release}: {error}"
    if story.entries[0].seq != export.before + 1:
        return f"its first entry is not the one that began {export.release}"
    return next(_strangers(export, story), "")


def _strangers(export: StoryExport, story: Story) -> Iterator[str]:
    """Packages that no entry names, and reports that no package names."""
    known = set(_packages(story.entries))
    replays: set[str] = set()
    for text in export.packages:
        try:
            statement, _ = read(text.encode())
        except PackageError as error:
            yield f"a package in it cannot be used: {error}"
            continue
        said = statement.predicate
        replays |= {each.report for each in said.replays}
        if said.digest not in known:
            yield f"its package of {said.version} ({said.digest[:12]}…) is not the one that the entries name"
    for text in export.reports:
        digest = sha256(text.encode()).hexdigest()
        if digest not in replays:
            yield f"a report in it ({digest[:12]}…) is none that its packages name"


def _packages(entries: Iterable[Entry]) -> Iterator[str]:
    """Digests of the packages that entries name."""
    for entry in entries:
        for version in entry.lineage.values() if isinstance(entry.lineage, dict) else ():
            package: Any = version.get("package") if isinstance(version, dict) else None
            if isinstance(package, dict):
                yield str(package.get("sha256", ""))
