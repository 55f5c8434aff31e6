"""Lengths of time for people, everywhere by one function: 3600 s is an hour."""

from __future__ import annotations

from math import isfinite

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def in_units(seconds: float) -> str:
    """A length of time in at most two units; below a minute in one, with three digits.

    >>> [in_units(each) for each in (0.0, 0.00041, 0.0342, 2.5, 75.0, 3600.0)]
    ['0 s', '410 µs', '34.2 ms', '2.5 s', '1 min 15 s', '1 h']
    >>> in_units(7300.0), in_units(90000.0), in_units(59.999), in_units(float("inf"))
    ('2 h 1 min', '1 d 1 h', '1 min', 'for ever')
    """
    if not isfinite(seconds):
        return "for ever" if seconds > 0 else "not known"
    if seconds < 0.0:
        return f"minus {in_units(-seconds)}"
    if seconds < 59.95:
        return _short(seconds)
    whole = round(seconds)
    for at, (unit, name) in enumerate(UNITS[:-1]):
        if whole >= unit:
            smaller, beside = UNITS[at + 1]
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {beside}" if rest else "")
    raise AssertionError(whole)


def _short(seconds: float) -> str:
    if seconds == 0.0 or seconds >= 0.9995:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 0.0009995 else f"{seconds * 1e6:.3g} µs"
