"""Retries: what is tried again, after how long, and for how long at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.messages.retries import MAX_ATTEMPTS, MAX_PAUSES, MAX_RETRY_AFTER, delivered, pause, retry_after


@pytest.mark.parametrize("status", [0, 302, 408, 425, 429, 500, 503])
def test_what_may_get_better_is_tried_again_ever_more_slowly(status: int) -> None:
    pauses = [pause(n, status, None, 0.0) for n in range(1, MAX_ATTEMPTS + 1)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, None] and not delivered(status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_will_not_is_given_up(status: int) -> None:
    assert pause(1, status, 30.0, 0.0) is None


@given(st.integers(1, MAX_ATTEMPTS - 1), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_chance_shortens_by_half_at_most_and_nobody_is_asked_before_they_said(
    attempt: int, draw: float, after: float | None
) -> None:
    wait = pause(attempt, 429, after, draw)
    assert wait is not None and wait >= 2.0 ** (attempt - 1) / 2 and wait >= min(after or 0.0, MAX_RETRY_AFTER)
    assert wait <= max(2.0 ** (attempt - 1), min(after or 0.0, MAX_RETRY_AFTER))


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("١٢", None),
        ("9" * 400, 999999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(field: str | None, seconds: float | None) -> None:
    assert retry_after(field, 1700000000.0) == seconds


def test_pauses_are_bounded_in_sum_whatever_a_receiver_asks_for() -> None:
    paused, attempts = 0.0, 1
    while (wait := pause(attempts, 429, 400.0, 0.5, paused)) is not None:
        paused, attempts = paused + wait, attempts + 1
    assert (paused, attempts) == (800.0, 3)
    assert paused <= MAX_PAUSES
