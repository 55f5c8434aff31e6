"""What is new in the reports of a fleet, and what is remembered so that no count is taken twice.

1. What is new of an epoch are its counts less what was taken of it.
2. An epoch is over once its sidecar has reported by another one, and not by it, for `OVER_SECONDS`. Its counts are
   folded away then; the number of its last report stays for as long as the store has that.
3. An epoch that goes on though its counts are not remembered begins from where it stands, and nothing of it is new: it
   was over, or a table has told its sidecar of a report that was taken and is forgotten.
4. What a sidecar counted of an earlier judgement on a route is no evidence on the present one (`judge`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from proxy.control.fleet import counts
from proxy.control.fleet.bodies import Consumed, ReportBody
from proxy.control.fleet.store import MEMBER_SECONDS, Place, Reported

OVER_SECONDS = MEMBER_SECONDS
"""Time after which the next epoch of a sidecar ends the last one; two sidecars of one name both go on reporting."""

GONE_SECONDS = 60.0
"""Time after which what was consumed of a report that is gone is forgotten: a sidecar that was not answered for half of
it has begun another epoch (`reporter.LATE_SECONDS`), and a store that is full may lose a report that comes again."""

NOTHING = Consumed(0, [])


class Consumption:
    """`rows`: by `EPOCH:INSTANCE` what was taken; they are part of what is committed."""

    __slots__ = ("_gone", "rows")

    def __init__(self, rows: dict[str, Consumed]) -> None:
        self.rows = rows
        self._gone: dict[str, float] = {}

    def is_new(self, key: str, seq: int) -> bool:
        """Whether nothing was taken of a report yet."""
        return seq > self.rows.get(key, NOTHING).seq

    def take(self, key: str, seq: int, body: ReportBody) -> tuple[counts.Cells, Place]:
        """What is new in a report, and the table that its sidecar followed when it began to count that."""
        before = self.rows.get(key)
        self.rows[key] = Consumed(seq, body.counted, body.follows)
        cells = counts.cells_of(body.counted)
        if before is None and not body.taken:
            return cells, body.began
        if before is None or before.over:
            return {}, body.follows
        return counts.difference(cells, counts.cells_of(before.counted)), before.follows

    def look(self, reports: Collection[Reported], now: float) -> None:
        """Folds epochs that are over, and forgets those that are gone."""
        there = {f"{each.epoch}:{each.instance}" for each in reports}
        self._gone = {key: self._gone.get(key, now) for key in self.rows if key not in there}
        for key in [key for key, since in self._gone.items() if now - since >= GONE_SECONDS]:
            del self.rows[key], self._gone[key]
        for key in _over(reports):
            if key in self.rows and not self.rows[key].over:
                self.rows[key] = Consumed(self.rows[key].seq, [], over=True)

    @property
    def taken(self) -> Mapping[str, int]:
        """`EPOCH:INSTANCE` to the number of the newest report that was taken, of epochs that go on."""
        return {key: row.seq for key, row in self.rows.items() if not row.over}


def _over(reports: Collection[Reported]) -> list[str]:
    youngest: dict[str, float] = {}
    for each in reports:
        youngest[each.instance] = min(each.age, youngest.get(each.instance, each.age))
    return [
        f"{each.epoch}:{each.instance}"
        for each in reports
        if each.age >= OVER_SECONDS and each.age > youngest[each.instance]
    ]
