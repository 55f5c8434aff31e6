"""The lower confidence sequence stays below the true score, at all looks of nearly all runs, and comes near it."""

from collections.abc import Iterable

import numpy as np
import pytest
from sklearn import metrics as exact

from proxy.stats.arrays import Floats
from proxy.stats.quality.lower_bound import MAX_UNMATCHED, SCORE_GRID, AurocPairs, LowerConfidenceSequence, f1_counts
from proxy.stats.quality.scores import ScoredPrediction


def floors_of(hits: Iterable[bool], alpha: float) -> Floats:
    """The floor after each event of an F1: a hit, or a miss."""
    floor, seen = LowerConfidenceSequence(alpha), []
    for hit in hits:
        floor.update(2.0 * (1.0 - SCORE_GRID) if hit else -SCORE_GRID)
        seen.append(floor.get() or 0.0)
    return np.array(seen)


def test_it_is_ever_above_the_true_score_as_seldom_as_asked() -> None:
    rng, hit = np.random.default_rng(1), 0.75
    true = 2 * hit / (2 * hit + 1 - hit)
    runs = [floors_of(rng.random(400) < hit, 0.2) for _ in range(40)]
    assert np.mean([run.max() > true for run in runs]) <= 0.2
    assert np.mean([run[-1] for run in runs]) > true - 0.06


def test_nothing_is_ruled_out_without_data_or_by_misses() -> None:
    assert LowerConfidenceSequence(0.05).get() is None
    assert (floors_of([False] * 200, 0.05) == 0.0).all()
    assert floors_of([True] * 500, 0.05)[-1] == pytest.approx(0.99)


@pytest.mark.parametrize("m", [0.2, 0.5, 0.9])
def test_the_bet_on_f1_is_fair_at_its_score(m: float) -> None:
    hit = m / (2.0 - m)
    assert 2 * hit / (2 * hit + 1 - hit) == pytest.approx(m)
    assert hit * 2.0 * (1.0 - m) - (1.0 - hit) * m == pytest.approx(0.0)


def test_pairs_are_the_auroc() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 20_000)
    scores = labels + 1.2 * rng.standard_normal(20_000)
    pairs = AurocPairs()
    right = [pairs.update(ScoredPrediction(int(y), positive=float(s))) for y, s in zip(labels, scores, strict=True)]
    assert np.mean([each for each in right if each is not None]) == pytest.approx(
        exact.roc_auc_score(labels, scores), abs=0.02
    )
    assert AurocPairs().update(ScoredPrediction(1)) is None


def test_scores_without_a_match_are_bounded_and_counted() -> None:
    pairs = AurocPairs()
    for at in range(MAX_UNMATCHED + 3):
        pairs.update(ScoredPrediction(1, positive=float(at)))
    assert pairs.unmatched == 3
    assert pairs.update(ScoredPrediction(0, positive=2.5)) == 1.0, "the oldest three went"


@pytest.mark.parametrize(("label", "guess", "found"), [(1, 1, (1, 0)), (1, 0, (0, 1)), (0, 1, (0, 1)), (0, 0, (0, 0))])
def test_hits_and_misses(label: int, guess: int, found: tuple[int, int]) -> None:
    assert f1_counts(ScoredPrediction(label, guess)) == found
