"""The history as a whole: whatever comes, and however it is asked, sums are those of the ticks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.control.history.series import series
from proxy.control.history.tiers import SECONDS, TENS, TIERS, tier_for
from tests.control.history.pasts import BEGAN, Recorded, legs

START = int(BEGAN)

EVENTS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.0, 9.0, 65.0, 700.0]), st.integers(0, 50), st.integers(0, 5)),
    max_size=25,
)


def counted(past: Recorded, start: int, end: int, step: int) -> list[int | None]:
    n = (end - start) // step
    steps = past.steps(start, end, tier_for(step))
    shown = series(steps, start, step, n, ["requests"])
    return next((each["values"] for each in shown if each["role"] == "primary"), [None] * n)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.sampled_from([1, 5, 10, 60, 300, 600]), st.booleans())
def test_sums_over_any_steps_are_those_of_the_ticks(
    events: list[tuple[float, int, int]], step: int, settled: bool
) -> None:
    past, sent = Recorded(), 0
    for after, n, bad in events:
        past.tick(legs(n + bad, bad), after=after)
        sent += n + bad
        if settled:
            past.settle()
    past.silence(1.5)
    end = (int(past.now) // 600 + 1) * 600
    shown = counted(past, START, end, step)
    assert sum(value or 0 for value in shown) == sent
    if settled:
        finest = counted(past, START, end, 1)
        for place, value in enumerate(shown):
            inside = finest[place * step : (place + 1) * step]
            known = [each for each in inside if each is not None]
            assert value == (sum(known) if known else None), "unknown only where no second is known"


def test_a_gap_is_unknown_and_a_second_without_requests_is_zero() -> None:
    past = Recorded()
    past.tick(legs(5), after=0.5)
    past.tick(after=1.0)
    past.silence(3.0)
    past.tick(legs(7), after=0.1)
    past.silence(1.0)
    assert counted(past, START, START + 6, 1) == [5, 0, None, None, 7, None]


def test_minutes_and_ten_minutes_are_made_of_seconds() -> None:
    past = Recorded()
    for _ in range(1300):
        past.tick(legs(2, 1), after=1.0)
        past.history.look(past.now)
    past.settle()
    assert past.history.whole(TENS) == START + 1200
    assert past.history.whole(SECONDS) >= START + 1290
    for tier in TIERS:
        steps = past.steps(START, START + 1200, tier)
        assert {step.seconds for step in steps} == {tier.step} and sum(step.seen for step in steps) == 1199


def test_a_route_beyond_the_room_is_not_followed_and_said() -> None:
    past = Recorded()
    past.history.room = 0
    past.tick(legs(5), after=0.5)
    past.tick(legs(5), after=1.0)
    past.tick(legs(5), after=1.0)
    assert past.steps(START, START + 60, SECONDS) == []
    assert past.history.bounds_reached()["history_arms"] == 3
