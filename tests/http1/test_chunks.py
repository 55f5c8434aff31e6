"""Bodies in chunks: what RFC 9112 §7.1 allows is read, all else is an error as soon as it can be seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1 import write
from proxy.http1.chunks import MAX_DIGITS, MAX_LINES, ChunkError, ChunkReader

READ = {
    "a chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "no chunk": (b"0\r\n\r\n", b""),
    "leading zeros": (b"00000000000000000005\r\nhello\r\n000\r\n\r\n", b"hello"),
    "digits in both cases": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    "an extension": (b"5;a=b\r\nhello\r\n0;last\r\n\r\n", b"hello"),
    "an extension without a value": (b"5;a;b\r\nhello\r\n0\r\n\r\n", b"hello"),
    "a quoted extension": (b'5;a="b;\\"c"\r\nhello\r\n0\r\n\r\n', b"hello"),
    "spaces before an extension": (b"5 ;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    "a tab before an extension": (b"5\t;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    "spaces within extensions": (b"5 ; a = b\t;\tc\r\nhello\r\n0\r\n\r\n", b"hello"),
}

REFUSED = {
    "a size that 64 bits cannot hold": b"fffffffffffffffff",
    "the largest of 64 bits": b"ffffffffffffffff\r\n",
    "the largest with a sign": b"8000000000000000\r\n",
    "one digit more than any body has": b"1" + b"0" * MAX_DIGITS,
    "a space after the size": b"5 \r\n",
    "a space before the size": b" 5",
    "a sign": b"+5",
    "a minus": b"-5",
    "0x": b"0x5",
    "an underscore": b"5_0",
    "no hexadecimal digit": b"g",
    "no digit": b"\r\n",
    "an extension alone": b";a=b\r\n",
    "another word": b"5 5",
    "an empty extension": b"5;\r\n",
    "an extension without a value after =": b"5;a=\r\n",
    "an open quote": b'5;a="b\r\n',
    "NUL in an extension": b"5;a\x00b\r\n",
    "a CR alone in an extension": b"5;a\rb",
    "an LF alone in an extension": b"5;a\n",
    "a CR alone after the size": b"5\rh",
    "two CRs after the size": b"5\r\r",
    "an LF alone after the size": b"5\n",
    "no line end after the data": b"5\r\nhello0",
    "a CR alone after the data": b"5\r\nhello\r0",
    "an LF alone after the data": b"5\r\nhello\n",
    "data that goes on": b"5\r\nhello!\r\n",
    "a CR alone in a trailer": b"0\r\nX: a\rb",
    "an LF alone in a trailer": b"0\r\nX: a\n",
    "a CR alone instead of the end": b"0\r\n\rX",
    "an LF alone instead of the end": b"0\r\n\n",
    "a trailer without a colon": b"0\r\nX\r\n",
    "a trailer without a name": b"0\r\n: x\r\n",
    "a space before the colon of a trailer": b"0\r\nX : a\r\n",
    "a folded trailer": b"0\r\nX: a\r\n b\r\n",
    "NUL in a trailer": b"0\r\nX: a\x00\r\n",
    "a length as a trailer": b"0\r\nContent-Length: 5\r\n",
    "a coding as a trailer": b"0\r\nTransfer-Encoding: chunked\r\n",
}


def read(pieces: list[bytes]) -> tuple[ChunkReader, bytes, bytes]:
    """The reader, the body, and the rest behind its end."""
    body: list[bytes] = []
    reader, rest = ChunkReader(), b""
    for piece in pieces:
        at = 0 if reader.done else reader.read(piece, 0, body)
        rest += piece[at:]
    return reader, b"".join(body), rest


def single(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    data, body = READ[name]
    for pieces in ([data + b"GET"], single(data + b"GET")):
        reader, found, rest = read(pieces)
        assert (reader.done, found, rest, reader.trailers) == (True, body, b"GET", [])


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_byte_that_shows_it(name: str) -> None:
    for pieces in ([REFUSED[name]], single(REFUSED[name])):
        with pytest.raises(ChunkError) as refused:
            read(pieces)
        assert not refused.value.too_large


def test_trailers_are_kept_without_the_white_space_around_their_values() -> None:
    reader, _, _ = read([b"0\r\nX-Sum:\t1 \r\nX-Empty:\r\n\r\n"])
    assert reader.done and reader.trailers == [b"X-Sum: 1", b"X-Empty: "]


@pytest.mark.parametrize("endless", [b"1;n=", b"0\r\nX: ", b"0\r\nX: y\r\nX: "], ids=["extension", "trailer", "second"])
def test_lines_are_bounded(endless: bytes) -> None:
    with pytest.raises(ChunkError) as refused:
        read([endless] + [b"a" * 4096] * (MAX_LINES // 4096 + 1))
    assert refused.value.too_large


def test_a_long_extension_that_comes_whole_is_bounded() -> None:
    with pytest.raises(ChunkError) as refused:
        read([b"1;n=" + b"a" * MAX_LINES + b"\r\na\r\n0\r\n\r\n"])
    assert refused.value.too_large


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.integers(1, 50))
def test_what_is_written_is_read_however_it_is_cut(parts: list[bytes], size: int) -> None:
    data = b"".join(map(write.chunk, parts)) + write.LAST_CHUNK + b"rest"
    reader, body, rest = read([data[at : at + size] for at in range(0, len(data), size)])
    assert (reader.done, body, rest) == (True, b"".join(parts), b"rest")


@given(st.lists(st.sampled_from([b"5", b"0", b"\r", b"\n", b"\r\n", b";a", b" ", b"hello", b"x", b":"]), max_size=12))
def test_how_bytes_are_cut_does_not_matter(tokens: list[bytes]) -> None:
    data = b"".join(tokens)
    found: list[tuple[bool, bytes, bytes] | None] = []
    for pieces in ([data], single(data)):
        try:
            reader, body, rest = read(pieces)
        except ChunkError:
            found.append(None)
        else:
            found.append((reader.done, body, rest))
    assert found[0] == found[1]
