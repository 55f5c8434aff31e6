"""What a sidecar follows: the newest table that was committed, for as long as it hears from the store.

1. Tables are ordered by their places, and only a newer one is taken up. A store that went back in time is heard and not
   followed, until a judge has a term above all that were seen.
2. Without an answer of the store for the lease a sidecar is *apart*: it takes its traffic off candidates, or holds what
   it has, as `on_lost` says. A sidecar that has just begun is apart until the first answer.
"""

from __future__ import annotations

from proxy.control.fleet.store import NOWHERE, FollowedTable, Heard, Place


class Following:
    """`lease`: seconds without an answer after which a sidecar is apart."""

    __slots__ = ("_heard_at", "behind", "floor", "judge", "lease", "newest", "place")

    def __init__(self, lease: float, place: Place = NOWHERE) -> None:
        self.lease = lease
        self.place = place
        """Of the table that is followed."""
        self.newest = place
        """Of the newest value that the store has told of."""
        self.floor = place[0]
        """The highest term that was ever seen."""
        self.behind = False
        """Whether the store has an older table than the one that is followed."""
        self.judge = ""
        """The instance that judges, as was heard last."""
        self._heard_at: float | None = None

    def heard(self, heard: Heard, now: float) -> bool:
        """Takes the answer to what was asked at `now`; whether there is a newer table to take. That it is not followed
        yet is no answer: it may say that a version was rolled back. The lease is counted from the question: nobody
        knows for how long the answer was under way, or lay here while the process stood still."""
        self.judge = heard.judge
        if heard.place <= self.place:
            self.is_heard(now)
        self.behind, self.newest = heard.place < self.place, heard.place
        self.see(heard.place[0])
        return heard.place > self.place

    def is_heard(self, now: float) -> None:
        """All that the store told of in answer to what was asked at `now` is followed."""
        self._heard_at = now

    def see(self, term: int) -> None:
        """Remembers a term."""
        self.floor = max(self.floor, term)

    def takes(self, table: FollowedTable) -> bool:
        """Whether a table is newer than the one that is followed; then it is the one."""
        if table.place <= self.place:
            return False
        self.place = table.place
        self.behind = False
        self.see(table.place[0])
        return True

    @property
    def looks_behind(self) -> int:
        """Looks between the newest of the store and the one that is followed; of another term, all of that term."""
        if self.newest <= self.place:
            return 0
        return self.newest[1] - (self.place[1] if self.place[0] == self.newest[0] else 0)

    def apart(self, now: float) -> bool:
        """Whether the store has been silent for the lease."""
        return self._heard_at is None or now - self._heard_at >= self.lease

    def age(self, now: float) -> float | None:
        """Seconds since the last answer; None: there was none."""
        return None if self._heard_at is None else now - self._heard_at
