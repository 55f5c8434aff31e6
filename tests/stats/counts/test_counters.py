"""Counts of ticks: sums for ever, gauges of workers that still report."""

from __future__ import annotations

from proxy.contracts.record import ArmTick, Tick
from proxy.stats.counts.counters import MAX_STATUSES, STALE_SECONDS, Counters


def tick(worker: int = 0, inflight: int = 0, bad: int = 0) -> Tick:
    arm = ArmTick("r", "v2", "canary", 0.1, {"200": 9, "500": bad}, total={0: 9 + bad}, total_sum=2.0)
    return Tick(worker, "a", 1, 1, arms=[arm], inflight=[("r", "v2", "canary", inflight)])


def test_ticks_of_workers_add_up() -> None:
    counters = Counters()
    counters.update(tick(0, bad=1), 0.0)
    counters.update(tick(1, bad=2), 0.0)
    arm = counters.arms["r", "v2", "canary"]
    assert (arm.codes, arm.outcomes["failed"]) == ({"200": 18, "500": 3}, 3)
    assert (arm.total.buckets, arm.total.seconds) == ({0: 21}, 4.0)
    assert arm.recent_total.get(0.0) == {0: 21}


def test_a_worker_that_stopped_reporting_has_nothing_in_flight() -> None:
    counters = Counters()
    counters.update(tick(0, inflight=3), 0.0)
    counters.update(tick(1, inflight=4), 2.0)
    assert counters.inflight(2.5) == {("r", "v2", "canary"): 7}
    assert counters.inflight(STALE_SECONDS) == {("r", "v2", "canary"): 4}
    assert counters.inflight(2.0 + STALE_SECONDS) == {}


def test_a_gauge_is_of_the_last_tick_of_a_worker() -> None:
    counters = Counters()
    counters.update(tick(0, inflight=3), 0.0)
    counters.update(tick(0, inflight=1), 0.1)
    assert counters.inflight(0.1) == {("r", "v2", "canary"): 1}


def test_the_oldest_leg_is_that_of_any_worker_that_still_reports() -> None:
    counters = Counters()
    assert counters.oldest("r", ("v2",), "canary", 0.0) is None
    rows = [
        ("r", "v2", "canary", 2.0),
        ("r", "v3", "canary", 9.0),
        ("r", "v2", "shadow", 9.0),
        ("s", "v2", "canary", 9.0),
    ]
    counters.update(Tick(0, "a", 1, 1, under_way=rows), 10.0)
    counters.update(Tick(1, "b", 1, 1, under_way=[("r", "v2", "canary", 3.0)]), 10.0)
    assert counters.oldest("r", ("v2",), "canary", 10.0) == 7.0
    assert counters.oldest("r", ("v2", "v3"), "canary", 10.0) == 1.0
    counters.update(Tick(1, "b", 2, 1), 11.0)
    assert counters.oldest("r", ("v2",), "canary", 11.0) == 8.0
    assert counters.oldest("r", ("v2",), "canary", 10.0 + STALE_SECONDS) is None


def test_coverage_is_of_one_shadow_and_never_below_nothing() -> None:
    counters = Counters()
    assert counters.coverage("r", "v3") is None
    owed = [("r", "v3", 10), ("r", "v4", 5)]
    dropped = [("r", "v3", "memory", 2), ("r", "v3", "inflight", 1), ("r", "v4", "memory", 9)]
    counters.update(Tick(0, "a", 1, 1, mirrored=owed, shadow_dropped=dropped), 0.0)
    assert counters.coverage("r", "v3") == 0.7
    assert counters.coverage("r", "v4") == 0.0


def test_records_lost_by_control_are_beside_those_of_workers() -> None:
    counters = Counters()
    counters.update(Tick(0, "a", 1, 1, records_dropped={"outbox_full": 2}), 0.0)
    counters.drop_records("internal", 5)
    assert counters.records_dropped == {"outbox_full": 2, "internal": 5}


def test_a_server_of_many_statuses_has_few_codes_and_its_sums_are_exact() -> None:
    counters = Counters()
    for status in [*range(200, 600), *range(200, 600)]:
        arm = ArmTick("r", "v", "canary", 0.5, {str(status): 2, "reset": 1, "connect_failed": 1})
        counters.update(Tick(0, "a", status, 1, arms=[arm]), 0.0)
    counts = counters.arms["r", "v", "canary"]
    assert counts.codes["200"] == 4 and counts.codes["5xx"] > 100 and counts.codes["reset"] == 800
    assert counts.codes.total() == counts.outcomes.total() == 800 * 4
    assert len(counts.codes) == MAX_STATUSES + 4 + 2


def test_endpoints_are_as_the_worst_off_of_the_workers_sees_them_that_are_there() -> None:
    counters = Counters()
    assert counters.endpoints(0.0) == {}
    counters.update(Tick(0, "a", 1, 1, endpoints={"v1": {"10.0.0.1:80": "serving"}}), 10.0)
    counters.update(Tick(1, "b", 1, 1, endpoints={"v1": {"10.0.0.1:80": "ejected"}, "v2": {}}), 10.0)
    counters.update(Tick(0, "a", 2, 1), 11.0)
    assert counters.endpoints(11.0) == {"v1": {"10.0.0.1:80": "ejected"}, "v2": {}}
    assert counters.endpoints(10.0 + STALE_SECONDS) == {"v1": {"10.0.0.1:80": "serving"}}
