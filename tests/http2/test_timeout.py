"""The time that a client of gRPC gives its call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.timeout import MOST_DIGITS, UNITS, seconds_of, written


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9), (b"00000007S", 7)],
)
def test_every_unit_is_read(value: bytes, seconds: float) -> None:
    assert seconds_of(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", [b"", b"S", b"5", b"5s", b"5 S", b" 5S", b"-5S", b"+5S", b"5.0S", b"123456789S", b"5SS", b"\xb25S", b"5h"]
)
def test_what_is_malformed_says_nothing(value: bytes) -> None:
    assert seconds_of(value) is None


@given(st.integers(0, 10**MOST_DIGITS - 1), st.sampled_from(sorted(UNITS)))
def test_what_is_written_is_read_again_and_never_more(number: int, unit: bytes) -> None:
    seconds = seconds_of(b"%d%b" % (number, unit))
    assert seconds is not None
    value = written(seconds)
    again = seconds_of(value)
    assert again is not None
    assert len(value) <= MOST_DIGITS + 1
    assert again <= max(seconds * (1 + 1e-12), 1e-9)
    assert again >= seconds * (1 - 2e-5) - 1e-9


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e15))
def test_every_time_can_be_written(seconds: float) -> None:
    assert seconds_of(written(seconds)) is not None
