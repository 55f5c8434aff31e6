"""Pictures that are made for tests, after their specifications, so that each byte of them is known."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

HEADS = {
    "gif": b"GIF89a" + struct.pack("<HHB", 640, 480, 0xF7) + b"\0\0",
    "webp extended": b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\x10\0\0\0" + b"\x7f\x02\0" + b"\xdf\x01\0",
    "webp lossless": b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 5 + (639 | 479 << 14 | 1 << 28).to_bytes(4, "little"),
    "webp": b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 640, 480),
    "tiff": b"II*\0\x08\0\0\0\x04\0"
    + struct.pack("<HHIHH", 256, 3, 1, 640, 0)
    + struct.pack("<HHII", 257, 4, 1, 480)
    + struct.pack("<HHII", 258, 3, 3, 58)
    + struct.pack("<HHIHH", 277, 3, 1, 3, 0)
    + struct.pack("<HHH", 8, 8, 8),
}
"""Heads of pictures of 640 x 480 pixels of 8 bits."""


def png(rows: Sequence[bytes], width: int, kind: int = 2, filters: Sequence[int] = (0,), palette: bytes = b"") -> bytes:
    """A PNG of rows of bytes, 8 bits each; `filters`: of the rows, in turn."""
    size = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    above, packed = bytes(len(rows[0]) if rows else 0), b""
    for at, row in enumerate(rows):
        packed += bytes((filters[at % len(filters)],)) + filtered(filters[at % len(filters)], row, above, size)
        above = row
    head = struct.pack(">IIBBBBB", width, len(rows), 8, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(packed)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(*each) for each in chunks if each[1] or each[0] != b"PLTE"])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(kind: int, row: bytes, above: bytes, size: int) -> bytes:
    """A row as its differences from what its neighbours let expect."""
    left, corner = bytes(size) + row, bytes(size) + above
    expected = [
        (0, a, b, (a + b) // 2, min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2])[kind]
        for a, b, c in zip(left, above, corner, strict=False)
    ]
    return bytes([(value - each) & 255 for value, each in zip(row, expected, strict=True)])


def bmp(rows: Sequence[bytes], width: int, bits: int = 24) -> bytes:
    """A BMP of rows of bytes: blue, green, red."""
    pixels = b"".join([row + bytes(-len(row) % 4) for row in rows])
    head = struct.pack("<IiiHHIIiiII", 40, width, len(rows), 1, bits, 0, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels


def jpeg(intervals: Sequence[Sequence[int]], progressive: bool = False, width: int = 640, height: int = 480) -> bytes:
    """A grey JPEG of blocks of one shade each, from -128 to 127; an interval begins anew behind a restart."""
    lengths = bytes([0, 0, 0, 12] + [0] * 12)
    tables = segment(0xC4, b"\0" + lengths + bytes(range(12))) + segment(0xC4, b"\x10\1" + bytes(16))
    frame = segment(0xC2 if progressive else 0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    scan = segment(0xDA, b"\1\1\0\0" + (b"\0" if progressive else b"\x3f") + b"\0")
    coded = [_coded(shades, progressive) + b"\xff" + bytes((0xD0 + at % 8,)) for at, shades in enumerate(intervals)]
    quantizer = segment(0xDB, b"\0" + b"\x08" * 64)
    return b"\xff\xd8" + quantizer + frame + tables + scan + b"".join(coded)[:-2] + b"\xff\xd9"


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes((marker,)) + struct.pack(">H", 2 + len(data)) + data


def _coded(shades: Sequence[int], progressive: bool) -> bytes:
    bits, before = "", 0
    for shade in shades:
        difference, before = shade - before, shade
        size = abs(difference).bit_length()
        value = difference if difference > 0 else difference + (1 << size) - 1
        bits += f"{size:04b}" + (f"{value:0{size}b}" if size else "") + ("" if progressive else "0")
    bits += "1" * (-len(bits) % 8)
    return int("0" + bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
