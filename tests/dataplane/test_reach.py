"""Who waits for a version that answers nobody, and for how long the others do not: rules without sockets or clocks."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.reach import FORGOTTEN_SECONDS, MAX_PROBES, PROBE_SECONDS, Reach
from proxy.routing.breaker import MAX_PROBE_WAIT

TIMEOUT = 1.0


def test_nothing_is_known_at_first_and_nobody_is_refused() -> None:
    reach = Reach()
    assert not reach.lost and not reach.refuses(0.0) and not reach.is_due(0, 0.0)


def test_who_was_answered_since_is_not_silent() -> None:
    reach = Reach()
    reach.answered(5.0)
    reach.silent(4.9, 5.9)
    assert not reach.lost
    reach.silent(5.1, 6.1)
    assert reach.lost and reach.refuses(6.2)


def test_an_answer_ends_it() -> None:
    reach = Reach()
    reach.silent(0.0, 1.0)
    reach.answered(1.5)
    assert not reach.refuses(1.5) and not reach.is_due(0, 1.5)


def test_what_nobody_has_asked_for_is_forgotten_but_not_between_two_probes_of_the_breaker() -> None:
    reach = Reach()
    reach.silent(0.0, 1.0)
    at = 1.0
    for _ in range(20):
        at += MAX_PROBE_WAIT
        assert reach.refuses(at)
    assert not reach.refuses(at + FORGOTTEN_SECONDS + 0.1) and not reach.lost


def test_probes_are_bounded_and_end_with_the_interest() -> None:
    reach = Reach()
    reach.silent(0.0, 1.0)
    assert reach.is_due(0, 1.0) and not reach.is_due(1, 1.0 + PROBE_SECONDS / 2)
    assert reach.is_due(1, 1.0 + PROBE_SECONDS) and not reach.is_due(MAX_PROBES, 1.0 + 2 * PROBE_SECONDS)
    assert not reach.is_due(0, 1.0 + FORGOTTEN_SECONDS + 0.1)


def simulated(arrivals: list[float], heard: Callable[[float], bool]) -> tuple[list[float], list[float]]:
    """When requests were refused, and when they had waited in vain. A connection that is asked for while `heard` is
    made at once, any other never; each request has a connection of its own."""
    reach, refused, vain = Reach(), [], []
    ends: list[float] = []  # connections that were asked for by requests, and time out
    probes: list[float] = []
    for now in sorted(arrivals):
        for since in [each for each in ends if each + TIMEOUT <= now]:
            ends.remove(since)
            vain.append(since)
            reach.silent(since, since + TIMEOUT)
        probes = [each for each in probes if each + TIMEOUT > now]
        if reach.refuses(now):
            refused.append(now)
            if reach.is_due(len(probes) + len(ends), now):
                if heard(now):
                    reach.answered(now)
                else:
                    probes.append(now)
        elif heard(now):
            reach.answered(now)
        else:
            ends.append(now)
    return refused, vain


moments = st.lists(st.floats(0.0, 60.0, allow_subnormal=False), max_size=300)


@given(moments)
def test_a_version_that_answers_is_never_refused_anything(arrivals: list[float]) -> None:
    assert simulated(arrivals, lambda now: True) == ([], [])


@given(moments, st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_only_silence_is_charged_and_what_comes_until_the_next_probe(
    arrivals: list[float], start: float, seconds: float
) -> None:
    end = start + seconds
    refused, _ = simulated(arrivals, lambda now: not start <= now < end)
    assert all(now >= start + TIMEOUT for now in refused)
    late = [now for now in refused if now >= end]
    assert not late or late[-1] - late[0] <= PROBE_SECONDS


@given(moments)
def test_nobody_waits_twice_for_the_same_silence(arrivals: list[float]) -> None:
    _, vain = simulated(arrivals, lambda now: False)
    first = before = float("-inf")
    for now in sorted(arrivals):
        if now in vain and now - first >= TIMEOUT:
            assert now - before >= FORGOTTEN_SECONDS - TIMEOUT
            first = now
        before = now
