"""Latency evidence: whose quantile is shown, and what is held against which limit (the rank test has its own tests)."""

from __future__ import annotations

from math import log
from statistics import NormalDist

import numpy as np
import pytest

from proxy.contracts.histogram import Buckets, bucket
from proxy.contracts.metrics import METRICS, Metric, of_kind
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.latency import MIN_HISTORY_REQUESTS, ArmLatencies, Latency, LatencyHistory
from proxy.stats.sequential.rank_test import CUT_QUANTILES

MINE, THEIRS = Assignment(True, "canary", 0.5, 0.5), Assignment(False, "primary", 0.5, 0.5)


def drawn(rng: np.random.Generator, n: int, slower: float = 1.0) -> Buckets:
    buckets: Buckets = {}
    for seconds in slower * rng.lognormal(-4.0, 0.3, n):
        buckets[bucket(float(seconds))] = buckets.get(bucket(float(seconds)), 0) + 1
    return buckets


def run(metric: str, limit: Limit, slower: float, seconds: int = 60) -> Latency:
    rng, history = np.random.default_rng(5), LatencyHistory()
    made = Latency(metric, limit, AlphaShare("v2", 0.01), history)
    for second in range(seconds):
        theirs = drawn(rng, 100)
        made.update([ArmLatencies(theirs, THEIRS), ArmLatencies(drawn(rng, 100, slower), MINE)], float(second))
        history.update(theirs, float(second))
    return made


@pytest.mark.parametrize("metric", [row.name for row in of_kind("quantile", "distribution")])
def test_a_slow_candidate_breaches_and_an_equal_one_does_not(metric: str) -> None:
    assert run(metric, Limit(max_ratio=1.1), 1.5).get()[0].log_breach > log(100)
    assert run(metric, Limit(max_ratio=1.1), 1.0).get()[0].log_breach < 0


@pytest.mark.parametrize("row", of_kind("quantile", "distribution"), ids=lambda row: row.name)
def test_the_quantile_of_the_row_is_shown_and_has_a_cut_point(row: Metric) -> None:
    found = run(row.name, Limit(max_ratio=1.1), 1.0, seconds=10).get()[0]
    assert row.quantile is not None
    oracle = float(np.exp(-4.0 + 0.3 * NormalDist().inv_cdf(row.quantile))) / row.finer
    oracle = 1.0 / oracle if row.inverse else oracle
    assert found.value == pytest.approx(oracle, rel=0.12)
    assert found.reference == pytest.approx(oracle, rel=0.12)
    assert (found.n, found.n_reference) == (1000, 1000)
    assert row.quantile in CUT_QUANTILES


def test_a_constant_is_held_against_the_part_that_is_slower() -> None:
    slow, fast = (run("latency_p99", Limit(max=most), 1.0).get()[0] for most in (0.02, 0.5))
    assert (slow.limit, fast.limit) == ("max", "max")
    assert slow.log_breach > log(100)
    assert fast.log_breach < 0


def test_ranks_wait_for_the_primarys_cut_points() -> None:
    rng, history = np.random.default_rng(1), LatencyHistory()
    history.update(drawn(rng, MIN_HISTORY_REQUESTS - 1), 0.0)
    assert history.cuts is None
    history.update(drawn(rng, 1), 2.0)
    assert history.cuts is not None
    assert len(history.cuts) == len(CUT_QUANTILES)


def censored(metric: str, limit: Limit, waits: list[Buckets], answered: int = 100) -> Latency:
    """Ten seconds of an equal candidate, of which so many requests are answered; clients left after these waits."""
    rng, history = np.random.default_rng(5), LatencyHistory()
    made = Latency(metric, limit, AlphaShare("v2", 0.001), history)
    for second in range(10):
        theirs, mine = drawn(rng, 100), drawn(rng, answered)
        made.update([ArmLatencies(theirs, THEIRS), ArmLatencies(mine, MINE, waits[second])], float(second))
        history.update(theirs, float(second))
    return made


@pytest.mark.parametrize("limit", [Limit(max_ratio=1.1), Limit(max=0.03)], ids=["max_ratio", "max"])
@pytest.mark.parametrize("row", of_kind("quantile", "distribution"), ids=lambda row: row.name)
def test_waits_never_make_a_version_look_faster(row: Metric, limit: Limit) -> None:
    if limit.max and "max" not in row.limits:
        return
    rng, none = np.random.default_rng(11), [Buckets() for _ in range(10)]
    (without,) = censored(row.name, limit, none).get()
    for shortest in (0.0001, 0.01, 0.02, 0.05):
        waits = [{bucket(shortest * float(rng.uniform(1.0, 5.0))): int(rng.integers(1, 50))} for _ in none]
        (found,) = censored(row.name, limit, waits).get()
        # A slow request more releases wealth that is held back, at most half of all (`e_process`).
        assert found.log_breach >= without.log_breach - (log(2.0) if limit.max else 1e-9)
        if without.log_pass is not None and found.log_pass is not None:
            assert found.log_pass <= without.log_pass + 1e-9


@pytest.mark.parametrize("metric", [row.name for row in of_kind("quantile", "distribution")])
def test_a_version_that_hangs_until_clients_leave_is_slow(metric: str) -> None:
    (found,) = censored(metric, Limit(max_ratio=1.25), [{bucket(0.5): 50}] * 10, answered=0).get()
    assert found.log_breach > log(1000)
    assert found.value is not None and found.reference is not None
    assert (found.value < found.reference) == METRICS[metric].inverse


def met(rng: np.random.Generator, whose: Assignment, faster: float) -> ArmLatencies:
    """A hundred requests, whose clients leave after 10 ms on average."""
    seconds, patience = faster * rng.lognormal(-4.0, 0.3, 100), rng.exponential(0.01, 100)
    ended: tuple[Buckets, Buckets] = {}, {}
    for place, left in zip(np.minimum(seconds, patience), patience < seconds, strict=True):
        buckets = ended[int(left)]
        buckets[bucket(float(place))] = buckets.get(bucket(float(place)), 0) + 1
    return ArmLatencies(ended[0], whose, ended[1])


@pytest.mark.parametrize("metric", ["latency", "latency_p50", "latency_p90"])
@pytest.mark.parametrize("faster", [1.0, 0.8])
def test_clients_that_leave_early_blame_no_version_that_is_as_fast(metric: str, faster: float) -> None:
    highest = []
    for seed in range(20):
        rng, history = np.random.default_rng(seed), LatencyHistory()
        made = Latency(metric, Limit(max_ratio=1.0), AlphaShare("v2", 0.001), history)
        for second in range(20):
            theirs = met(rng, THEIRS, 1.0)
            made.update([theirs, met(rng, MINE, faster)], float(second))
            history.update(theirs.latencies, float(second))
            highest.append(made.get()[0].log_breach)
    assert max(highest) < log(1000)


@pytest.mark.parametrize(("least", "breached"), [(1.5, True), (0.5, False)])
def test_a_least_speed_is_held_by_the_slow_end(least: float, breached: bool) -> None:
    speed = float(np.exp(4.0 - 0.3 * NormalDist().inv_cdf(0.9)))  # the 10th percentile of one over what is drawn
    (line,) = run("tokens_per_second", Limit(min=least * speed), 1.0).get()
    assert line.limit == "min" and line.value == pytest.approx(speed, rel=0.12)
    assert (line.log_breach > log(100)) == breached
