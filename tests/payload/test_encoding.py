"""Content codings are read within a bound, and whatever is broken says so."""

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.encoding import CODINGS, MAX_CODINGS, MAX_EXPANDED, MAX_MEMBERS, coding_of, decompress
from proxy.payload.reading import Unreadable


def br(plain: bytes) -> bytes:
    written: bytes = pytest.importorskip("brotli").compress(plain)
    return written


WRITERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": br,
    b"zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_what_was_written_is_read(coding: bytes) -> None:
    for plain in (b"x", b'{"inputs": []}' * 1000):
        assert decompress(WRITERS[coding](plain), coding) == plain


def test_several_members_are_one_body() -> None:
    assert decompress(gzip.compress(b"ab") + gzip.compress(b"cd"), b"gzip") == b"abcd"


@pytest.mark.parametrize("coding", CODINGS)
def test_expansion_is_bounded(coding: bytes) -> None:
    bomb = WRITERS[coding](bytes(MAX_EXPANDED * 4))
    with pytest.raises(Unreadable, match="expansion"):
        decompress(bomb, coding)
    assert len(decompress(WRITERS[coding](bytes(MAX_EXPANDED)), coding)) == MAX_EXPANDED


@pytest.mark.parametrize("coding", CODINGS)
def test_half_a_body_is_an_error(coding: bytes) -> None:
    whole = WRITERS[coding](bytes(range(256)) * 50)
    with pytest.raises(Unreadable):
        decompress(whole[: len(whole) // 2], coding)


@given(st.binary(max_size=60), st.sampled_from([*CODINGS, b"compress", b""]))
def test_garbage_is_plain_or_a_reason(data: bytes, coding: bytes) -> None:
    try:
        decompress(data, coding)
    except Unreadable as error:
        assert error.reason in ("coding", "encoding", "expansion")


def test_a_body_of_more_members_than_anybody_writes_is_not_read() -> None:
    member = gzip.compress(b"a")
    assert decompress(member * MAX_MEMBERS, b"gzip") == b"a" * MAX_MEMBERS
    with pytest.raises(Unreadable, match="expansion"):
        decompress(member * (MAX_MEMBERS + 1), b"gzip")


def test_what_says_that_it_is_too_large_is_believed() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(MAX_EXPANDED + 1))
    with pytest.raises(Unreadable, match="expansion"):
        decompress(bomb[:40], b"zstd")  # of the bytes behind its head nothing was looked at


@given(st.lists(st.sampled_from(sorted(CODINGS)), max_size=MAX_CODINGS), st.binary(min_size=1, max_size=200))
def test_codings_within_each_other(codings: list[bytes], plain: bytes) -> None:
    """In the order in which they were applied, in one field or several, with what changes nothing between them."""
    data = plain
    for coding in codings:
        data = WRITERS[coding](data)
    listed = b" , identity,".join(codings)
    lines = b"content-type: x\r\n" + b"".join(b"content-encoding: %s\r\n" % coding for coding in codings)
    for coding in (listed, coding_of(lines), coding_of(b"content-encoding: " + listed)):
        assert decompress(data, coding) == plain


def test_too_many_codings_are_not_read() -> None:
    for coding in (b",".join([b"gzip"] * (MAX_CODINGS + 1)), b"gzip, compress"):
        with pytest.raises(Unreadable, match="coding"):
            decompress(b"", coding)
    assert coding_of(b"content-encoding: identity\r\n") == coding_of(b"vary: content-encoding\r\n") == b""


def test_deflate_without_its_frame() -> None:
    raw = zlib.compressobj(wbits=-15)
    assert decompress(raw.compress(b"ab" * 99) + raw.flush(), b"deflate") == b"ab" * 99


def test_a_bomb_within_a_bomb_is_bounded_at_each_coding() -> None:
    inner = gzip.compress(bytes(MAX_EXPANDED * 64))
    with pytest.raises(Unreadable, match="expansion"):
        decompress(gzip.compress(inner), b"gzip, gzip")
