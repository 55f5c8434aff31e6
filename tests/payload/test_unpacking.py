"""Content codings of streams: cut anywhere they read the same, with their times, in bounded memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.encoding import CODINGS, MAX_MEMBERS, decompress
from proxy.payload.reading import Unreadable
from proxy.payload.unpacking import BLOCK, MAX_PART_EXPANDED, WINDOWS, Unpacking, unpack

EVENTS = [b'data: {"choices":[{"delta":{"content":"%d "}}]}\n\n' % at for at in range(60)]


def _zlib(bits: int) -> Callable[[list[bytes]], list[bytes]]:
    def write(events: list[bytes]) -> list[bytes]:
        made = zlib.compressobj(wbits=bits)
        pieces = [made.compress(event) + made.flush(zlib.Z_SYNC_FLUSH) for event in events]
        return [*pieces[:-1], pieces[-1] + made.flush()]

    return write


def _brotli(events: list[bytes]) -> list[bytes]:
    made: Any = brotli.Compressor(quality=4)
    pieces = [made.process(event) + made.flush() for event in events]
    return [*pieces[:-1], pieces[-1] + made.finish()]


def _zstd(events: list[bytes]) -> list[bytes]:
    made = zstandard.ZstdCompressor().compressobj()
    pieces = [made.compress(event) + made.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for event in events]
    return [*pieces[:-1], pieces[-1] + made.flush()]


WRITERS: dict[bytes, Callable[[list[bytes]], list[bytes]]] = {
    b"gzip": _zlib(31),
    b"x-gzip": _zlib(31),
    b"deflate": _zlib(15),
    b"br": _brotli,
    b"zstd": _zstd,
}
CODED = {
    **{coding: write(EVENTS) for coding, write in WRITERS.items()},
    b"deflate ": _zlib(-15)(EVENTS),
    b"gzip, zstd": _zstd(_zlib(31)(EVENTS)),
}


def fed(coding: bytes, data: bytes, cuts: list[int]) -> bytes:
    unpacking = Unpacking(coding)
    begins = sorted({0, *cuts})
    parts = [data[begin:end] for begin, end in zip(begins, [*begins[1:], len(data)], strict=True)]
    made = b"".join([plain for part in parts for plain, _, _ in unpacking.feed(part)])
    assert unpacking.finished
    return made


def test_all_codings_of_bodies_are_those_of_streams() -> None:
    assert WRITERS.keys() == CODINGS.keys()


@given(st.sampled_from(sorted(CODED)), st.data())
def test_cut_anywhere_a_stream_is_the_same(coding: bytes, data: st.DataObject) -> None:
    whole = b"".join(CODED[coding])
    cuts = data.draw(st.lists(st.integers(1, len(whole) - 1), max_size=9))
    assert fed(coding, whole, cuts) == b"".join(EVENTS) == decompress(whole, coding.strip())


@pytest.mark.parametrize("coding", CODED)
def test_a_token_came_where_the_server_flushed(coding: bytes) -> None:
    pieces = CODED[coding]
    ends: list[int] = []
    places: list[int] = []
    for piece, event in zip(pieces, EVENTS, strict=True):
        ends.append((ends[-1] if ends else 0) + len(piece))
        places.append((places[-1] if places else 0) + len(event))
    assert unpack(b"".join(pieces), coding, ends) == (b"".join(EVENTS), places)


def test_times_of_pieces_that_come_in_parts() -> None:
    unpacking, pieces = Unpacking(b"gzip"), CODED[b"gzip"]
    first, second = b"".join(pieces[:2]), b"".join(pieces[2:4])
    got = [*unpacking.feed(first, [0.1, 0.2], [len(pieces[0]), len(first)])]
    got += unpacking.feed(second, [0.3, 0.4], [len(first) + len(pieces[2]), len(first + second)])
    assert [time for _, times, _ in got for time in times] == [0.1, 0.2, 0.3, 0.4]
    assert [place for _, _, places in got for place in places] == [len(b"".join(EVENTS[: at + 1])) for at in range(4)]


@pytest.mark.parametrize("coding", WRITERS)
def test_what_a_part_may_become_is_bounded_in_size_and_in_memory(coding: bytes) -> None:
    bomb = b"".join(WRITERS[coding]([bytes(MAX_PART_EXPANDED * 4)]))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="expansion"):
            for _ in Unpacking(coding).feed(bomb):
                pass
        assert tracemalloc.get_traced_memory()[1] < 16 * BLOCK + WINDOWS.get(coding, 0) + ZSTD_BLOCKS
    finally:
        tracemalloc.stop()


ZSTD_BLOCKS = 8 * 1024 * 1024
"""Of one slice of zstd: sixty blocks of 128 KiB at most."""


@pytest.mark.parametrize("coding", WRITERS)
def test_a_stream_of_any_length_is_read(coding: bytes) -> None:
    pieces = WRITERS[coding]([b"data: %d\n\n" % at * 40 for at in range(3000)] * 8)
    unpacking, size = Unpacking(coding), 0
    for at in range(0, len(pieces), 500):
        size += sum([len(plain) for plain, _, _ in unpacking.feed(b"".join(pieces[at : at + 500]))])
    assert size > MAX_PART_EXPANDED and unpacking.finished
    assert unpacking.size <= 64 * 1024 + WINDOWS.get(coding, 0)


@pytest.mark.parametrize("coding", WRITERS)
def test_half_a_stream_has_no_end_and_garbage_is_an_error(coding: bytes) -> None:
    whole = b"".join(CODED[coding])
    with pytest.raises(Unreadable, match="encoding"):
        unpack(whole[: len(whole) // 2], coding, [len(whole) // 2])
    with pytest.raises(Unreadable, match="encoding"):
        unpack(b"\xff" * 99, coding, [99])


def test_members_are_one_stream_and_too_many_are_none() -> None:
    member = gzip.compress(b"x")
    assert unpack(member * MAX_MEMBERS, b"gzip", [3]) == (b"x" * MAX_MEMBERS, [0])
    with pytest.raises(Unreadable, match="expansion"):
        unpack(member * (MAX_MEMBERS + 1), b"gzip", [3])
    frames = zstandard.ZstdCompressor().compress(b"x") * 3
    assert unpack(frames, b"zstd", [3])[0] == b"xxx"


def test_a_coding_that_is_not_read_says_so() -> None:
    with pytest.raises(Unreadable, match="coding"):
        Unpacking(b"compress")


@given(st.binary(max_size=60), st.sampled_from(sorted(WRITERS)))
def test_garbage_is_plain_or_a_reason(data: bytes, coding: bytes) -> None:
    try:
        unpack(data, coding, [len(data)])
    except Unreadable as error:
        assert error.reason in ("encoding", "expansion")
