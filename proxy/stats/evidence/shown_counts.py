"""What is shown of a candidate beside its primary: copies until it has live traffic, then the live requests alone.

Evidence is of both, and stays valid (`stats.evidence.assignment_share`); a figure that mixes them is not what clients
get. With the first live leg the figures begin anew, the primary's too, and those of the copies are kept apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from proxy.contracts.table import Role
from proxy.stats.state import Stateful

Key = TypeVar("Key", bound=Hashable)


class ShownCounts(Stateful, Generic[Key]):
    """Counts by key, such as latency buckets: `mine`, `theirs` of the same time, and `copies` of the time before and
    beside live traffic."""

    __slots__ = ("_live", "copies", "mine", "theirs")

    def __init__(self) -> None:
        self.mine: dict[Key, int] = {}
        self.theirs: dict[Key, int] = {}
        self.copies: dict[Key, int] = {}
        self._live = False

    def update(self, arms: Iterable[tuple[Mapping[Key, int], bool, Role]]) -> None:
        """Adds the counts of one look: of each arm, whether it is the candidate's, and what its legs were for."""
        arms = list(arms)
        if not self._live and any(candidate and role == "canary" for _, candidate, role in arms):
            self._live, self.copies, self.mine, self.theirs = True, self.mine, {}, {}
        for counts, candidate, role in arms:
            into = self.theirs if not candidate else self.copies if self._live and role == "shadow" else self.mine
            for key, count in counts.items():
                into[key] = into.get(key, 0) + count
