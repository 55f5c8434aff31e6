"""Content codings that are read for analysis, with a bound on what they may expand to.

The bytes that travel between client and model server are never touched; this reads a copy. A coding that says how
large the body is (zstd) is believed where it says too much; the others are read up to the bound.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

from proxy.payload.reading import Unreadable

MAX_EXPANDED = 4 * 1024 * 1024
"""Bytes of one decompressed body: 16 times the largest body that a record carries."""

MAX_ZSTD_WINDOW = 8 * 1024 * 1024
"""The largest zstd window that is accepted, as RFC 8878 §3.1.1.1.2 recommends decoders to support."""

MAX_MEMBERS = 64
"""Members of one gzip body (RFC 1952 §2.2): each begins anew, and thousands of empty ones expand to nothing."""


def decompress(data: bytes, coding: bytes) -> bytes:
    """`data` without its content coding (RFC 9110 §8.4), lower case. Raises Unreadable: `coding`,
    `encoding`, `expansion`."""
    if not coding or coding == b"identity":
        return data
    reader = CODINGS.get(coding)
    if reader is None:
        raise Unreadable("coding")
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
    stream = zlib.decompressobj()
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


CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"zstd": _zstd,
}
