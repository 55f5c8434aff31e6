"""Latency evidence: whose quantile is shown, and what is held against which limit (the rank test has its own tests)."""

from __future__ import annotations

from math import log
from statistics import NormalDist

import numpy as np
import pytest

from proxy.contracts.histogram import Buckets, bucket
from proxy.contracts.metrics import Metric, of_kind
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.latency import MIN_BASELINE_REQUESTS, ArmLatencies, Latency, LatencyBaseline
from proxy.stats.sequential.rank_test import CUT_QUANTILES

MINE, THEIRS = Assignment(True, "canary", 0.5, 0.5), Assignment(False, "primary", 0.5, 0.5)


def drawn(rng: np.random.Generator, n: int, slower: float = 1.0) -> Buckets:
    buckets: Buckets = {}
    for seconds in slower * rng.lognormal(-4.0, 0.3, n):
        buckets[bucket(float(seconds))] = buckets.get(bucket(float(seconds)), 0) + 1
    return buckets


def run(metric: str, limit: Limit, slower: float, seconds: int = 60) -> Latency:
    rng, baseline = np.random.default_rng(5), LatencyBaseline()
    made = Latency(metric, limit, AlphaShare("v2", 0.01), baseline)
    for second in range(seconds):
        theirs = drawn(rng, 100)
        made.update([ArmLatencies(theirs, THEIRS), ArmLatencies(drawn(rng, 100, slower), MINE)], float(second))
        baseline.update(theirs, float(second))
    return made


@pytest.mark.parametrize("metric", [row.name for row in of_kind("quantile", "distribution")])
def test_a_slow_candidate_breaches_and_an_equal_one_does_not(metric: str) -> None:
    assert run(metric, Limit(max_ratio=1.1), 1.5).get()[0].log_breach > log(100)
    assert run(metric, Limit(max_ratio=1.1), 1.0).get()[0].log_breach < 0


@pytest.mark.parametrize("row", of_kind("quantile", "distribution"), ids=lambda row: row.name)
def test_the_quantile_of_the_row_is_shown_and_has_a_cut_point(row: Metric) -> None:
    found = run(row.name, Limit(max_ratio=1.1), 1.0, seconds=10).get()[0]
    assert row.quantile is not None
    oracle = float(np.exp(-4.0 + 0.3 * NormalDist().inv_cdf(row.quantile)))
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
    rng, baseline = np.random.default_rng(1), LatencyBaseline()
    baseline.update(drawn(rng, MIN_BASELINE_REQUESTS - 1), 0.0)
    assert baseline.cuts is None
    baseline.update(drawn(rng, 1), 2.0)
    assert baseline.cuts is not None
    assert len(baseline.cuts) == len(CUT_QUANTILES)
