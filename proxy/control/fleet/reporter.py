"""The reports of one sidecar: what it counted, cumulative, under a name that is never used twice.

- A report that was not answered may have come or not: the next one holds all of it again.
- Counts that could not be reported for `LATE_SECONDS` are no evidence any more, because the judge has drawn its cut
  points from younger requests by then. They are dropped, and counted; a new epoch begins.
- An epoch that has become large ends with a report that was answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from proxy.control.fleet.counting import Counting
from proxy.control.fleet.counts import is_full
from proxy.control.fleet.store import LABELS_A_REPORT, Heard, Report

LATE_SECONDS = 30.0
"""Age of counts beyond which they are figures of this sidecar, and evidence of nothing."""

MAX_WAITING_LABELS = 10_000
"""Labels that wait to be reported; further ones are refused, and counted."""


class Reporter:
    """Makes reports for `instance`. `new_epoch` returns a name that is never used twice."""

    def __init__(self, instance: str, counting: Counting, new_epoch: Callable[[], str], now: float) -> None:
        self._instance, self._counting, self._new_epoch = instance, counting, new_epoch
        self._epoch, self._seq, self._sent_labels = new_epoch(), 0, 0
        self._since = now
        self._written_legs = self._answered_legs = 0
        self._labels: deque[bytes] = deque()
        self._labels_after = ""
        self.late_legs = 0
        """Finished legs whose counts came too late to be evidence. Monotone."""
        self.refused_labels = 0
        """Labels for which there was no place. Monotone."""

    @property
    def key(self) -> str:
        """`EPOCH:INSTANCE` of the next report."""
        return f"{self._epoch}:{self._instance}"

    @property
    def waiting(self) -> bool:
        """Whether labels have not left yet."""
        return bool(self._labels)

    def add_labels(self, labels: Sequence[bytes]) -> int:
        """Takes labels for the other sidecars; how many had no place."""
        room = max(MAX_WAITING_LABELS - len(self._labels), 0)
        self._labels.extend(labels[:room])
        refused = len(labels) - min(len(labels), room)
        self.refused_labels += refused
        return refused

    def next(self, body: Callable[[Counting], bytes], now: float) -> Report:
        """The next report; `body` writes what was counted."""
        if now - self._since > LATE_SECONDS:
            self.late_legs += self._counting.legs - self._answered_legs
            self._begin(now)
        self._seq += 1
        labels = tuple(self._labels)[:LABELS_A_REPORT]
        written, self._written_legs = body(self._counting), self._counting.legs
        return Report(self._instance, self._epoch, self._seq, written, labels, self._sent_labels, self._labels_after)

    def answered(self, report: Report, heard: Heard, sent_at: float) -> tuple[bytes, ...]:
        """Takes the answer to a report that was made at `sent_at`; returns the labels that it brought."""
        if report.epoch != self._epoch:
            return ()
        self._since, self._answered_legs = sent_at, self._written_legs
        for _ in report.labels:
            self._labels.popleft()
        self._sent_labels += len(report.labels)
        self._labels_after = heard.labels_after
        if is_full(self._counting.cells):
            self._begin(sent_at)
        return heard.labels

    def _begin(self, now: float) -> None:
        self._counting.begin()
        self._epoch, self._seq, self._sent_labels, self._since = self._new_epoch(), 0, 0, now
        self._written_legs = self._answered_legs = 0
