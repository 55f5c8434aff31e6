"""Warm-up: the first requests of a candidate, whose caches are empty and whose connections and model are not there yet.

Until it, and the baseline that it is compared with, each have answered `warm_up` requests and `MIN_WARM_UP_SECONDS`
have passed, its latency is not judged, nor what its answers took. Errors are, from the first: a dead candidate must not
live on because it is cold.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.durations import in_units
from proxy.stats.evidence.assignment_share import AssignedArm
from proxy.stats.state import Stateful

MIN_WARM_UP_SECONDS = 3.0
"""A shadow that gets all traffic at once opens its connections in a burst, and takes about this long to work off the
queue that comes of it."""


class WarmUp(Stateful):
    """`warm` once the candidate's latency can be judged; without a warm-up, at once."""

    __slots__ = ("_asked", "_both", "_legs", "_reference_legs", "_since", "warm")
    CONFIGURATION = ("_asked", "_both")

    def __init__(self, asked: int, both: bool = False) -> None:
        """`both`: the candidate's reference is as cold as it is."""
        self._asked, self._both = asked, both
        self._legs = self._reference_legs = 0
        self._since: float | None = None
        self.warm = not asked

    def update(self, arms: Iterable[AssignedArm], now: float) -> bool:
        """Counts the legs of one tick; whether that tick can be judged."""
        if self.warm:
            return True
        arms = list(arms)
        legs = sum(arm.counted() for arm, whose in arms if whose.candidate)
        self._reference_legs += sum(arm.counted() for arm, whose in arms if not whose.candidate)
        if legs and self._since is None:
            self._since = now
        self._legs += legs
        coldest = min(self._legs, self._reference_legs) if self._both else self._legs
        self.warm = self._since is not None and coldest >= self._asked and now - self._since >= MIN_WARM_UP_SECONDS
        return False

    @property
    def note(self) -> str:
        """The sentence in place of a verdict."""
        until = f"{self._asked} requests and {in_units(MIN_WARM_UP_SECONDS)}"
        return f"warming up: not judged before {until} ({self._legs} so far)"
