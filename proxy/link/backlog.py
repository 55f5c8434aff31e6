"""What workers sent and control has not worked on yet: batches of records, and the ticks behind them.

Rules:

1. First in, first out: what bodies say of the legs that a tick counts comes before the tick, since control judges with
   it.
2. Ticks are never shed: they are exact, small, and at most one of each worker is under way.
3. Records are: the oldest batch where there is no room for another (`backlog_full`), and those that waited for longer
   than `MAX_WAIT` when their turn comes (`backlog_late`), because a tick may wait behind them, and a worker that hears
   nothing gives its canaries up in the end. Their legs are lost as evidence, and counted.
4. A batch is worked on in parts, so that nothing else in control waits for the whole of it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Generic, TypeVar

from msgspec import Struct

from proxy.contracts.record import Record, Tick
from proxy.link.frames import Records

MAX_WAIT = 0.5
"""Seconds that records wait at most: a tick comes to its turn within a second, a tenth of the lease."""

MAX_BACKLOG_BYTES = 16 * 1024 * 1024
"""Bytes of all records that wait, of all workers, as they came."""

MAX_PART = 512
"""Records that are worked on at a time: some milliseconds, and what statistics take them for is spread over them."""

End = TypeVar("End")
"""Where an answer to a tick goes."""


class WaitingTick(Struct, Generic[End], eq=False, gc=False):
    """A tick that waits."""

    end: End
    tick: Tick


class WaitingRecords(Struct, eq=False, gc=False):
    """A batch that waits, or the rest of one."""

    batch: Records
    size: int
    """Bytes of the whole batch."""
    since: float
    """When it came (monotonic seconds)."""
    taken: int = 0
    """Records of it that were worked on."""

    @property
    def left(self) -> int:
        """Records that were not worked on."""
        return len(self.batch.records) - self.taken

    def part(self) -> Records:
        """The next ones."""
        records: list[Record] = self.batch.records[self.taken : self.taken + MAX_PART]
        return Records(self.batch.worker, self.batch.incarnation, records)


class Backlog(Generic[End]):
    """The queue. `shed`: records that were not worked on, by reason, since the last `take_shed`."""

    __slots__ = ("_bytes", "_max_bytes", "_queue", "shed")

    def __init__(self, max_bytes: int = MAX_BACKLOG_BYTES) -> None:
        self._queue: deque[WaitingTick[End] | WaitingRecords] = deque()
        self._bytes, self._max_bytes = 0, max_bytes
        self.shed: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._queue)

    def put_tick(self, end: End, tick: Tick) -> None:
        """Adds a tick."""
        self._queue.append(WaitingTick(end, tick))

    def put_records(self, batch: Records, size: int, now: float) -> None:
        """Adds a batch of `size` bytes; makes room for it."""
        self._queue.append(WaitingRecords(batch, size, now))
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._shed(next(each for each in self._queue if isinstance(each, WaitingRecords)), "backlog_full")

    def next(self, now: float) -> WaitingTick[End] | WaitingRecords | None:
        """What is to be worked on: a tick, which is taken out, or records, of which `took` tells how many were."""
        while self._queue:
            first = self._queue[0]
            if isinstance(first, WaitingTick):
                self._queue.popleft()
                return first
            if now - first.since <= MAX_WAIT:
                return first
            self._shed(first, "backlog_late")
        return None

    def took(self, waiting: WaitingRecords, count: int) -> None:
        """`count` records of the first batch were worked on."""
        waiting.taken += count
        if waiting.left <= 0:
            self._remove(waiting)

    def take_shed(self) -> Counter[str]:
        """Records that were shed since the last call."""
        shed, self.shed = self.shed, Counter()
        return shed

    def _shed(self, waiting: WaitingRecords, reason: str) -> None:
        self.shed[reason] += sum([not record.partial for record in waiting.batch.records[waiting.taken :]])
        self._remove(waiting)

    def _remove(self, waiting: WaitingRecords) -> None:
        self._queue.remove(waiting)
        self._bytes -= waiting.size
