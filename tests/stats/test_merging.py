"""Evidence of two streams merged: as one run over both, where that holds, and valid where it does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from proxy.stats.agreement.tally import AgreementTally, AnswerDifference
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.shown_counts import ShownCounts
from proxy.stats.quality.lower_bound import SCORE_GRID, LowerConfidenceSequence
from proxy.stats.quality.paired_difference import PairedDifference, PairedScores
from proxy.stats.quality.scores import ScoredPrediction
from proxy.stats.sequential.e_process import EProcess, LimitTest
from proxy.stats.sequential.mean_limit import MeanLimit
from proxy.stats.sequential.overdispersion import WINDOW_SECONDS, DifferenceOverdispersion, Overdispersion
from proxy.stats.sequential.rank_test import BINS, RankTest, at_quantile
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.sequential.rate_ratio import RateRatio


def feed_ratio(test: RateRatio, rng: np.random.Generator) -> None:
    for _ in range(30):
        test.update(0.1, int(rng.poisson(0.5)), int(rng.poisson(2.0)))
        test.settle()


def feed_limit(test: RateLimit, rng: np.random.Generator) -> None:
    for _ in range(30):
        test.update(int(rng.binomial(50, 0.03)), 50)


def feed_mean(test: MeanLimit, rng: np.random.Generator) -> None:
    for _ in range(30):
        test.update(float(rng.random() < 0.3), 0.5, 0.0, 1.0)


def feed_ranks(test: RankTest, rng: np.random.Generator) -> None:
    for _ in range(30):
        test.update(0.1, rng.poisson(1.0, BINS).astype(float), rng.poisson(9.0, BINS).astype(float))
        test.settle()


def feed_difference(test: PairedDifference, rng: np.random.Generator) -> None:
    for _ in range(30):
        mine, theirs = (ScoredPrediction(1, int(rng.random() < rate)) for rate in (0.8, 0.9))
        test.update(PairedScores(mine, theirs), lambda metric: (None, 0))


TESTS: dict[str, tuple[Callable[[], LimitTest], Callable[..., None]]] = {
    "ratio": (lambda: RateRatio(1.5), feed_ratio),
    "limit": (lambda: RateLimit(0.02), feed_limit),
    "mean": (MeanLimit, feed_mean),
    "ranks": (lambda: RankTest(at_quantile(0.5), at_quantile(0.5, (0.9, 0.5))), feed_ranks),  # type: ignore[dict-item,return-value]
    "difference": (lambda: PairedDifference("accuracy", 0.01), feed_difference),  # type: ignore[dict-item,return-value]
}


@pytest.mark.parametrize("name", TESTS)
def test_a_pass_has_no_restarts_so_it_merges_into_one_run_over_both(name: str) -> None:
    make, feed = TESTS[name]
    one, two, both = make(), make(), make()
    feed(one, np.random.default_rng(1))
    feed(two, np.random.default_rng(2))
    for seed in (1, 2):
        feed(both, np.random.default_rng(seed))
    one += two
    assert float(one.log_pass) == pytest.approx(float(both.log_pass))
    assert float(one.log_breach) == pytest.approx(float(both.log_breach), abs=2.0), "restarts come at other events"


def test_without_restarts_wealth_multiplies_bet_by_bet() -> None:
    rng = np.random.default_rng(3)
    one, two, both = (EProcess(3, restarts=False) for _ in range(3))
    for process in (one, two):
        for _ in range(20):
            gains = rng.normal(0.0, 0.3, 3)
            process.update(gains, 1)
            both.update(gains, 1)
    one += two
    assert one.get() == pytest.approx(both.get())


def test_a_lower_bound_merges_into_one_run_over_both() -> None:
    rng = np.random.default_rng(4)
    one, two, both = (LowerConfidenceSequence(0.05) for _ in range(3))
    for bound in (one, two):
        for hit in rng.random(150) < 0.9:
            bound.update(float(hit) - SCORE_GRID)
            both.update(float(hit) - SCORE_GRID)
    alone = one.get()
    one += two
    assert one.get() == both.get() is not None
    assert alone is not None
    assert both.get() > alone


def closed(seed: int, levels: tuple[float, ...], windows: int = 60) -> Overdispersion:
    rng, phi = np.random.default_rng(seed), Overdispersion()
    for window in range(windows):
        phi.update(int(rng.binomial(1000, levels[window % len(levels)])), 1000, window * WINDOW_SECONDS)
    return phi


def test_two_overdispersions_merge_into_one_between_them() -> None:
    one, two = closed(1, (0.02, 0.02)), closed(2, (0.01, 0.05))
    apart = float(one.get()), float(two.get())
    one += two
    assert apart[0] < float(one.get()) < apart[1]


def test_streams_of_different_levels_are_no_bursts() -> None:
    one, two = closed(1, (0.01,)), closed(2, (0.05,))
    one += two
    assert float(one.get()) < 1.5, "a window is never compared with one of the other stream"


def test_a_merged_difference_is_the_cautious_one_until_a_window_closes() -> None:
    phis = []
    for swing in (0.0, 300.0):
        phi = DifferenceOverdispersion(1)
        for window in range(30):
            phi.update(True, np.array([150.0 + swing * (window % 2 - 0.5)]), 1000, window * WINDOW_SECONDS / 2)
            phi.update(False, np.array([150.0]), 1000, window * WINDOW_SECONDS / 2)
        phis.append(phi)
    calm, wild = phis
    larger = float(wild.get()[0])
    calm += wild
    assert float(calm.get()[0]) == larger > 10.0
    for window in (30, 31):
        calm.update(True, np.array([150.0]), 1000, window * WINDOW_SECONDS / 2)
        calm.update(False, np.array([150.0]), 1000, window * WINDOW_SECONDS / 2)
    assert 1.0 < float(calm.get()[0]) < larger


def test_tallies_add_up() -> None:
    one, two, both = AgreementTally(), AgreementTally(), AgreementTally()
    for tally, disagree in ((one, True), (two, False), (two, True)):
        difference = AnswerDifference(disagree, "number", 0.5, 0.25)
        tally.update(difference)
        both.update(difference)
    one += two
    assert one == both


def shown(*looks: list[tuple[dict[str, int], bool, str]]) -> ShownCounts[str]:
    counts: ShownCounts[str] = ShownCounts()
    for look in looks:
        counts.update((n, Assignment(candidate, role, 0.5, 0.5)) for n, candidate, role in look)  # type: ignore[arg-type]
    return counts


COPIED: list[tuple[dict[str, int], bool, str]] = [({"n": 3}, True, "shadow"), ({"n": 5}, False, "primary")]
LIVE: list[tuple[dict[str, int], bool, str]] = [*COPIED, ({"n": 1}, True, "canary")]


def as_tuple(counts: ShownCounts[str]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    return counts.mine, counts.theirs, counts.copies


@pytest.mark.parametrize("looks", [[COPIED], [COPIED, LIVE], [LIVE, LIVE]])
def test_shown_counts_merge_where_live_traffic_began_together(
    looks: list[list[tuple[dict[str, int], bool, str]]],
) -> None:
    one = shown(*looks)
    one += shown(*looks)
    assert as_tuple(one) == as_tuple(shown(*[look + look for look in looks]))


def test_counts_of_copies_stay_apart_from_live_ones_of_another_process() -> None:
    one, two = shown(COPIED, LIVE), shown(COPIED)
    one += two
    other = shown(COPIED)
    other += shown(COPIED, LIVE)
    assert as_tuple(one) == as_tuple(other) == ({"n": 1}, {"n": 5}, {"n": 9})
