"""Changes of routes, from the audit chain, as marks on the axis of time.

The newest `MAX_MARKS` are kept, of all routes; entries that came since are read when marks are asked for. A change of a
release over several routes marks each of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

import msgspec

from proxy.contracts.bounds import clipped
from proxy.contracts.release import RouteState
from proxy.release import transitions
from proxy.release.audit import Entry, Link, entry_of, states_of

MAX_MARKS = 1000
"""Changes that are kept, of all routes: half a kilobyte each."""
FIRST_MARKS = 300
"""Those that are read when marks are asked for first: each entry is some kilobytes of JSON, with its evidence."""
MAX_REASON = 300
"""Characters of a reason that is shown."""

KINDS = {
    "start": "configuration",
    "reload": "configuration",
    "release": "release",
    "advance": "stage",
    "enter": "stage",
    "split": "split",
    "shadows": "shadows",
    "promote": "promote",
    "settle": "settled",
    "rollback": "rollback",
    "leave": "rollback",
    "drop": "baseline",
    "pause": "pause",
    "resume": "resume",
    "notify": "notice",
    "keep": "notice",
    "restart": "restart",
}
"""Action of an entry to the kind of its mark; others have their own name."""

Mark = dict[str, Any]
Read = Callable[[int, int], list[Link]]
"""The newest entries, newest first, or those after a number, oldest first: (limit, after)."""


class Marks:
    """`read` may raise StoreError; then what is known is shown."""

    __slots__ = ("_marks", "_read", "_seq")

    def __init__(self, read: Read) -> None:
        self._read = read
        self._marks: deque[tuple[str, Mark]] = deque(maxlen=MAX_MARKS)
        self._seq = -1

    def update(self, count: int) -> None:
        """Reads what came since; `count` is the number of entries that the chain has. Raises StoreError."""
        if self._seq < 0:
            for link in reversed(self._read(FIRST_MARKS, -1)):
                self._add(link)
            self._seq = max(self._seq, 0)
        while self._seq < count:
            links = self._read(FIRST_MARKS, self._seq)
            if not links:
                return
            for link in links:
                self._add(link)

    def of(self, route: str | None, start: float, end: float) -> list[Mark]:
        """The marks of a route, or of all with their routes, in a range of Unix seconds, in the order of time."""
        own = [(name, mark) for name, mark in self._marks if route in (None, name) and start <= mark["at"] < end]
        return [mark if route else {"route": name, **mark} for name, mark in own]

    @property
    def since(self) -> float:
        """The time of the oldest mark that is kept; 0: all are."""
        full = len(self._marks) >= FIRST_MARKS
        return float(self._marks[0][1]["at"]) if full else 0.0

    def _add(self, link: Link) -> None:
        entry = entry_of(link)
        self._seq = max(self._seq, entry.seq)
        before = _states_before(entry)
        for route, after in states_of(entry).items():
            self._marks.append((route, mark(entry, before.get(route), after)))


def mark(entry: Entry, before: Any, after: Any) -> Mark:
    """One change of a route."""
    return {
        "at": entry.at,
        "kind": KINDS.get(entry.action, entry.action),
        "who": entry.who,
        "action": entry.action,
        "reason": clipped(entry.why, MAX_REASON),
        "before": told(before),
        "after": told(after),
        "audit": entry.seq,
    }


def told(state: Any) -> Mark | None:
    """What a mark says of a live state; None where there was none, or it is of another form."""
    try:
        live = msgspec.convert(state, RouteState, strict=False)
    except msgspec.ValidationError:
        return None
    split, shadows = transitions.weights(live)
    return {
        "phase": live.phase,
        "primary": live.primary,
        "candidates": list(transitions.candidates(live)),
        "stage": live.stage + 1 if transitions.stage_of(live) else None,
        "split": {live.primary: 100.0 - sum(split.values()), **split},
        "shadows": shadows,
    }


def _states_before(entry: Entry) -> dict[str, Any]:
    others = {name: states.get("before") for name, states in entry.beside.items() if isinstance(states, dict)}
    first = next(iter(states_of(entry)))
    return cast("dict[str, Any]", {first: entry.before, **others})
