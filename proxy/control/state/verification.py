"""Verification of a state file: is the chain whole, is it the one that the anchor knows, and are the live states those
that it ends with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from proxy.contracts.release import RouteState
from proxy.control.state.anchor import AnchorLine, lines_of
from proxy.control.state.rows import DamagedRow
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import GENESIS, Entry, Link, entry_of, states_of, verify


class Verified(Struct, frozen=True):
    """What was found; `fault` is "" where everything holds."""

    fault: str
    sentence: str


class _Ends:
    """What the chain says, gathered while it is walked: hashes by number, and the last state of each route."""

    def __init__(self) -> None:
        self.hashes: dict[int, str] = {}
        self.states: dict[str, object] = {}

    def watched(self, links: Iterator[Link]) -> Iterator[Link]:
        for number, link in enumerate(links, 1):
            self.hashes[number] = link.hash
            entry = _entry(link)
            if entry is not None:
                self.states |= {route: after for route, after in states_of(entry).items() if after is not None}
            yield link


def verified(store: Store, anchor: str, head: str = "", *, named: bool = False, copy: bool = False) -> Verified:
    """Everything that can be said of a state file. Raises StoreError, also for an anchor that is there and cannot be
    read.

    - `anchor`: path of the anchor; "" for none
    - `head`: a hash that must be in the chain
    - `named`: the configuration names the anchor, so that a chain without one is a fault
    - `copy`: it is a copy of a fleet's chain, without live states and anchor
    """
    # The anchor first: control writes it after the chain, so one that is read before the chain is never ahead of it.
    lines = _lines(anchor)
    with store.snapshot():
        kept, ends = store.kept_head(), _Ends()
        if isinstance(kept, DamagedRow):
            return _failed("the head of the chain cannot be read")
        before, previous = _beginning(store) if copy else (0, GENESIS)
        fault = verify(ends.watched(store.chain()), kept.count, kept.hash, before, previous)
        states = "" if copy else _states(store, ends)
        faults = [fault] if fault else [f for f in (states, _known(ends, head)) if f]
    held, since = _anchored(lines, ends)
    if named and ends.hashes and not lines:
        held = f"the anchor {anchor} is not there, or empty: it was removed, or nothing was changed since"
    if faults or held:
        return _failed("; ".join([*faults, *([held] if held else [])]))
    chain = f"the chain of {kept.count} entries holds, head {kept.hash}"
    if copy:
        from_ = f"; it begins with entry {before + 1}, and earlier ones are not in it" if before else ""
        return Verified("", f"the copy of the fleet's audit: {chain}{from_}")
    return Verified("", f"{since}; the live states are those that the chain ends with; {chain}")


def _beginning(store: Store) -> tuple[int, str]:
    """Number and hash of the entry before the first one: a copy begins with what the fleet's store still had."""
    entry = next((found for link in store.audit(limit=1) if (found := _entry(link))), None)
    return (entry.seq - 1, entry.previous) if entry and entry.seq > 1 else (0, GENESIS)


def _failed(fault: str) -> Verified:
    return Verified(fault, fault)


def _known(ends: _Ends, head: str) -> str:
    if not head or head in ends.hashes.values():
        return ""
    return f"no entry has the hash {head[:12]}…: this is another chain than the one it was noted from"


def _states(store: Store, ends: _Ends) -> str:
    """The first live state that is not the one that the chain ends with."""
    rows = store.state_rows()
    for row in rows:
        if isinstance(row, DamagedRow):
            return f"the live state of {row.name!r} cannot be read: {row.why}"
        if row.route not in ends.states:
            return f"the live state of {row.route} is of no entry of the chain"
        if _state(ends.states[row.route]) != row:
            return f"the live state of {row.route} is not the one that the chain ends with: it was edited"
    gone = ends.states.keys() - {row.route for row in rows if isinstance(row, RouteState)}
    return f"the live state of {min(gone)} is missing" if gone else ""


def _state(after: object) -> RouteState | None:
    try:
        return msgspec.convert(after, RouteState, strict=False)
    except msgspec.ValidationError:
        return None


def _entry(link: Link) -> Entry | None:
    try:
        return entry_of(link)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _lines(anchor: str) -> list[AnchorLine | None] | None:
    try:
        return list(lines_of(anchor)) if anchor else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the anchor {anchor} cannot be read: {error.strerror}") from error


def _anchored(lines: list[AnchorLine | None] | None, ends: _Ends) -> tuple[str, str]:
    """(fault, sentence): does the chain hold what the anchor has noted, and since when."""
    if not lines:
        return "", "no anchor: an end that was cut off with its head would not be seen"
    known = [line for line in lines if line is not None]
    others = [line for line in known if ends.hashes.get(line.count) != line.hash]
    if lines[-1] is None:
        return "the last line of the anchor cannot be read", ""
    if not others:
        damaged = f"; {len(lines) - len(known)} lines of it cannot be read" if len(known) < len(lines) else ""
        short = f" up to entry {known[-1].count} of {len(ends.hashes)}" if known[-1].count < len(ends.hashes) else ""
        return "", f"the anchor holds since {_when(known[0])}{short}{damaged}"
    last, since = others[-1], known[known.index(others[-1]) + 1 :]
    held = f"; the anchor holds since {_when(since[0])}" if since else ""
    if last.count > len(ends.hashes) and not since:
        return f"the chain was cut: the anchor knows {last.count} entries, the chain has {len(ends.hashes)}", ""
    return f"{_when(last)} is not as the anchor knows it: the chain was cut, replaced or begun anew{held}", ""


def _when(line: AnchorLine) -> str:
    when = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="seconds") if 0 <= line.at < 1e11 else "?"
    return f"entry {line.count} ({when})"
