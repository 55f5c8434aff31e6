"""Live states at the start: each row beside what the audit chain says of its route.

The chain has the state after every change, so a row that is damaged, gone or edited is not lost. Rules, for each route:

1. The row and the last entry of the chain say the same: that.
2. They differ: the last entry, where the chain is whole up to its head, unless the row alone says that a version was
   rolled back. A rollback is never forgotten.
3. There is no row: the last entry. Where the chain is not whole, or has none although there was a row, the route comes
   up in the safe way: candidates are rolled back.
4. Neither knows the route: it is new.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.bounds import writable
from proxy.contracts.release import RouteState
from proxy.control.state.anchor import Anchor, AnchorLine
from proxy.control.state.rows import ChainHead, DamagedRow
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import Link, digest
from proxy.release.phases import TransitionRefused
from proxy.release.soundness import fault_of

log = logging.getLogger("penumbra.engine")

MAX_ENTRIES = 20_000
"""Newest audit entries that are looked at, at about 20 microseconds each; of routes without a change among them the
row alone is believed."""


class ChainStates(Struct, frozen=True):
    """What the end of the chain says of the routes."""

    states: Mapping[str, RouteState]
    """The state after the last entry of each route."""
    hashes: Mapping[int, str]
    """The hashes of the entries, by number."""
    whole: bool
    """No entry is damaged, missing or out of place, and the last one is that of the head."""


class Recovered(Struct, frozen=True):
    """The live states to begin with."""

    states: Mapping[str, RouteState]
    in_chain: Mapping[str, RouteState]
    """The states that the chain ends with."""
    unsure: Mapping[str, str]
    """Routes of which it is not known whether a version was rolled back: why."""
    warnings: Mapping[str, str]
    """Routes whose row was not used: why, and what was used."""
    faults: tuple[str, ...] = ()
    """What is wrong with the file as a whole, and with its anchor."""
    off: Mapping[str, tuple[str, ...]] = {}
    """Versions that are rolled back by entries that the anchor knows, and the file has not."""

    def safe(self, state: RouteState, now: float) -> RouteState:
        """A state in which no version has traffic that may have been taken off it."""
        if why := self.unsure.get(state.route):
            state = _safe(state, transitions.candidates(state), f"{why}; it may have been rolled back", now)
        off = tuple(version for version in self.off.get(state.route, ()) if version not in state.rolled_back)
        if off:
            gone = tuple(version for version in transitions.candidates(state) if version in off)
            state = _safe(state, gone, "it was rolled back by an entry that the state file has lost", now)
            lost = transitions.without_names(off, state.rolled_back)
            state = replace(state, rolled_back=(*state.rolled_back, *lost))
        return state

    def settled(self) -> Recovered:
        """What is still to be shown once these states are in force."""
        return replace(self, states={}, in_chain={}, unsure={}, off={})


NOTHING_RECOVERED = Recovered({}, {}, {}, {})


class _Beside(Struct):
    after: msgspec.Raw = msgspec.Raw(b"null")


class _OfRoute(Struct):
    route: str = ""


def _named(state: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(state, type=_OfRoute).route
    except msgspec.MsgspecError:
        return ""


class _Brief(Struct):
    seq: int
    route: str
    previous: str
    after: msgspec.Raw = msgspec.Raw(b"null")
    beside: dict[str, _Beside] = {}

    def states(self) -> dict[str, msgspec.Raw]:
        """The states after the entry that there are, by route."""
        first = _named(self.after) if self.beside else self.route
        after = {first: self.after} | {name: states.after for name, states in self.beside.items()}
        return {name: raw for name, raw in after.items() if bytes(raw) != b"null"}


def recovered(store: Store, anchor: Anchor, routes: Collection[str]) -> Recovered:
    """The live states of a store. Raises StoreError."""
    rows = store.state_rows()
    good = {row.route: row for row in rows if isinstance(row, RouteState)}
    damaged = {row.name: row for row in rows if isinstance(row, DamagedRow)}
    chain = chain_states(store.end_of_chain(MAX_ENTRIES), store.head)
    lost = bool(damaged.keys() - {*routes}) or store.salvaged
    beyond = anchor.beyond(chain.hashes)
    states, unsure, warnings = dict(good), {}, {}
    for route in {*routes, *good, *chain.states}:
        row, last = good.get(route), chain.states.get(route)
        if row is None:
            if route in damaged or last is not None:
                warnings[route] = _said(damaged.get(route), last)
            if last is not None:
                states[route] = last
            if (route in damaged or last is not None or lost) and not (last is not None and chain.whole):
                unsure[route] = warnings.get(route) or "the state file is damaged, and has no live state of this route"
        elif last is not None and last != row and chain.whole and not forgets(last, row):
            store.quarantine(
                DamagedRow("states", route, "it is not what the audit ends with", msgspec.json.encode(row))
            )
            states[route] = last
            warnings[route] = (
                "the live state in the state file was not what the audit ends with; that of the audit is used"
            )
    off, faults = _beyond(beyond)
    for route, why in warnings.items():
        log.warning("%s: %s", writable(route), why)
    return Recovered(states, chain.states, unsure, warnings, (*store.faults, *faults), off)


def _said(row: DamagedRow | None, last: RouteState | None) -> str:
    why = f"is damaged ({row.why})" if row else "is missing"
    used = "the last one of the audit is used" if last else "the audit has none that can be read"
    return f"the live state in the state file {why}; {used}"


def forgets(state: RouteState, other: RouteState) -> bool:
    """Whether `state` does not know of a rollback that `other` does."""
    return bool(set(other.rolled_back) - set(state.rolled_back)) or (
        other.phase == "rolled_back" and state.phase != "rolled_back"
    )


def chain_states(entries: Iterable[tuple[int, str, Link]], head: ChainHead) -> ChainStates:
    """What the last entries of a chain (number, route of the row, link) say of the routes."""
    states: dict[str, msgspec.Raw] = {}
    hashes: dict[int, str] = {}
    whole, before, seq = True, "", 0
    for number, route, link in entries:
        brief = _brief(link)
        if brief is None or digest(link.body) != link.hash:
            whole = False
        else:
            whole = (
                whole
                and (brief.seq, brief.route) == (number, route)
                and brief.previous in (before, before or brief.previous)
            )
            whole = whole and number == (seq + 1 if seq else number)
            states |= brief.states()
        before = hashes[number] = link.hash
        seq = number
    whole = whole and (not seq or (seq, before) == (head.count, head.hash))
    found = {route: state for route, raw in states.items() if (state := _state(route, raw)) is not None}
    return ChainStates(found, hashes, whole and len(found) == len(states))


def _brief(link: Link) -> _Brief | None:
    try:
        return msgspec.json.decode(link.body.encode(), type=_Brief)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _state(route: str, raw: msgspec.Raw) -> RouteState | None:
    try:
        state = msgspec.json.decode(raw, type=RouteState, strict=False)  # infinities stand as text in the audit
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return state if state.route == route and not fault_of(state) else None


def _safe(state: RouteState, gone: tuple[str, ...], why: str, now: float) -> RouteState:
    """`state` without traffic for the candidates `gone`."""
    if state.phase in ("rolled_back", "promoted") or not gone:
        return state
    try:
        return transitions.take_off(state, gone, why, now)
    except TransitionRefused:
        return replace(state, split={}, reason=why)


def _beyond(lines: Iterable[AnchorLine]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Versions that are rolled back by the lines of an anchor, by route, and a sentence where there are any lines."""
    lines = list(lines)
    off = {route: versions for line in lines for route, versions in line.rolled_back.items() if versions}
    if not lines:
        return off, ()
    fault = (
        f"the audit's anchor knows entry {lines[-1].count}, which the state file has not: it is an older or another "
        "file, or its end was cut off; what was rolled back there stays rolled back"
    )
    log.error("%s", fault)
    return off, (fault,)
