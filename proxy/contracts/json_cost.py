"""What JSON costs to read, estimated from its bytes before anything is made of it: in control, and in workers where a
body decides about the route.

A body is small on the wire and large once read: 8 MiB of `{},{},…` are two hundred megabytes of objects. So its
structural characters are counted, which takes milliseconds at most and makes nothing. The cost is in values: what a
number in an array takes, some 50 ns. An object takes more, since Python looks into it.

Characters inside strings build nothing. They count at first, since that is cheaper; where they are too many, the
strings are cut out as a parser would.
"""

from __future__ import annotations

from collections.abc import Mapping

MAX_COST = 2 * 262_144
"""Cost of one body: some 30 ms, and 25 MB while it is read. The largest tensor of numbers is below."""

SMALL_BYTES = 8 * 1024
"""Bytes of a body that costs little, whatever stands in it: such bodies, which are nearly all, are not weighed."""

ARRAY, OBJECT, STRING, KEY = 2, 16, 8, 4

BRACKETS: Mapping[bytes, int] = {b",": 1, b"[": ARRAY, b"{": OBJECT, b":": KEY}


def may_be_costly(data: bytes) -> bool:
    """Whether JSON may cost more than `MAX_COST`, at a glance: what stands in strings counts."""
    size = len(data)
    if size <= SMALL_BYTES or KEY * size + (OBJECT - KEY) * data.count(b"{") <= MAX_COST:
        return False  # were each byte the dearest but `{`: counts of what is everywhere cost as much as reading it
    return weight(data, BRACKETS) + strings(data) > MAX_COST


def is_costly(data: bytes) -> bool:
    """Whether JSON costs more than `MAX_COST`."""
    if not may_be_costly(data):
        return False
    structure = outside_strings(data)
    return structure is None or weight(structure, BRACKETS) + strings(structure) > MAX_COST


def outside_strings(data: bytes) -> bytes | None:
    """JSON with all strings empty, as far as it is JSON, the last one cut or not; None: there are too many of them."""
    # Without escapes each quote begins or ends a string.
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if strings(plain) > MAX_COST:
        return None
    return b'""'.join(plain.split(b'"')[::2])


def weight(data: bytes, weights: Mapping[bytes, int]) -> int:
    """The sum of the weights of its characters."""
    return sum([data.count(character) * each for character, each in weights.items()])


def strings(data: bytes) -> int:
    """The weight of its strings."""
    return data.count(b'"') // 2 * STRING
