"""Shown figures of a candidate beside its primary: those of copies until it has live traffic, then of live requests.

Evidence rests on both, and stays valid (`stats.evidence.assignment_share`); a figure that mixes them is not what
clients get. With the first live leg the shown counts begin anew, the primary's too, and those of the copies stand
apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, Self, TypeVar

from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.state import Stateful

Key = TypeVar("Key", bound=Hashable)
Figure = tuple[float | None, int]
"""A value and the number of observations that it rests on; None and 0 without any."""


class ShownFigures(NamedTuple):
    """The figures that a line of a scorecard shows, in base units."""

    value: float | None
    """The candidate's."""
    n: int
    reference: float | None
    """The primary's of the same time."""
    n_reference: int
    shadow: float | None = None
    """Figure of the candidate's copies, where `value` is of live requests alone."""
    n_shadow: int = 0


NO_FIGURES = ShownFigures(None, 0, None, 0)
"""Figures before any data."""


class ShownCounts(Stateful, Generic[Key]):
    """Counts by key, such as latency buckets: `mine`, `theirs` of the same time, and `copies` of the time before and
    beside live traffic."""

    __slots__ = ("_live", "copies", "mine", "theirs")

    def __init__(self) -> None:
        self.mine: dict[Key, int] = {}
        self.theirs: dict[Key, int] = {}
        self.copies: dict[Key, int] = {}
        self._live = False

    def update(self, arms: Iterable[tuple[Mapping[Key, int], Assignment]]) -> None:
        """Adds the counts of one look, each with the assignment of its arm."""
        arms = list(arms)
        if not self._live and any(whose.candidate and whose.role == "canary" for _, whose in arms):
            self._live, self.copies, self.mine, self.theirs = True, self.mine, {}, {}
        for counts, whose in arms:
            copied = self._live and whose.role == "shadow"
            into = self.theirs if not whose.candidate else self.copies if copied else self.mine
            _add(into, counts)

    def __iadd__(self, other: Self) -> Self:
        """Merges the counts of another process about the same comparison.

        As one run over both where live traffic began at the same look in both. Where only one of them has live traffic,
        the counts of the other are those of copies, and its primary's counts are of the time before and are dropped.
        """
        if other._live and not self._live:
            self._live, self.copies, self.mine, self.theirs = True, self.mine, {}, {}
        _add(self.copies, other.copies)
        if self._live and not other._live:
            _add(self.copies, other.mine)
        else:
            _add(self.mine, other.mine)
            _add(self.theirs, other.theirs)
        return self

    def get(self, figure: Callable[[Mapping[Key, int]], Figure]) -> ShownFigures:
        """The figures that `figure` makes of the counts."""
        return ShownFigures(*figure(self.mine), *figure(self.theirs), *figure(self.copies))


def _add(into: dict[Key, int], counts: Mapping[Key, int]) -> None:
    for key, count in counts.items():
        into[key] = into.get(key, 0) + count
