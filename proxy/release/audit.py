"""The hash chain of everything that was done: each entry carries the hash of the one before it.

An entry's hash is SHA-256 over its canonical JSON (sorted keys, no spaces, UTF-8, no NaN), which contains the previous
hash. An edit breaks the entry, a removal or a reorder breaks the chain, a cut-off end disagrees with the head that is
kept apart. A writer of the whole file can make a whole new chain: keep the head hash elsewhere (notifications carry it)
and compare it with `verify(…, head=…)`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

GENESIS = "0" * 64
"""The hash before the first entry."""


class Change(Struct, frozen=True):
    """One change of a route, by a person or by the scorecard."""

    who: str
    """Name of a token, `scorecard`, `identity` (another model answers) or `configuration`."""
    action: str
    """Such as `split`, `rollback`."""
    route: str
    """The route, or the release over several routes that all changed at once."""
    why: str
    """The reason, in one sentence."""
    before: Any = None
    """The live state before; of a release over several routes that of the first."""
    after: Any = None
    """The live state after, likewise."""
    evidence: Any = None
    """The verdicts of that moment."""
    lineage: Any = None
    """Origin and endpoint of each version that is concerned."""
    examples: tuple[str, ...] = ()
    """Ids of requests that went wrong."""
    identity: Any = None
    """Where it follows from one: a change of the model that answers under a version, as before and after."""
    beside: Any = {}
    """Of a release over several routes: the others, each with its live state `before` and `after`."""


def undone_by(change: Change, why: str) -> Change:
    """The change that takes another one back."""
    beside = {name: {"before": each["after"], "after": each["before"]} for name, each in change.beside.items()}
    return Change("penumbra", "withdrawn", change.route, why, change.after, change.before, beside=beside)


class Entry(Struct, frozen=True):
    """A change in its place in the chain."""

    seq: int
    """Number of the entry, from 1."""
    at: float
    """Unix time."""
    who: str
    """As in `Change`; likewise below."""
    action: str
    route: str
    why: str
    before: Any
    after: Any
    evidence: Any
    lineage: Any
    previous: str
    """Hash of the entry before it."""
    examples: tuple[str, ...] = ()
    identity: Any = None
    beside: dict[str, Any] = {}


class Link(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry as it is stored: canonical JSON and its hash."""

    body: str
    hash: str


def states_of(entry: Entry) -> dict[str, Any]:
    """The live states after an entry, by route."""
    others = {name: states.get("after") for name, states in entry.beside.items() if isinstance(states, dict)}
    first = entry.after.get("route") if others and isinstance(entry.after, dict) else entry.route
    return {str(first): entry.after, **others}


def seal(change: Change, seq: int, previous: str, now: float) -> Link:
    """The next link of a chain."""
    entry = Entry(seq=seq, at=now, previous=previous, **plain(change))
    body = canonical(entry)
    return Link(body, digest(body))


def entry_of(link: Link) -> Entry:
    """The entry of a link. Raises msgspec.MsgspecError on what is no entry."""
    return msgspec.json.decode(link.body, type=Entry)


def legible(seq: int, route: str, link: Link) -> Link:
    """A link whose entry can be read: itself, or where it cannot, one that says so in its place. It keeps the hash."""
    try:
        msgspec.json.decode(link.body.encode(), type=Entry)
    except (msgspec.MsgspecError, UnicodeError) as error:
        why = f"this entry is damaged and cannot be read: {error}"
        change = Change("penumbra", "damaged", route, why)
        return Link(seal(change, seq, "", 0.0).body, link.hash)
    return link


def canonical(entry: Any) -> str:
    """The one text of an entry, or of the JSON value that it is: the same on every machine."""
    return json.dumps(plain(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(body: str) -> str:
    """SHA-256 of a text, in hex. What is no text by UTF-8 (damage in a file) has a digest, too."""
    return sha256(body.encode(errors="surrogateescape")).hexdigest()


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: structs as objects, NaN and infinities as their names."""
    return _finite(msgspec.to_builtins(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def verify(links: Iterable[Link], count: int, head: str, before: int = 0, previous: str = GENESIS) -> str | None:
    """None when the chain holds, otherwise a sentence about its first fault. `count` and `head` are kept beside it.
    It begins behind entry `before`, whose hash is `previous`."""
    checked = before
    for link in links:
        fault = _fault(link, checked + 1, previous)
        if fault:
            return fault
        previous, checked = link.hash, checked + 1
    if checked != count:
        return f"the chain ends after entry {checked}, but {count} were written"
    if previous != head:
        return f"the hash of entry {checked} is {previous[:12]}…, but the head says {head[:12]}…"
    return None


def _fault(link: Link, seq: int, previous: str) -> str | None:
    if digest(link.body) != link.hash:
        return f"entry {seq} was edited: its hash is not that of its text"
    try:
        entry = entry_of(link)
    except (msgspec.MsgspecError, UnicodeError) as error:
        return f"entry {seq} cannot be read: {error}"
    if entry.seq != seq:
        return f"entry {seq} is missing or out of order: entry {entry.seq} stands in its place"
    if entry.previous != previous:
        return f"entry {seq} does not continue the chain: it follows {entry.previous[:12]}…, not {previous[:12]}…"
    if canonical(json.loads(link.body)) != link.body:
        return f"entry {seq} is not in canonical form"
    return None
