"""Content codings of a stream, taken off as it comes: in bounded memory, whatever its length.

A token came with the piece of the wire that let it be read: where the server flushes its compressor. So each piece is
unpacked by itself, and where it ended is told as bytes of the plain stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import zstandard

from proxy.payload.encoding import MAX_EXPANDED, MAX_MEMBERS, MAX_ZSTD_WINDOW, names_of
from proxy.payload.reading import Unreadable

BLOCK = 64 * 1024
"""Plain bytes that are made at a time: two are as many as a part of a plain stream."""

MAX_PART_EXPANDED = 8 * 1024 * 1024
"""Plain bytes of one part of a stream (128 KiB at most): events that are nearly alike become sixty times smaller."""

ZSTD_SLICE = 256
"""Bytes that a zstd decoder gets at a time, which has no bound of its own: a block of 128 KiB may be four bytes."""

WINDOWS = {b"br": 16 * 1024 * 1024, b"zstd": MAX_ZSTD_WINDOW}
"""Plain bytes that a decoder keeps to copy from, at most (RFC 7932 §9.1, RFC 8878 §3.1.1.1.2); 32 KiB by the others."""
DECODER = 48 * 1024
"""Bytes of a decoder beside them."""


class UnpackingStage(Protocol):
    """One coding."""

    def read(self, data: bytes) -> Iterator[bytes]:
        """What can be read with these bytes, in blocks."""

    @property
    def finished(self) -> bool:
        """Whether the end of the coding was read."""


class MemberStage:
    """A coding of members one after the other (RFC 1952 §2.2, RFC 8878 §3.1), or of a single one."""

    __slots__ = ("_decode", "_decoder", "_left", "_make")

    def __init__(self, make: Callable[[], Any], members: int = MAX_MEMBERS) -> None:
        self._make, self._left = make, members
        self._decoder = make()

    @property
    def finished(self) -> bool:
        """The member is at its end."""
        return bool(self._decoder.eof)

    def read(self, data: bytes) -> Iterator[bytes]:
        """What the members hold. Raises Unreadable, `expansion`, for too many of them, and what decoders raise."""
        while data:
            if self._decoder.eof:
                self._left -= 1
                if self._left <= 0:
                    raise Unreadable("expansion")
                self._decoder = self._make()
            yield from _blocks(self._decoder, data)
            data = self._decoder.unused_data if self._decoder.eof else b""


def _blocks(decoder: Any, data: bytes) -> Iterator[bytes]:
    while not decoder.eof:
        plain = decoder.decompress(data, BLOCK)
        if plain:
            yield plain
        data = decoder.unconsumed_tail
        if not data and len(plain) < BLOCK:
            return


class ZstdFrame:
    """A decoder of one frame, with the attributes of zlib's."""

    __slots__ = ("_decoder", "unconsumed_tail", "unused_data")

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW).decompressobj()
        self.unconsumed_tail = self.unused_data = b""

    @property
    def eof(self) -> bool:
        """The frame is at its end."""
        return bool(self._decoder.eof)

    def decompress(self, data: bytes, most: int) -> bytes:
        """About as many plain bytes as `most`, and a slice's more."""
        made, size, at = [], 0, 0
        while at < len(data) and size < most and not self._decoder.eof:
            made.append(self._decoder.decompress(data[at : at + ZSTD_SLICE]))
            size += len(made[-1])
            at += ZSTD_SLICE
        if self._decoder.eof:
            self.unused_data = self._decoder.unused_data + data[at:]
        else:
            self.unconsumed_tail = data[at:]
        return b"".join(made)


class DeflateStage:
    """Deflate, in the frame of zlib or without one, as its first two bytes tell (RFC 1950 §2.2)."""

    __slots__ = ("_begun", "_member")

    def __init__(self) -> None:
        self._begun, self._member = b"", None

    _member: MemberStage | None

    @property
    def finished(self) -> bool:
        """The stream is at its end."""
        return self._member is not None and self._member.finished

    def read(self, data: bytes) -> Iterator[bytes]:
        """What the stream holds; what stands behind its end is left out."""
        if self._member is None:
            self._begun += data
            if len(self._begun) < 2:
                return
            data, head = self._begun, int.from_bytes(self._begun[:2], "big")
            framed = head >> 8 & 0x0F == zlib.DEFLATED and head % 31 == 0
            self._member = MemberStage(lambda: zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS))
        if not self._member.finished:
            yield from self._member.read(data)


