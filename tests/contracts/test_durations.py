"""Lengths of time: never a bare number of seconds where there are minutes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.durations import in_units


@given(st.floats(0.0, 1e9))
def test_no_minute_is_told_in_seconds(seconds: float) -> None:
    told = in_units(seconds)
    assert re.fullmatch(r"[\d.e-]+ (s|ms|µs)|\d+ (d|h|min)( \d+ (h|min|s))?", told)
    number, unit = told.split()[:2]
    assert float(number) < {"s": 60.0, "ms": 1000.0, "µs": 1000.0, "min": 60, "h": 24}.get(unit, 1e9)


def test_what_is_no_length_says_so() -> None:
    assert (in_units(float("inf")), in_units(float("nan")), in_units(-75.0)) == (
        "for ever",
        "not known",
        "minus 1 min 15 s",
    )
