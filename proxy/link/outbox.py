"""Queue of a worker's reports to control. Bounded: records are dropped first and counted, ticks are never dropped.

At most one tick is under way. Until it is acknowledged the worker goes on counting into its own accumulators, whose
size does not depend on how long control is silent; so exactness costs no memory.
"""

from __future__ import annotations

from proxy.contracts.record import Record, Tick
from proxy.link.frames import BatchWriter, Ticks, encode, encode_record

MAX_RECORDS = 4096
"""Records waiting: about 100 ms of traffic at 40,000 legs a second; control that is further behind must sample."""

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Bytes of records waiting, not counting the last one."""

RIPE_RECORDS = 1024
"""Records that go at once; fewer wait for the next tick."""

MAX_UNSENT = 1024 * 1024
"""Bytes that the socket has not taken yet, above which further batches wait here, where they are bounded."""


class Outbox:
    """Records and the one tick under way of a worker."""

    __slots__ = ("_count", "_records", "_unacked", "_writer", "dropped")

    def __init__(self, worker: int, incarnation: str) -> None:
        self._writer = BatchWriter(worker, incarnation)
        # Encoded at once, while they are in the cache; as objects they would push out what the next requests need.
        self._records, self._count = bytearray(), 0
        self._unacked: Tick | None = None
        self.dropped: dict[str, int] = {}

    def put(self, record: Record) -> None:
        """Takes a record, or counts it as dropped (`outbox_full`)."""
        if self._count >= MAX_RECORDS or len(self._records) >= MAX_RECORD_BYTES:
            self.drop("outbox_full")
            return
        encode_record(record, self._records, -1)
        self._count += 1

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts records that control will not see."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def take_dropped(self) -> dict[str, int]:
        """The drops since the last call."""
        dropped, self.dropped = self.dropped, {}
        return dropped

    @property
    def may_tick(self) -> bool:
        """True when no tick is under way."""
        return self._unacked is None

    def tick(self, tick: Tick) -> bytes:
        """The frame of a new tick; it is kept until `ack`."""
        self._unacked = tick
        return encode(Ticks(tick))

    def ack(self, seq: int) -> None:
        """Control has counted tick `seq`."""
        if self._unacked is not None and self._unacked.seq == seq:
            self._unacked = None

    def resend(self) -> bytes:
        """Frames that are sent again on a new connection."""
        return b"" if self._unacked is None else encode(Ticks(self._unacked))

    @property
    def ripe(self) -> bool:
        """So much waits that it should go at once."""
        return self._count >= RIPE_RECORDS or len(self._records) >= MAX_UNSENT

    def flush(self, unsent: int) -> bytes:
        """The frame of all waiting records, or nothing: no records, or the socket still holds `unsent` bytes."""
        if not self._count or unsent > MAX_UNSENT:
            return b""
        frame = self._writer.frame(self._count, self._records)
        self._records, self._count = bytearray(), 0
        return frame
