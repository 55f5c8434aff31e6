"""`grpc-timeout`: the time that a client of gRPC gives its call (`PROTOCOL-HTTP2.md` of the gRPC project).

A positive number of at most eight digits and a unit. One that is none refuses its call, as grpc-go does; a call without
any time left is not sent.
"""

from __future__ import annotations

from typing import Final

UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
"""Unit to seconds."""

MOST_DIGITS: Final = 8

_WRITTEN: Final = ((1e9, b"n"), (1e6, b"u"), (1e3, b"m"), (1.0, b"S"), (1 / 60, b"M"), (1 / 3600, b"H"))
_DIGITS: Final = frozenset(b"0123456789")


def seconds_of(value: bytes) -> float | None:
    """The seconds that a value says; None: it is malformed.

    >>> seconds_of(b"250m"), seconds_of(b"1.5S"), seconds_of(b"123456789S")
    (0.25, None, None)
    """
    number, unit = value[:-1], UNITS.get(value[-1:])
    if unit is None or not 0 < len(number) <= MOST_DIGITS or not _DIGITS.issuperset(number):
        return None
    return int(number) * unit


def written(seconds: float) -> bytes:
    """So many seconds as a value: never more, and at least a nanosecond.

    >>> written(0.25), written(29.9999), written(1e9), written(-1.0)
    (b'250000u', b'29999900u', b'277777H', b'1n')
    """
    for scale, unit in _WRITTEN:
        number = int(seconds * scale)
        if number < 10**MOST_DIGITS:
            return b"%d%b" % (max(number, 1), unit)
    return b"%d%b" % (10**MOST_DIGITS - 1, b"H")
