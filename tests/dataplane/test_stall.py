"""A loop that stands still: what moves on, what is no evidence, and what is late all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import ArmTick
from proxy.contracts.table import Rescue, Share, Timeouts
from proxy.dataplane.stall import EXCUSED_PART, LATE, LoopWatch, excused
from proxy.dataplane.timings import Timings
from tests.support.fakes import Bench, FakeStream
from tests.support.plane import route

LOOK, STALL = Timings().leg_sweep, Timings().stall
CANARY = route(split=(Share("v2", 100.0),), rescue=Rescue(0.2), timeouts=Timeouts(response=1.0, idle=2.0))
SHADOW = route(shadows=(Share("v3", 100.0),), timeouts=Timeouts(response=1.0, idle=2.0, total=4.0))


def looked(policy: object = CANARY) -> Bench:
    """A bench whose looks have begun."""
    bench = Bench(policy)  # type: ignore[arg-type]
    bench.shared.look(bench.clock.now)
    return bench


def run(bench: Bench, seconds: float, step: float = LOOK) -> None:
    """Time passes with a look every `step` seconds: more than `LOOK` is a loop that stands still between them."""
    until = bench.clock.now + seconds - 1e-9
    while bench.clock.now < until:
        now = bench.clock.pass_(min(step, until + 1e-9 - bench.clock.now))
        bench.shared.look(now)
        bench.shared.sweep_deadlines(now)


def arms(bench: Bench) -> dict[str, ArmTick]:
    return {arm.role: arm for arm in bench.tally.take(0, "test", 1, True, {}).arms}


def test_a_canary_that_could_not_be_heard_is_not_late() -> None:
    bench = looked()
    bench.ask()
    run(bench, 0.1)
    run(bench, 0.4, step=0.4)
    assert bench.legs() == {}, "its 200 ms are not over: 375 of 500 were the loop's"
    bench.pools["v2"].last.answer()
    canary = arms(bench)["canary"]
    assert canary.codes == {"200": 1}
    assert canary.disturbed == canary.total, "and it says nothing about latency"


def test_a_canary_that_is_late_anyhow_is_charged_to_nobody_where_stalls_were_much_of_its_time() -> None:
    bench = looked()
    bench.ask()
    run(bench, 0.4, step=0.4)
    run(bench, 0.3)
    counted = bench.counted()
    assert counted["legs"] == {("v2", "canary", "stalled"): 1} and counted["bad"] == {}
    assert counted["rescued"] == {("r", "v2", "late"): 1}, "the client has its answer from the primary"


def test_a_deadline_that_is_missed_by_far_is_missed_whatever_a_short_stall_did() -> None:
    bench = looked(route(timeouts=Timeouts(response=30.0)))
    bench.ask()
    run(bench, 0.4, step=0.4)
    run(bench, 30.1)
    assert bench.counted()["bad"] == {("v1", "primary"): 1}


@pytest.mark.parametrize("stalls", [1, 3])
@pytest.mark.parametrize(("headed", "seconds"), [(False, 1.0), (True, 2.0)])
def test_deadlines_of_legs_and_copies_move_on_by_each_stall(stalls: int, headed: bool, seconds: float) -> None:
    bench = looked(SHADOW)
    bench.ask()
    streams: list[FakeStream] = [bench.pools["v1"].last, bench.shadow_pools["v3"].last]
    if headed:
        for stream in streams:
            stream.head(200, None)
    for _ in range(stalls):
        run(bench, 0.5 + LOOK, step=0.5 + LOOK)
    run(bench, seconds - 0.1 - stalls * LOOK)
    assert bench.legs() == {}
    run(bench, 0.2)
    assert bench.counted()["legs"] == {("v1", "primary", "stalled"): 1, ("v3", "shadow", "stalled"): 1}


def test_the_time_of_a_whole_exchange_moves_on_too() -> None:
    bench = looked(SHADOW)
    bench.ask()
    streams = (bench.pools["v1"].last, bench.shadow_pools["v3"].last)
    for stream in streams:
        stream.head(200, None)
    run(bench, 3.0 + LOOK, step=3.0 + LOOK)
    for _ in range(4):
        run(bench, 0.9)
        for stream in streams:
            stream.piece(b"a")
    assert bench.legs() == {}, "3.6 s of 4"
    run(bench, 0.5)
    assert set(bench.legs()) == {("v1", "primary", "stalled"), ("v3", "shadow", "stalled")}


def test_what_is_read_after_a_stall_before_the_next_look_was_disturbed_as_well() -> None:
    bench = looked()
    bench.ask()
    bench.clock.pass_(0.4)
    bench.pools["v2"].last.answer()
    assert arms(bench)["canary"].disturbed


def test_a_client_that_leaves_a_stalled_loop_says_nothing_about_the_version_s_time() -> None:
    bench = looked()
    exchange, _ = bench.ask()
    run(bench, 0.4, step=0.4)
    exchange.aborted()
    canary = arms(bench)["canary"]
    assert canary.codes == {"client_abort": 1} and canary.waited == {}


def test_a_loop_that_runs_disturbs_nobody() -> None:
    bench = looked()
    bench.ask()
    run(bench, 0.15)
    bench.pools["v2"].last.answer()
    canary = arms(bench)["canary"]
    assert canary.total and canary.disturbed == {}


def test_how_late_each_look_was_is_counted() -> None:
    bench = looked()
    run(bench, 0.1)
    run(bench, 1.0, step=1.0)
    tick = bench.tally.take(0, "test", 1, True, {})
    assert sum(tick.lag.values()) == 6 and tick.lag_sum == pytest.approx(1.0 - LOOK, abs=1e-6)


@given(st.lists(st.floats(0.0, 10.0), max_size=30))
def test_the_looks_are_late_by_what_is_more_than_their_interval(steps: list[float]) -> None:
    watch, now = LoopWatch(LOOK, STALL), 100.0
    assert watch.look(now) == 0.0
    for step in steps:
        assert (watch.stalled(now + step) > 0.0) == (now + step - watch.looked - LOOK > STALL)
        before, now = now, now + step
        assert watch.look(now) == pytest.approx(max(now - before - LOOK, 0.0))


def test_only_time_is_excused() -> None:
    assert all(excused(reason, 1.0, 0.5) for reason in LATE)
    assert not any(excused(reason, 1.0, 0.5) for reason in ("reset", "connect_failed", "malformed", "client_abort"))
    assert not excused("late", 1.0 + EXCUSED_PART, 0.99 * EXCUSED_PART)
