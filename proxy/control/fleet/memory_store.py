"""The store of a fleet in memory: for simulations, and the definition of what the calls mean.

`now` is the store's clock. Nothing fails by itself; a simulation puts faults in front of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from proxy.contracts.tls import ClientTls
from proxy.control.fleet.store import (
    LABELS_A_REPORT,
    LEADERSHIP_SECONDS,
    LINKS_A_CALL,
    MAX_CHAIN,
    MAX_LABELS,
    NOWHERE,
    REPORT_KEPT_SECONDS,
    Collected,
    CommitResult,
    FollowedTable,
    Heard,
    Leadership,
    Place,
    Report,
    Reported,
)
from proxy.release.audit import Link


class Kept(Struct):
    """All that the store holds; a copy of it is a replica."""

    judge: str = ""
    judge_until: float = 0.0
    term: int = 0
    stamp: str = ""
    reports: dict[tuple[str, str], tuple[float, int, bytes, int]] = {}
    """(instance, epoch) → (when it came, seq, body, labels taken)."""
    place: Place = NOWHERE
    evidence: bytes = b""
    table: bytes = b""
    chain: list[Link] = []
    chain_end: int = 0
    """Number of the last link."""
    labels: list[bytes] = []
    labels_end: int = 0


class MemoryStore:
    """A `FleetStore` of one process. `now`: seconds by the store's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.kept = Kept()

    async def acquire(self, instance: str, floor: int, stamp: str) -> Leadership:
        """As the port says."""
        kept, now = self.kept, self._now()
        held = kept.judge if now < kept.judge_until else ""
        if held and held != instance:
            return Leadership(held, kept.term, kept.stamp)
        if not held or kept.stamp != stamp:
            kept.term, kept.stamp = max(kept.term, kept.place[0], floor) + 1, stamp
        kept.judge, kept.judge_until = instance, now + LEADERSHIP_SECONDS
        return Leadership(instance, kept.term, stamp)

    async def report(self, report: Report) -> Heard:
        """As the port says."""
        kept, now = self.kept, self._now()
        key = report.instance, report.epoch
        _, seq, body, taken = kept.reports.get(key, (0.0, 0, b"", 0))
        if report.seq > seq:
            seq, body = report.seq, report.body
        self._take(report.labels[max(taken - report.labels_before, 0) :])
        kept.reports[key] = now, seq, body, max(taken, report.labels_before + len(report.labels))
        behind = int(report.labels_after) if report.labels_after else kept.labels_end
        first = max(behind - (kept.labels_end - len(kept.labels)), 0)
        labels = tuple(kept.labels[first : first + LABELS_A_REPORT])
        end = kept.labels_end - len(kept.labels) + first + len(labels)
        return Heard(kept.judge if now < kept.judge_until else "", kept.place, labels, str(end), now)

    def _take(self, labels: Sequence[bytes]) -> None:
        self.kept.labels = list(deque((*self.kept.labels, *labels), MAX_LABELS))
        self.kept.labels_end += len(labels)

    async def collect(self, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        """As the port says."""
        now = self._now()
        self.kept.reports = {k: row for k, row in self.kept.reports.items() if now - row[0] < REPORT_KEPT_SECONDS}
        reports = tuple(
            Reported(*key, seq, now - came, None if known.get(key) == seq else body)
            for key, (came, seq, body, _) in sorted(self.kept.reports.items())
        )
        there = self.kept.place
        return Collected(there, None if there in (NOWHERE, place) else self.kept.evidence, reports, now)

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Sequence[Link] = (), end: int = 0
    ) -> CommitResult:
        """As the port says."""
        kept = self.kept
        if self._now() >= kept.judge_until or (kept.term, kept.stamp) != (place[0], place[2]):
            return "other_term"
        if kept.place != before:
            return "other_place"
        kept.place, kept.evidence, kept.table = place, evidence, table
        kept.judge_until = self._now() + LEADERSHIP_SECONDS
        kept.chain = [*kept.chain, *links][-MAX_CHAIN:]
        kept.chain_end = end
        return "done"

    async def table(self, after: int = 0) -> FollowedTable | None:
        """As the port says."""
        kept = self.kept
        if kept.place == NOWHERE:
            return None
        first = max(after - (kept.chain_end - len(kept.chain)), 0)
        return FollowedTable(kept.place, kept.table, tuple(kept.chain[first : first + LINKS_A_CALL]))

    def trust(self, tls: ClientTls | None) -> None:
        """Nobody to connect to."""

    async def close(self) -> None:
        """Nothing to give back."""
