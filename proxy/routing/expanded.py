"""Bodies without their content codings, for what a worker looks for in them: the first `MAX_EXPANDED` bytes."""

from __future__ import annotations

import zlib
from typing import Final

MAX_EXPANDED: Final = 1024 * 1024
"""Bytes of a decompressed body that are read: more would hold up the others of this worker."""
MAX_CODINGS: Final = 4
"""Content codings within each other."""
MAX_WINDOW: Final = 8 * 1024 * 1024
"""Bytes of the window of zstd: what decoders must support (RFC 8878 §3.1.1.1.2)."""

_BITS = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}


def expanded(body: bytes, codings: bytes | None, whole: bool) -> tuple[bytes, bool] | None:
    """A body without its codings, and whether that is all of it; None: it cannot be read. `whole`: `body` is."""
    names = [name for each in (codings or b"").lower().split(b",") if (name := each.strip()) not in (b"", b"identity")]
    if len(names) > MAX_CODINGS:
        return None
    for name in reversed(names):
        taken = _taken_off(body, name, whole)
        if taken is None:
            return None
        body, whole = taken
    return body, whole


def plain(body: bytes, codings: bytes | None) -> bytes | None:
    """All of a body without its codings; None: one of them is unknown, broken, or hides more than `MAX_EXPANDED`."""
    if not codings:
        return body
    taken = expanded(body, codings, True)
    return taken[0] if taken is not None and taken[1] else None


def _taken_off(body: bytes, name: bytes, whole: bool) -> tuple[bytes, bool] | None:
    if name == b"zstd":
        return _zstd(body, whole)
    if name == b"br":
        return _brotli(body, whole)
    for bits in _BITS.get(name, ()):
        stream = zlib.decompressobj(bits)
        try:
            plain = stream.decompress(body, MAX_EXPANDED)
        except zlib.error:
            continue
        return _cut(plain, stream.eof, whole)
    return None


def _cut(plain: bytes, ended: bool, whole: bool) -> tuple[bytes, bool] | None:
    """What came out; None: a body that is whole does not end, though there is room."""
    if not ended and whole and len(plain) < MAX_EXPANDED:
        return None
    return plain, ended


def _zstd(body: bytes, whole: bool) -> tuple[bytes, bool] | None:
    import zstandard  # 2 MB that only such bodies need, as below

    stream = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(body, read_across_frames=True)
    try:
        plain: bytes = stream.read(MAX_EXPANDED)
    except zstandard.ZstdError:
        return None
    return (plain, whole and len(plain) < MAX_EXPANDED) if plain else None


def _brotli(body: bytes, whole: bool) -> tuple[bytes, bool] | None:
    import brotli

    stream = brotli.Decompressor()
    try:
        plain: bytes = stream.process(body, output_buffer_limit=MAX_EXPANDED)
        while not stream.is_finished() and len(plain) < MAX_EXPANDED:
            more = stream.process(b"", output_buffer_limit=MAX_EXPANDED - len(plain))
            if not more:
                break
            plain += more
    except brotli.error:
        return None
    return _cut(plain[:MAX_EXPANDED], stream.is_finished() and len(plain) <= MAX_EXPANDED, whole)
