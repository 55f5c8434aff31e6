"""Answers that travel in parts, because they are long: put together here, or read as they come.

A worker sends an answer ahead of its record, some hundred kilobytes at a time (`contracts.record.Record.partial`).
A stream is read part by part, whatever its length; any other answer is kept until it is whole.

What is kept is bounded in sum: where it is too much, the answer that began first is lost, counted, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import orjson
from msgspec.structs import replace

from proxy.contracts.observation import Text, UnreadReason
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis
from proxy.payload.encoding import coding_of
from proxy.payload.reading import Body, Content, Unreadable
from proxy.payload.unpacking import Unpacking

MAX_PARTED_BYTES = 32 * 1024 * 1024
"""Bytes of all answers that are not whole yet."""
MAX_PARTED_ANSWER = 5 * 1024 * 1024
"""Bytes of one that is no stream: what a worker sends of one, and the part that shows that it is too large."""

MAX_PART_STEPS = 16_384
"""Events of one part that are read one by one, a fifth of a second: only a compressed part has more."""

OVERHEAD = 2048
"""Bytes of an answer beside what it holds, so that many small ones are bounded as well."""


class AnswerReader(Protocol):
    """The reader of a stream as it comes. All but `size` may raise Unreadable, and orjson.JSONDecodeError."""

    body: Body
    steps: int
    """Events, or messages, that were read one by one."""

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""

    def admit(self, data: bytes) -> None:
        """Refuses a part that would cost too much."""

    def feed(self, data: bytes, chunks: Sequence[float] = (), ends: Sequence[int] = ()) -> None:
        """Takes in a part of the stream."""

    def end(self) -> None:
        """The stream has ended."""

    def forget_times(self) -> None:
        """When the pieces came says nothing."""

    def content(self) -> Content:
        """What it said."""

    def times(self) -> Text | None:
        """The times alone, of a stream that is not whole."""


ReaderOf = Callable[[Body], AnswerReader | None]
"""The reader of an answer with these fields; None: it is no stream, or is read when it is whole."""
Key = tuple[tuple[int, str], int, str, str]


class PartedAnswer:
    """The parts of one answer: of a stream what its `reader` made of them, of others their bytes.

    - `count`: parts so far; `size`: bytes that are held; a stream in a content coding is unpacked as it comes
    - `unread`: why it cannot be read, "": nothing speaks against it
    """

    __slots__ = ("_chunks", "_ends", "_pieces", "_unpacking", "count", "fields", "reader", "size", "unread")

    def __init__(self, fields: bytes, analysis: Analysis, reader_of: ReaderOf) -> None:
        self.fields = fields
        lower = fields.lower()
        self.reader = reader_of(Body(b"", lower, analysis))
        self.unread: UnreadReason | Literal[""] = ""
        self.count = self.size = 0
        self._unpacking = self._unpacked(coding_of(lower)) if self.reader is not None else None
        self._pieces: list[bytes] = []
        self._chunks: list[float] = []
        self._ends: list[int] = []

    def _unpacked(self, coding: bytes) -> Unpacking | None:
        try:
            return Unpacking(coding) if coding else None
        except Unreadable as error:
            self.unread = error.reason
        return None

    def add(self, data: bytes, chunks: Sequence[float], ends: Sequence[int]) -> None:
        """Takes in the next part."""
        self.count += 1
        if self.unread:
            return
        if self.reader is not None:
            self._feed(self.reader, data, chunks, ends)
            return
        self._pieces.append(data)
        self._chunks += chunks
        self._ends += ends
        self.size += len(data)
        if self.size > MAX_PARTED_ANSWER:
            self._give_up("too_large")

    def joined(self, record: Record) -> Record:
        """The record of an answer that is no stream, with all of its bytes."""
        self.add(record.response or b"", record.chunks, record.ends)
        chunks, ends = ([], []) if record.disturbed else (self._chunks, self._ends)
        whole = b"".join(self._pieces)
        return replace(record, response_fields=self.fields, response=whole, chunks=chunks, ends=ends, parts=0)

    def ended(self, record: Record) -> None:
        """The end of a stream."""
        reader = self.reader
        assert reader is not None
        self.add(record.response or b"", record.chunks, record.ends)
        if self._unpacking is not None and not self._unpacking.finished and not self.unread:
            self._give_up("encoding")
        if record.disturbed:
            reader.forget_times()

    def _feed(self, reader: AnswerReader, data: bytes, chunks: Sequence[float], ends: Sequence[int]) -> None:
        try:
            unpacking, most = self._unpacking, reader.steps + MAX_PART_STEPS
            for plain, times, places in unpacking.feed(data, chunks, ends) if unpacking else ((data, chunks, ends),):
                reader.admit(plain)
                reader.feed(plain, times, places)
                if unpacking and reader.steps > most:
                    raise Unreadable("too_many_values")
        except Unreadable as error:
            self._give_up(error.reason)
        except (orjson.JSONDecodeError, RecursionError):
            self._give_up("json")
        except Exception:  # noqa: BLE001
            self._give_up("internal")  # as in `decode`
        else:
            self.size = reader.size + (unpacking.size if unpacking else 0)

    def _give_up(self, reason: UnreadReason) -> None:
        self.unread, self.size = reason, 0
        self._pieces, self._chunks, self._ends = [], [], []
        self._unpacking = None


class Assembly:
    """The answers that are not whole yet, of all workers. `lost` counts those that were given up; monotone."""

    __slots__ = ("_answers", "_room", "_size", "lost")

    def __init__(self, room: int = MAX_PARTED_BYTES) -> None:
        self._answers: dict[Key, PartedAnswer] = {}
        self._room, self._size = room, 0
        self.lost = 0

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return self._size

    def add(self, part: Record, source: tuple[int, str], analysis: Analysis, reader_of: ReaderOf) -> None:
        """Takes in a part. One whose answer's earlier parts are lost is nothing."""
        key = (source, part.exchange, part.role, part.version)
        answer = self._answers.get(key)
        if answer is None:
            if part.parts:
                return
            answer = self._answers[key] = PartedAnswer(part.response_fields, analysis, reader_of)
            self._size += OVERHEAD
        before = answer.size
        answer.add(part.response or b"", part.chunks, part.ends)
        self._size += answer.size - before
        while self._size > self._room:
            self._drop(next(iter(self._answers)))

    def take(self, record: Record, source: tuple[int, str]) -> PartedAnswer | None:
        """The parts that went ahead of a record, no longer kept here; None: they are lost, or there were none."""
        answer = self._answers.pop((source, record.exchange, record.role, record.version), None)
        if answer is None:
            return None
        self._size -= answer.size + OVERHEAD
        return answer if answer.count == record.parts else None

    def forget(self, worker: int, incarnation: str) -> None:
        """Another incarnation of a worker has begun: what the one before left unfinished will never be whole."""
        for key in [key for key in self._answers if key[0][0] == worker and key[0][1] != incarnation]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        answer = self._answers.pop(key)
        self._size -= answer.size + OVERHEAD
        self.lost += 1
