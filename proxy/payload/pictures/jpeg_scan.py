"""The mean of the first blocks of a JPEG, which are 8 x 8 pixels each, in bounded time.

The first coefficient of a block (DC) is the mean of its pixels, less that of the block before (ITU-T T.81, F.2.1). It
is read with the codes of its file (Huffman); the others are stepped over. A progressive file begins with the
first coefficients of all blocks. Of files in arithmetic coding, of four colours, or of 12 bits nothing is read.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from math import nan
from typing import NamedTuple

from proxy.payload.pictures.head import SCAN, segments

MAX_SYMBOLS = 4096
"""Codes that are read of one picture: 3 ms; half of a photograph of 224 x 224, the first rows of a larger one."""
MAX_SCAN = 16 * 1024
"""Bytes of coded values that are looked at; a code takes more than three bits."""

MAX_TABLES, MAX_CODES = 8, 256
"""Tables of a segment, four of either kind, and codes of a table."""

QUANTIZERS, CODES, FRAMES = 0xDB, 0xC4, (0xC0, 0xC1, 0xC2)
PROGRESSIVE = 0xC2
BLOCK = 64
"""Coefficients of a block."""
LONG_RUN = 15
"""Zeros, in a code without a value."""
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

Codes = tuple[bytes, bytes]
"""Of each 16 bits how many of them are the code that they begin with (0: none), and what it means."""


class Component(NamedTuple):
    """A component of a scan: how many blocks of it stand together, and the codes of its coefficients."""

    blocks: int
    first: Codes
    others: Codes | None
    """None: the scan has the first coefficients alone."""


def mean_of(data: bytes) -> float:
    """The mean of the first component, luminance, of the first blocks, from 0 to 1; NaN where it is not read."""
    try:
        return _mean(data)
    except (IndexError, KeyError, struct.error):
        return nan


def _mean(data: bytes) -> float:
    codes: dict[int, bytes] = {}
    quantizers: dict[int, int] = {}
    frame: list[tuple[int, int, int]] = []
    progressive = False
    for marker, at in segments(data):
        part = data[at : at - 2 + int.from_bytes(data[at - 2 : at], "big")]
        if marker == QUANTIZERS:
            quantizers |= _quantizers(part)
        elif marker == CODES:
            codes |= _codes(part)
        elif marker in FRAMES:
            if part[0] != 8 or not 1 <= part[5] <= 3:
                return nan
            frame = [
                (part[i], (part[i + 1] >> 4) * (part[i + 1] & 15), part[i + 2]) for i in range(6, 6 + 3 * part[5], 3)
            ]
            progressive = marker == PROGRESSIVE
        elif marker == SCAN and frame:
            components = _components(part, frame, codes)
            found = _first_coefficients(data[at + len(part) : at + len(part) + MAX_SCAN], components)
            if not found:
                return nan
            step = quantizers[frame[0][2]] << (part[-1] & 15 if progressive else 0)
            return min(max((128.0 + sum(found) / len(found) * step / 8.0) / 255.0, 0.0), 1.0)
    return nan


def _quantizers(part: bytes) -> dict[int, int]:
    """The first number of each table."""
    found: dict[int, int] = {}
    at = 0
    for _ in range(MAX_TABLES):  # the same one may be told again and again
        if at >= len(part):
            break
        wide = part[at] >> 4
        found[part[at] & 15] = int.from_bytes(part[at + 1 : at + 2 + bool(wide)], "big")
        at += 1 + BLOCK * (1 + bool(wide))
    return found


def _codes(part: bytes) -> dict[int, bytes]:
    """Codes as a segment tells them. Raises KeyError for more than there are symbols."""
    found: dict[int, bytes] = {}
    at = 0
    for _ in range(MAX_TABLES):  # the same one may be told again and again
        if at >= len(part):
            break
        size = sum(part[at + 1 : at + 17])
        if not 0 < size <= MAX_CODES:
            raise KeyError
        found[part[at]] = part[at + 1 : at + 17 + size]
        at += 17 + size
    return found


@lru_cache(maxsize=16)
def _table(told: bytes) -> Codes:
    """Sixteen counts of codes by their length, and their meanings."""
    lengths, symbols, at = bytearray(), bytearray(), 16
    for length, count in enumerate(told[:16], 1):
        for symbol in told[at : at + count]:
            if len(lengths) < 1 << 16:
                lengths += bytes((length,)) * (1 << 16 - length)
                symbols += bytes((symbol,)) * (1 << 16 - length)
        at += count
    return bytes(lengths[: 1 << 16]).ljust(1 << 16, b"\0"), bytes(symbols[: 1 << 16]).ljust(1 << 16, b"\0")


def _components(part: bytes, frame: list[tuple[int, int, int]], codes: dict[int, bytes]) -> list[Component]:
    """The components of a scan. Raises KeyError where the first of the picture is not the first of them."""
    sampled = {each: blocks for each, blocks, _ in frame}
    if not 1 <= part[0] <= len(frame) or part[1] != frame[0][0]:
        raise KeyError
    others = part[-2] > 0  # the last coefficient of the scan
    components = []
    for at in range(1, 1 + 2 * part[0], 2):
        blocks, first = sampled[part[at]] if part[0] > 1 else 1, _table(codes[part[at + 1] >> 4])
        if not blocks:
            raise KeyError
        components.append(Component(blocks, first, _table(codes[0x10 | part[at + 1] & 15]) if others else None))
    return components


def _first_coefficients(coded: bytes, components: list[Component]) -> list[int]:
    """The first coefficients of the blocks of the first component, as far as they are read."""
    if end := _END.search(coded):
        coded = coded[: end.start()]
    found: list[int] = []
    left = MAX_SYMBOLS
    for interval in _RESTART.split(coded):
        reader = _Reader(interval.replace(b"\xff\0", b"\xff"), left)
        before = [0] * len(components)
        try:
            while True:
                for at, component in enumerate(components):
                    for _ in range(component.blocks):
                        before[at] += reader.block(component)
                        if at == 0:
                            found.append(before[0])
        except _EndOfScanError:
            left = reader.left - 1
        if left <= 0:
            break
    return found


class _EndOfScanError(Exception):
    """There are no more bits, or what they say is no code, or enough was read."""


class _Reader:
    """The bits of coded values; `left` codes of them are read at most."""

    __slots__ = ("_at", "_bits", "_data", "left")

    def __init__(self, data: bytes, left: int) -> None:
        self._data, self._at, self._bits, self.left = data, 0, 8 * len(data), left

    def block(self, component: Component) -> int:
        """The difference of the first coefficient of a block; the others are stepped over. Raises _EndOfScanError."""
        size = self._symbol(component.first) & 15
        difference = self._value(size) if size else 0
        at = 1
        while component.others and at < BLOCK:
            symbol = self._symbol(component.others)
            self._at += symbol & 15
            if symbol & 15 == 0 and symbol >> 4 != LONG_RUN:
                break
            at += 1 + (symbol >> 4)
        if self._at > self._bits:
            raise _EndOfScanError
        return difference

    def _symbol(self, codes: Codes) -> int:
        at = self._at
        begins = int.from_bytes(self._data[at >> 3 : (at >> 3) + 3].ljust(3, b"\0"), "big") >> (8 - (at & 7)) & 0xFFFF
        length = codes[0][begins]
        self.left -= 1
        if not length or at >= self._bits or self.left < 0:
            raise _EndOfScanError
        self._at = at + length
        return codes[1][begins]

    def _value(self, size: int) -> int:
        at = self._at
        told = int.from_bytes(self._data[at >> 3 : (at >> 3) + 3].ljust(3, b"\0"), "big")
        bits = told >> (24 - (at & 7) - size) & ((1 << size) - 1)
        self._at = at + size
        return bits if bits >> (size - 1) else bits - (1 << size) + 1