class BrotliStage:
    """Brotli (RFC 7932)."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        import brotli  # 1 MB that only such bodies need

        self._decoder = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        """The stream is at its end."""
        return bool(self._decoder.is_finished())

    def read(self, data: bytes) -> Iterator[bytes]:
        """What the stream holds. Raises EOFError where it is broken."""
        import brotli

        try:
            while plain := self._decoder.process(data, output_buffer_limit=BLOCK):
                yield plain
                data = b""
        except brotli.error as error:
            raise EOFError from error


STAGES: dict[bytes, Callable[[], UnpackingStage]] = {
    b"gzip": lambda: MemberStage(lambda: zlib.decompressobj(wbits=31)),
    b"x-gzip": lambda: MemberStage(lambda: zlib.decompressobj(wbits=31)),
    b"deflate": DeflateStage,
    b"br": BrotliStage,
    b"zstd": lambda: MemberStage(ZstdFrame),
}

Block = tuple[bytes, Sequence[float], Sequence[int]]
"""Plain bytes, the seconds at which pieces came, and the plain bytes of the whole by then."""


class Unpacking:
    """The codings of one stream. Raises Unreadable, `coding`, for one that is not read."""

    __slots__ = ("_came", "_made", "_stages", "_windows")

    def __init__(self, coding: bytes) -> None:
        names = names_of(coding)
        self._stages = [STAGES[name]() for name in reversed(names)]
        self._windows = [WINDOWS.get(name, 0) for name in names]
        self._came = self._made = 0

    @property
    def size(self) -> int:
        """Bytes that the decoders hold, about."""
        return sum([DECODER + min(window, self._made) for window in self._windows])

    @property
    def finished(self) -> bool:
        """Whether all codings are at their end."""
        return all(stage.finished for stage in self._stages)

    def feed(
        self, data: bytes, chunks: Sequence[float] = (), ends: Sequence[int] = (), most: int = MAX_PART_EXPANDED
    ) -> Iterator[Block]:
        """The plain bytes of a part, at most `most`, with its times. Raises Unreadable: `encoding`, `expansion`."""
        begin, size, room = 0, 0, self._made + most
        made: list[bytes] = []
        times: list[float] = [] if ends else list(chunks)
        places: list[int] = []
        for at in range(len(ends) + 1):
            end = ends[at] - self._came if at < len(ends) else len(data)
            for plain in self._unpacked(data[begin:end]):
                made.append(plain)
                size, self._made = size + len(plain), self._made + len(plain)
                if self._made > room:
                    raise Unreadable("expansion")
                if size >= BLOCK:
                    yield b"".join(made), times, places
                    made, times, places, size = [], [], [], 0
            begin = max(end, begin)
            if at < len(ends):
                times.append(chunks[at])
                places.append(self._made)
        self._came += len(data)
        yield b"".join(made), times, places

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        try:
            for plain in _through(self._stages, data):  # of some decoders longer than they were told
                yield from (plain[at : at + BLOCK] for at in range(0, len(plain), BLOCK))
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise Unreadable("encoding") from error


def _through(stages: Sequence[UnpackingStage], data: bytes) -> Iterator[bytes]:
    if not stages:
        yield data
    elif data:
        for plain in stages[0].read(data):
            yield from _through(stages[1:], plain)


def unpack(data: bytes, coding: bytes, ends: Sequence[int]) -> tuple[bytes, Sequence[int]]:
    """A stream that is whole without its codings, and how many of its plain bytes had come by each piece. Raises
    Unreadable: `coding`, `encoding`, `expansion`."""
    unpacking = Unpacking(coding)
    blocks = list(unpacking.feed(data, ends, ends, MAX_EXPANDED))
    if not unpacking.finished:
        raise Unreadable("encoding")
    return b"".join([plain for plain, _, _ in blocks]), [place for _, _, places in blocks for place in places]
