"""Queue of a worker's reports to control. Bounded: records are dropped first and counted, ticks are never dropped.

At most one tick is under way. Until it is acknowledged the worker goes on counting into its own accumulators, whose
size does not depend on how long control is silent; so exactness costs no memory.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.contracts.record import Record, Tick
from proxy.link.frames import BatchWriter, Ticks, encode, encode_record

MAX_RECORDS: Final = 4096
"""Records waiting: about 100 ms of traffic at 40,000 legs a second; control that is further behind must sample."""

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
"""Bytes of records waiting, not counting the last one."""

MAX_PART_BYTES: Final = MAX_RECORD_BYTES // 2
"""Bytes of records waiting above which parts of long answers are not taken, so that other records have room."""

FRAME_BYTES: Final = 1024 * 1024
"""Bytes of records in one frame, not counting the last one: what control decodes in some milliseconds."""

RIPE_RECORDS: Final = 1024
"""Records that go at once; fewer wait for the next tick."""

MAX_UNSENT: Final = 1024 * 1024
"""Bytes that the socket has not taken yet, above which further batches wait here, where they are bounded."""

_encode: Final = encode_record
"""Looked up once."""


class Outbox:
    """Records and the one tick under way of a worker. `unsent`: bytes that control's socket held when last asked."""

    __slots__ = ("_count", "_frames", "_records", "_room", "_sealed", "_unacked", "_writer", "dropped", "unsent")

    def __init__(self, worker: int, incarnation: str) -> None:
        self._writer = BatchWriter(worker, incarnation)
        # Encoded at once, while they are in the cache; as objects they would push out what the next requests need.
        self._records = bytearray()
        # Frames that are full, each with its number of records and their bytes.
        self._frames: deque[tuple[int, int, bytes]] = deque()
        # All records that wait, those of them in frames, and the bytes that frames leave to the others.
        self._count, self._sealed, self._room = 0, 0, MAX_RECORD_BYTES
        self._unacked: Tick | None = None
        self.dropped: dict[str, int] = {}
        self.unsent = 0

    def put(self, record: Record) -> None:
        """Takes a record, or counts it as dropped (`outbox_full`)."""
        records = self._records
        if self._count >= MAX_RECORDS or len(records) >= self._room:
            self.drop("outbox_full")
            return
        _encode(record, records, -1)
        self._count += 1
        if len(records) >= FRAME_BYTES:
            self._seal()

    def put_part(self, part: Record) -> bool:
        """Takes a part of an answer; False where there is no room. Its record, which is still to come, says so."""
        if self._count >= MAX_RECORDS or self._held() >= MAX_PART_BYTES:
            return False
        self.put(part)
        return True

    def _seal(self) -> None:
        count, size = self._count - self._sealed, len(self._records)
        self._frames.append((count, size, self._writer.frame(count, self._records)))
        self._sealed, self._room = self._count, self._room - size
        self._records = bytearray()

    def _held(self) -> int:
        return MAX_RECORD_BYTES - self._room + len(self._records)

    def waiting(self) -> int:
        """Bytes of records that wait, here or in the socket when it was last asked."""
        return self._held() + self.unsent

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
        return self._sealed > 0 or self._count >= RIPE_RECORDS

    def flush(self, unsent: int) -> bytes:
        """A frame of the oldest waiting records, or nothing: no records, or the socket still holds `unsent` bytes."""
        self.unsent = unsent
        if unsent > MAX_UNSENT:
            return b""
        if self._count > self._sealed and not self._frames:
            self._seal()
        if not self._frames:
            return b""
        count, size, frame = self._frames.popleft()
        self._count, self._sealed, self._room = self._count - count, self._sealed - count, self._room + size
        self.unsent += len(frame)
        return frame
