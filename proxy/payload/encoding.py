"""Content codings that are read for analysis, with a bound on what they may expand to.

The bytes that travel between client and model server are never touched; this reads a copy. A coding that says how
large the body is (zstd) is believed where it says too much; the others are read up to the bound.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import zstandard

from proxy.payload.reading import Unreadable

MAX_EXPANDED = 4 * 1024 * 1024
"""Bytes of one decompressed body: 16 times the largest body that a record carries."""

MAX_ZSTD_WINDOW = 8 * 1024 * 1024
"""The largest zstd window that is accepted, as RFC 8878 §3.1.1.1.2 recommends decoders to support."""

MAX_CODINGS = 4
"""Content codings of one body, one within the other: gateways that compress what is compressed make two."""

MAX_MEMBERS = 64
"""Members of one gzip body (RFC 1952 §2.2): each begins anew, and thousands of empty ones expand to nothing."""


_CODING = re.compile(rb"(?:^|\n)content-encoding:([^\r\n]*)")


def coding_of(fields: bytes) -> bytes:
    """The content codings in a block of header lines in lower case, in one list; b"" for none."""
    if b"content-encoding" not in fields:
        return b""
    lists = b",".join(_CODING.findall(fields))
    return lists if lists.strip(b", ") not in (b"", b"identity") else b""


def decompress(data: bytes, coding: bytes) -> bytes:
    """`data` without its content codings (RFC 9110 §8.4), lower case, in the order in which they were applied. Raises
    Unreadable: `coding`, `encoding`, `expansion`."""
    for name in reversed(names_of(coding)):
        data = _without(CODINGS[name], data)
    return data


def names_of(coding: bytes) -> list[bytes]:
    """The names of codings, in the order in which they were applied. Raises Unreadable, `coding`, for one that is not
    read, and for too many."""
    names = [name for each in coding.split(b",") if (name := each.strip()) not in (b"", b"identity")]
    if len(names) > MAX_CODINGS or not CODINGS.keys() >= set(names):
        raise Unreadable("coding")
    return names


def _without(reader: Callable[[bytes], bytes], data: bytes) -> bytes:
    try:
        plain = reader(data)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise Unreadable("encoding") from error
    if len(plain) > MAX_EXPANDED:
        raise Unreadable("expansion")
    return plain


def _gzip(data: bytes) -> bytes:
    plain, rest, members = b"", data, 0
    while rest and len(plain) <= MAX_EXPANDED:
        if members == MAX_MEMBERS:
            raise Unreadable("expansion")
        member = zlib.decompressobj(wbits=31)
        plain += member.decompress(rest, MAX_EXPANDED + 1 - len(plain))
        if not member.eof and len(plain) <= MAX_EXPANDED:
            raise EOFError
        rest, members = member.unused_data, members + 1
    return plain


def _deflate(data: bytes) -> bytes:
    try:
        return _inflated(data, zlib.MAX_WBITS)
    except zlib.error:
        return _inflated(data, -zlib.MAX_WBITS)  # without the frame that RFC 9110 §8.4.1.2 asks for, as some write it


def _inflated(data: bytes, bits: int) -> bytes:
    stream = zlib.decompressobj(bits)
    plain = stream.decompress(data, MAX_EXPANDED + 1)
    if not stream.eof and len(plain) <= MAX_EXPANDED:
        raise EOFError
    return plain


def _zstd(data: bytes) -> bytes:
    if not data:
        return data
    if zstandard.frame_content_size(data) > MAX_EXPANDED:  # of the first frame; -1: it does not say
        raise Unreadable("expansion")
    stream = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW).stream_reader(data, read_across_frames=True)
    plain = stream.read(MAX_EXPANDED + 1)
    if not plain:
        raise EOFError
    return plain


def _brotli(data: bytes) -> bytes:
    import brotli  # 1 MB that only such bodies need

    stream = brotli.Decompressor()
    try:
        plain: bytes = stream.process(data, output_buffer_limit=MAX_EXPANDED + 1)
        while not stream.is_finished() and len(plain) <= MAX_EXPANDED:
            more = stream.process(b"", output_buffer_limit=MAX_EXPANDED + 1 - len(plain))
            if not more:
                raise EOFError
            plain += more
    except brotli.error as error:
        raise EOFError from error
    return plain


CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}
