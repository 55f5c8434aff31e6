"""The rank test: fairness of every factor, false alarms and delays on seeded latencies, through the product's
classes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from proxy.contracts.histogram import HIGHEST, LOWEST
from proxy.contracts.settings import Limit
from proxy.stats.arrays import Floats
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.latency import ArmLatencies, Latency, LatencyHistory
from proxy.stats.sequential.e_process import PASS_FACTORS
from proxy.stats.sequential.overdispersion import DifferenceOverdispersion, Overdispersion
from proxy.stats.sequential.rank_test import (
    BIN_MASS,
    BINS,
    CUT_QUANTILES,
    RankTest,
    anywhere,
    at_quantile,
    cuts_of,
    gains,
    margin_buckets,
    ranked,
)

TERMS = AlphaShare("v2", 0.01)


def buckets(seconds: Floats) -> dict[int, int]:
    indices = np.clip(np.floor(np.log10(seconds) * 120), LOWEST, HIGHEST).astype(int)
    return {int(i): int(n) for i, n in zip(*np.unique(indices, return_counts=True), strict=True)}


@pytest.mark.parametrize("w", [0.01, 0.1, 0.5, 0.9])
def test_every_factor_is_fair_for_equals_and_unfavourable_for_faster_canaries(w: float) -> None:
    none = np.zeros(BINS)
    faster = BIN_MASS * np.linspace(2.0, 0.0, BINS)
    for ratios in (anywhere(), *(at_quantile(q) for q in CUT_QUANTILES)):
        each = np.eye(BINS)
        canary = np.exp([gains(w, row, none, ratios) for row in each])
        primary = np.exp([gains(w, none, row, ratios) for row in each])
        assert BIN_MASS @ (w * canary + (1 - w) * primary) == pytest.approx(1.0)
        assert ((faster / faster.sum()) @ (w * canary) + BIN_MASS @ ((1 - w) * primary) <= 1.0 + 1e-9).all()


def test_alternatives_are_distributions_that_grow_with_latency() -> None:
    for ratios in (anywhere(), *(at_quantile(q) for q in CUT_QUANTILES)):
        assert ratios @ BIN_MASS == pytest.approx(1.0)
        assert (np.diff(ratios, axis=1) >= -1e-12).all()
    for relief in (at_quantile(q, PASS_FACTORS) for q in CUT_QUANTILES):
        assert relief @ BIN_MASS == pytest.approx(1.0)
        assert (np.diff(relief, axis=1) <= 1e-12).all()


def test_ranking_counts_cuts_below_and_moves_the_canary_down() -> None:
    cuts = cuts_of(buckets(np.random.default_rng(1).lognormal(-4, 0.5, 100_000)))
    latencies = buckets(np.random.default_rng(2).lognormal(-4, 0.5, 100_000))
    assert ranked(latencies, cuts) / 100_000 == pytest.approx(BIN_MASS, abs=0.03)
    slower = {index + 10: count for index, count in latencies.items()}
    assert list(ranked(slower, cuts, 10)) == list(ranked(latencies, cuts))
    assert ranked({}, cuts).sum() == 0
    assert cuts_of({}) is None


@pytest.mark.parametrize(("ratio", "buckets_"), [(1.0, 0), (1.05, 3), (1.25, 12), (10.0, 120)])
def test_a_margin_is_never_smaller_than_asked_for(ratio: float, buckets_: int) -> None:
    assert margin_buckets(ratio) == buckets_
    assert 10 ** (margin_buckets(ratio) / 120) >= ratio * (1 - 1e-9)


def run(
    metric: str, limit: Limit, canary_of: Callable[..., Any], seed: int, looks: int = 400, share: float = 0.1
) -> float:
    """Canary requests until log evidence reached ln(100), or infinity; 100 requests a look, ten looks a second."""
    rng, pace = np.random.default_rng(seed), LatencyHistory()
    test, used = Latency(metric, limit, TERMS, pace), 0
    for look in range(-50, looks):
        load = 1.0 + 0.5 * np.sin(look / 400)
        n = rng.binomial(100, share)
        primary = buckets(load * rng.lognormal(-4, 0.35, 100 - n))
        canary = buckets(load * canary_of(rng, rng.lognormal(-4, 0.35, n))) if n else {}
        if look >= 0:
            used += n
            test.update(
                [
                    ArmLatencies(primary, Assignment(False, "primary", share, share)),
                    ArmLatencies(canary, Assignment(True, "canary", share, share)),
                ],
                5.0 + look * 0.1,
            )
            if test.get()[0].log_breach >= np.log(100):
                return used
        pace.update(primary, 5.0 + look * 0.1)
    return np.inf


def same(rng: np.random.Generator, x: Floats) -> Floats:
    return x


def test_a_canary_that_is_20_percent_slower_is_found_and_an_equal_one_is_not() -> None:
    """The study found 112 canary requests at the median, 213 at the 90th percentile, without day-long load swings."""
    slow = [run("latency", Limit(max_ratio=1.05), lambda rng, x: 1.2 * x, seed) for seed in range(20)]
    assert np.median(slow) <= 230
    assert np.quantile(slow, 0.9, method="inverted_cdf") <= 450
    assert [run("latency", Limit(max_ratio=1.05), same, seed, 150) for seed in range(12)] == [np.inf] * 12


def test_a_quantile_limit_asks_only_about_its_quantile() -> None:
    def tail(rng: np.random.Generator, x: Floats) -> Floats:
        return np.where(rng.random(x.size) < 0.08, 3 * x, x)

    def body(rng: np.random.Generator, x: Floats) -> Floats:
        return np.minimum(1.15 * x, max(np.quantile(x, 0.98), 0.0)) if x.size else x

    found = [run("latency_p99", Limit(max_ratio=1.25), tail, seed, 1500) for seed in range(5)]
    assert np.median(found) <= 4000
    assert [run("latency_p99", Limit(max_ratio=1.25), body, seed, 200) for seed in range(5)] == [np.inf] * 5


def test_an_equal_canary_passes_early() -> None:
    rng, pace = np.random.default_rng(3), LatencyHistory()
    test = Latency("latency_p50", Limit(max_ratio=1.25), TERMS, pace)
    pace.update(buckets(rng.lognormal(-4, 0.35, 1000)), 0.0)
    for second in range(60):
        primary, canary = (buckets(rng.lognormal(-4, 0.35, n)) for n in (90, 10))
        test.update(
            [
                ArmLatencies(primary, Assignment(False, "primary", 0.1, 0.1)),
                ArmLatencies(canary, Assignment(True, "canary", 0.1, 0.1)),
            ],
            second,
        )
    assert test.get()[0].log_pass >= np.log(20)


def test_an_absolute_limit_counts_slower_requests() -> None:
    test = Latency("latency_p90", Limit(max=0.1), TERMS, LatencyHistory())
    test.update(
        [
            ArmLatencies(buckets(np.full(50, 0.2)), Assignment(True, "canary", 1.0, 1.0)),
            ArmLatencies(buckets(np.full(50, 0.05)), Assignment(True, "canary", 1.0, 1.0)),
        ],
        0.0,
    )
    found = test.get()[0]
    assert (found.limit, found.n, found.value) == ("max", 100, pytest.approx(0.2, rel=0.01))
    assert found.log_breach > np.log(1000)


def wandering(seed: int, tempered: bool) -> float:
    """Ten backends, each with its own slow wander (sd 15 %, a minute long); the canary is one of them. A look a
    second."""
    rng, pace, level, used = np.random.default_rng(seed), LatencyHistory(), np.zeros(10), 0
    test = Latency("latency", Limit(max_ratio=1.05), TERMS, pace)
    for second in range(-300, 600):
        level = 0.983 * level + 0.15 * np.sqrt(1 - 0.983**2) * rng.standard_normal(10)
        latencies = np.exp(level)[:, None] * rng.lognormal(-4, 0.35, (10, 10))
        primary, canary = buckets(latencies[:9].ravel()), buckets(latencies[9])
        if not tempered:
            pace.dispersion, test._difference_dispersion = (
                Overdispersion(),
                DifferenceOverdispersion(len(CUT_QUANTILES)),
            )
        if second >= 0:
            used += 10
            test.update(
                [
                    ArmLatencies(primary, Assignment(False, "primary", 0.1, 0.1)),
                    ArmLatencies(canary, Assignment(True, "canary", 0.1, 0.1)),
                ],
                300.0 + second,
            )
            if test.get()[0].log_breach >= np.log(100):
                return used
        pace.update(primary, 300.0 + second)
    return np.inf


def test_backends_that_wander_by_themselves_are_tempered() -> None:
    raw, tempered = ([wandering(seed, on) for seed in range(4)] for on in (False, True))
    assert np.isfinite(raw).sum() >= 3
    assert np.isfinite(tempered).sum() <= 1


def test_a_canary_that_wanders_beside_a_steady_primary_is_tempered() -> None:
    rng, pace = np.random.default_rng(6), LatencyHistory()
    test = Latency("latency_p50", Limit(max_ratio=1.2), TERMS, pace)
    for second in range(-60, 300):
        primary = buckets(rng.lognormal(-4, 0.35, 90))
        if second >= 0:
            canary = buckets(rng.lognormal(-4 + 0.2 * np.sin(second / 20), 0.35, 10))
            test.update(
                [
                    ArmLatencies(primary, Assignment(False, "primary", 0.1, 0.1)),
                    ArmLatencies(canary, Assignment(True, "canary", 0.1, 0.1)),
                ],
                second,
            )
        pace.update(primary, 60.0 + second)
    assert pace.phi(0.5) < 1.5
    assert test.get()[0].dispersion > 2.0


def test_merging_adds_evidence() -> None:
    one, two = RankTest(anywhere()), RankTest(anywhere())
    slow, usual = np.eye(BINS)[-1] * 3, BIN_MASS * 30
    for each in (one, two):
        each.update(0.1, slow, usual)
        each.settle()
    alone = one.log_breach
    one += two
    assert one.log_breach > alone


def test_needed_shrinks_towards_the_goal() -> None:
    test, said = RankTest(at_quantile(0.5), at_quantile(0.5, PASS_FACTORS)), []
    for _ in range(20):
        test.update(0.1, BIN_MASS * 10, BIN_MASS * 90)
        test.settle()
        test.update(0.1, np.eye(BINS)[-1] * 2, np.zeros(BINS))
        test.settle()
        said.append(test.needed(np.log(100), np.log(20)))
    assert said[-1] < said[0]
    assert RankTest(anywhere()).needed(1.0, 1.0) is None
