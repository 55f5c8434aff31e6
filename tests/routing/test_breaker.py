"""When a version is ejected, probed and taken back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.breaker import (
    FAILURES_TO_OPEN,
    FIRST_PROBE_WAIT,
    MAX_HANGING_PROBES,
    MAX_PROBE_WAIT,
    MIN_FAILING_SECONDS,
    QUICK_PROBES,
    Breaker,
    PrimaryHealth,
)

HEALTHY = PrimaryHealth()


def tripped(at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for n in range(FAILURES_TO_OPEN):
        breaker.failed(at - MIN_FAILING_SECONDS + n * MIN_FAILING_SECONDS / (FAILURES_TO_OPEN - 1), HEALTHY)
    assert breaker.open
    return breaker


def test_failures_in_a_row_over_a_span_open_it() -> None:
    breaker = Breaker()
    for _ in range(5 * FAILURES_TO_OPEN):
        assert not breaker.failed(1.0, HEALTHY)  # at once: control decides on this evidence first
    assert not breaker.open
    assert breaker.failed(1.0 + MIN_FAILING_SECONDS, HEALTHY)
    assert not breaker.failed(1.0 + MIN_FAILING_SECONDS, HEALTHY)  # said once


def test_a_success_in_between_starts_anew() -> None:
    breaker = Breaker()
    for n in range(10 * FAILURES_TO_OPEN):
        breaker.failed(n, HEALTHY)
        breaker.succeeded()
    assert not breaker.open


def test_one_probe_after_another() -> None:
    breaker = tripped(100.0)
    assert breaker.blocks(100.0)
    assert not breaker.blocks(100.0 + FIRST_PROBE_WAIT)
    breaker.probing(100.0 + FIRST_PROBE_WAIT)
    assert breaker.blocks(100.0 + FIRST_PROBE_WAIT)
    breaker.failed(100.0 + FIRST_PROBE_WAIT, HEALTHY)
    assert breaker.blocks(100.0 + 1.9 * FIRST_PROBE_WAIT)
    assert not breaker.blocks(100.0 + 2.1 * FIRST_PROBE_WAIT)


def test_after_many_probes_the_wait_doubles() -> None:
    breaker = tripped(100.0)
    for _ in range(QUICK_PROBES + 1):
        breaker.probing(200.0)
        breaker.ended()
        breaker.failed(200.0, HEALTHY)
    assert breaker.blocks(200.0 + 3.9 * FIRST_PROBE_WAIT)
    assert not breaker.blocks(200.0 + 4.1 * FIRST_PROBE_WAIT)


def test_failures_of_legs_that_were_under_way_when_it_opened_do_not_put_off_the_probe() -> None:
    breaker = tripped(100.0)
    for _ in range(50):
        breaker.failed(100.1, HEALTHY)
    assert not breaker.blocks(100.0 + FIRST_PROBE_WAIT)


def test_the_wait_is_bounded() -> None:
    breaker = tripped()
    for n in range(10 * QUICK_PROBES):
        breaker.probing(200.0 + n)
        breaker.ended()
        breaker.failed(200.0 + n, HEALTHY)
    assert breaker.blocks(199.0 + 10 * QUICK_PROBES + MAX_PROBE_WAIT - FIRST_PROBE_WAIT)
    assert not breaker.blocks(199.0 + 10 * QUICK_PROBES + MAX_PROBE_WAIT)


def test_a_success_closes_it() -> None:
    breaker = tripped()
    assert breaker.succeeded()
    assert not breaker.blocks(100.0)
    assert not breaker.succeeded()
    assert "closed" in repr(breaker)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 5)), max_size=80))
def test_it_is_open_only_after_enough_failures_in_a_row(events: list[tuple[bool, float]]) -> None:
    breaker, now, row, since = Breaker(), 0.0, 0, 0.0
    for failed, pause in events:
        now += pause
        if failed:
            since = since if row else now
            row += 1
            breaker.failed(now, HEALTHY)
        else:
            row = 0
            breaker.succeeded()
        if breaker.open:
            assert row >= FAILURES_TO_OPEN and now - since >= MIN_FAILING_SECONDS
        if not row:
            assert not breaker.blocks(now)


def test_a_failure_that_the_primary_shares_does_not_eject() -> None:
    breaker, primary = Breaker(), PrimaryHealth()
    for n in range(10 * FAILURES_TO_OPEN):
        primary.update(False, float(n))
        breaker.failed(n + 0.5, primary)
    assert not breaker.open


def test_a_version_that_stays_down_when_the_primary_is_back_is_ejected_by_its_own_failures() -> None:
    breaker, primary = Breaker(), PrimaryHealth()
    for n in range(FAILURES_TO_OPEN):
        primary.update(False, float(n))
        breaker.failed(n + 0.5, primary)
    primary.update(True, 100.0)
    opened = [breaker.failed(101.0 + n, primary) for n in range(FAILURES_TO_OPEN)]
    assert opened == [False] * (FAILURES_TO_OPEN - 2) + [True, False], "the last shared failure began the row"


@given(st.lists(st.booleans(), min_size=4 * FAILURES_TO_OPEN, max_size=4 * FAILURES_TO_OPEN))
def test_a_primary_that_answers_now_and_then_protects_no_dead_version(answers: list[bool]) -> None:
    breaker, primary = Breaker(), PrimaryHealth()
    primary.update(True, 0.0)
    for n, answered in enumerate(answers):
        primary.update(answered or n % 5 == 0, float(n))
        breaker.failed(n + 0.5, primary)
    assert breaker.open


def test_probes_that_hang_hold_few_clients_at_a_time() -> None:
    breaker, now = tripped(100.0), 100.0
    passed = []
    for _ in range(300):
        now += FIRST_PROBE_WAIT
        if not breaker.blocks(now):
            breaker.probing(now)
            passed.append(now)
    quick = [at for at in passed if at < 101.0]
    assert len(quick) == MAX_HANGING_PROBES
    rest = passed[MAX_HANGING_PROBES:]
    assert rest and all(b - a >= MAX_PROBE_WAIT for a, b in zip(passed[MAX_HANGING_PROBES - 1 :], rest, strict=False))
    breaker.ended()
    for _ in range(MAX_HANGING_PROBES):
        breaker.ended()
    assert not breaker.blocks(now + FIRST_PROBE_WAIT * 2)


@given(st.lists(st.sampled_from(["ask", "fail", "succeed", "leave"]), max_size=200))
def test_no_end_of_a_probe_keeps_a_version_away_for_longer_than_the_longest_wait(events: list[str]) -> None:
    """Whatever is lost count of: a client that leaves, a leg of before, an exception between probe and leg."""
    breaker, now = tripped(100.0), 100.0
    for event in events:
        now += FIRST_PROBE_WAIT / 3
        if event == "ask" and not breaker.blocks(now):
            breaker.probing(now)
        elif event == "fail":
            breaker.ended()
            breaker.failed(now, HEALTHY)
        elif event == "succeed":
            breaker.ended()
            breaker.succeeded()
        elif event == "leave":
            breaker.ended()
        assert breaker.under_way >= 0
    assert not breaker.blocks(now + 2 * MAX_PROBE_WAIT + FIRST_PROBE_WAIT)
