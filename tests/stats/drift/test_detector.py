"""The e-detector and PSI: direct computation, scipy, and short forms of the simulations in loadtests/statistics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

from proxy.stats.arrays import Floats
from proxy.stats.drift.detector import (
    DRIFT_TOLERANCE,
    HALF_LIVES,
    HORIZON_SECONDS,
    PRIOR_ROWS,
    DriftDetector,
    Reference,
    chi_square_quantile,
)
from proxy.stats.drift.profile import feature_of, features_of, number_bins


def reference(n: int = 10_000, features: int = 30, seed: int = 0, tolerance: float = DRIFT_TOLERANCE) -> Reference:
    columns = np.random.default_rng(seed).standard_normal((n, features))
    return Reference([feature_of(f"f{at}", columns[:, at]) for at in range(features)], tolerance)


def counted(ref: Reference, block: Floats) -> Floats:
    edges = np.array([feature.edges for feature in ref.features])
    bins = number_bins(block, edges, ref.bins - 1) + np.arange(len(edges)) * ref.bins
    return np.bincount(bins.ravel(), minlength=len(edges) * ref.bins).reshape(len(edges), ref.bins).astype(float)


def test_the_chi_square_quantile_is_scipys() -> None:
    freedom = np.array([2.0, 5.0, 12.0, 22.0])
    assert chi_square_quantile(freedom) == pytest.approx(scipy_stats.chi2.ppf(0.999, freedom), rel=0.025)


def test_gains_are_the_log_likelihood_ratio_of_bets_drawn_towards_the_profile() -> None:
    ref = reference(n=1000, features=1)
    p, epsilon = ref.shares[0], float(ref.epsilon[0, 0])
    q = (1 - 0.1) * p + 0.1 * np.eye(ref.bins)[3]
    distance = np.sqrt(((q - p) ** 2 / p).sum())
    drawn = p + (1 - epsilon / distance) * (q - p)
    gains, cost = ref._factors(q[None, None])
    assert gains[0, 0] == pytest.approx(np.log(drawn / p))
    assert cost[0, 0] == pytest.approx(np.log(1 + epsilon * np.sqrt(((drawn - p) ** 2 / p).sum())))


def test_every_bet_is_fair_at_the_profile_and_everywhere_in_the_ball() -> None:
    """The worst stream in the ball for a bet is p·(1 + ε·(R − 1)/sd(R)): its expected factor is one at most."""
    ref = reference(n=2000, features=3)
    for gains, cost, p, epsilon in zip(ref.gains, ref.cost, ref.shares, ref.epsilon[:, 0], strict=True):
        ratio = np.exp(gains)
        spread = np.sqrt((p * (ratio - 1) ** 2).sum(axis=1))
        assert ratio @ p == pytest.approx(1.0)
        bets = spread > 1e-9
        worst = p * (1 + epsilon * (ratio[bets] - 1) / spread[bets][:, None])
        assert ((ratio[bets] * worst).sum(axis=1) / np.exp(cost[bets]) <= 1 + 1e-9).all()


def test_the_sum_is_that_of_shiryaev_and_roberts() -> None:
    ref, rng = reference(features=2), np.random.default_rng(5)
    detector, sums, learnt = DriftDetector(ref), np.zeros(1), np.zeros((2, 2, ref.bins))
    bets = ref.bets + len(HALF_LIVES)
    for _ in range(5):
        counts = counted(ref, rng.standard_normal((100, 2)) + 0.4)
        guess = learnt + PRIOR_ROWS * ref.shares[:, None]
        more, price = ref._factors(guess / guess.sum(axis=2, keepdims=True))
        gains = np.concatenate([ref.gains, more], axis=1) @ counts[:, :, None]
        factor = np.exp(gains[:, :, 0] - 100 * np.concatenate([ref.cost, price], axis=1))
        sums = (sums * (1 - 20 / HORIZON_SECONDS) + 1 / bets) * factor
        learnt = learnt * 0.5 ** (100 / np.array(HALF_LIVES))[None, :, None] + counts[:, None]
        detector.update(counts, 1.0)
    assert detector.log_evidence == pytest.approx(np.log(sums.sum(axis=1) / HORIZON_SECONDS))


def run(
    change: Callable[..., Any], seed: int, batches: int = 40, n: int = 10_000, healthy: int = 40
) -> tuple[float, bool]:
    """Records after the change until feature 0 is significant (a look every 250), and whether anything was before."""
    ref, rng = reference(n, seed=seed), np.random.default_rng(1000 + seed)
    detector, early = DriftDetector(ref), False
    for batch in range(-healthy, batches):
        block = rng.standard_normal((250, 30))
        if batch >= 0:
            block[:, 0] = change(rng, block[:, 0])
        detector.update(counted(ref, block), 1.0)
        early |= batch < 0 and bool((detector.margin >= 0).any())
        if batch >= 0 and detector.margin[0] >= 0:
            return (batch + 1) * 250, early
    return np.inf, early


CHANGES = {
    "mean +0.5 sd": (lambda rng, x: x + 0.5, 1500),
    "mean +1 sd": (lambda rng, x: x + 1.0, 500),
    "sd x 1.5": (lambda rng, x: 1.5 * x, 1500),
    "missing 0 to 2 %": (lambda rng, x: np.where(rng.random(x.size) < 0.02, np.nan, x), 2500),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_found_within_the_stated_delay(name: str) -> None:
    change, limit = CHANGES[name]
    found = [run(change, seed) for seed in range(3)]
    assert not any(early for _, early in found)
    assert np.median([delay for delay, _ in found]) <= limit


@pytest.mark.parametrize("n", [1000, 10_000])
def test_a_stable_stream_does_not_alarm_also_against_a_small_reference(n: int) -> None:
    """30 features, 100,000 records; a million in loadtests/statistics."""
    assert run(lambda rng, x: x, 7, batches=400, n=n, healthy=0) == (np.inf, False)


def test_a_tiny_drift_within_the_tolerance_does_not_alarm() -> None:
    assert run(lambda rng, x: x + 0.1, 3, batches=400)[0] == np.inf


def test_psi_is_the_direct_sum_less_its_bias_and_unbiased_without_drift() -> None:
    ref, rng = reference(n=5000, features=30), np.random.default_rng(9)
    detector = DriftDetector(ref)
    counts = counted(ref, rng.standard_normal((400, 30)))
    detector.update(counts, 1.0)
    share = (counts + 0.5 * (ref.shares > 0)) / (counts + 0.5 * (ref.shares > 0)).sum(axis=1, keepdims=True)
    direct = ((share - ref.shares) * np.log(share / ref.shares)).sum(axis=1)
    bias = (ref.bins - 1) * (1 / 400 + 1 / 5000)
    assert detector.psi == pytest.approx(np.maximum(direct - bias, 0))
    assert direct.mean() == pytest.approx(bias, rel=0.35)
    assert detector.psi.mean() < 0.02


def test_no_rows_change_nothing() -> None:
    detector = DriftDetector(reference(features=2))
    detector.update(np.zeros((2, detector.reference.bins)), 1.0)
    assert (detector.n == 0).all()
    assert (detector.psi == 0).all()
    assert (detector.margin < 0).all()


def test_numbers_and_categories_share_a_reference_and_missing_stays_last() -> None:
    rng = np.random.default_rng(1)
    ref = Reference([feature_of("x", rng.standard_normal(1000)), feature_of("c", [str(i % 30) for i in range(1000)])])
    assert ref.shares.shape == (2, 22)
    assert ref.shares.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert (ref.shares[:, -1] > 0).all()
    assert ref.shares[0, 12] == 0


def test_state_is_bounded_as_stated() -> None:
    """A stream has less than 2 kB a feature; a profile's bets, which all its streams share, less than 16 kB."""
    rng = np.random.default_rng(1)
    columns = [rng.standard_normal(1000) for _ in range(25)] + [[str(i % 40) for i in range(1000)] for _ in range(5)]
    ref = Reference([feature_of(f"f{at}", column) for at, column in enumerate(columns)])

    def size(thing: DriftDetector | Reference) -> float:
        held = [getattr(thing, name) for name in thing.__slots__]
        return sum(each.nbytes for each in held if isinstance(each, np.ndarray)) / 30

    assert size(DriftDetector(ref)) < 2_000
    assert size(ref) < 16_000


def test_a_feature_that_is_nearly_always_the_same_has_bets_that_are_numbers() -> None:
    reference = Reference(features_of({"x": np.zeros(262_144), "y": np.linspace(0.0, 1.0, 262_144)}))
    assert np.isfinite(reference.gains).all()
    assert np.isfinite(reference.cost).all()
    detector = DriftDetector(reference)
    for _ in range(20):
        detector.update(1000 * reference.shares, passed=1.0)
    assert np.isfinite(detector.margin).all()
    assert (detector.margin < 0).all()
    for _ in range(20):
        detector.update(1000 * np.roll(reference.shares, 1, axis=1), passed=1.0)
    assert detector.margin[0] > 0
