"""The difference of a candidate's errors, or losses, from its primary's: paired, or by inverse-probability weighting.

Where both versions answered the same request, the difference is that of the pair. Where only one of them answered, its
loss is weighted by the inverse of the probability that the request was assigned to it (inverse-probability weighting:
Horvitz and Thompson, JASA 1952), so that the mean of the weighted differences is the difference of the two means.
Whatever changes for both arms, in the world or by the hour, cancels.

A loss has no upper end, and a mean without a bound cannot be tested. Losses are therefore clipped (winsorised from
above) at `CLIP_FACTOR` times the primary's mean loss, and the claim under test is about clipped losses: "the mean of
the candidate's clipped losses is at most `ratio` times the primary's". It holds for every candidate whose losses are,
in distribution, no larger than `ratio` times the primary's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import NamedTuple, Self

from proxy.stats.quality.label_join import LabelledPrediction
from proxy.stats.quality.predictions import LegAnswer
from proxy.stats.quality.scores import LOSSES, MEANS, SCORES, ScoredPrediction, score_prediction
from proxy.stats.sequential.mean_limit import MeanLimit
from proxy.stats.state import Stateful

MIN_PRIMARY_LABELS = 200
"""The primary's labels that its mean loss, and so the clip, must rest on."""

CLIP_FACTOR = 5.0
"""Losses are clipped at this multiple of the primary's mean loss. A larger multiple would shrink the admissible stake
and slow the test."""

ScoreLookup = Callable[[str], tuple[float | None, int]]
"""A metric's name to the primary's value so far and the number of labels that it rests on."""


def error_of(metric: str, scored: ScoredPrediction) -> float | None:
    """A prediction's error in a mean: its loss, or what its score lacks of 1; None where the metric is not about it."""
    size = MEANS[metric](scored)
    return 1.0 - size if size is not None and metric in SCORES else size


def is_paired(metric: str, limit: str) -> bool:
    """True for a limit on the difference between candidate and primary, prediction by prediction."""
    return metric in MEANS and limit in ("max_drop", "max_ratio", "min_gain")


class PairedScores(NamedTuple):
    """The scored predictions of one request by both versions, with their weights."""

    mine: ScoredPrediction | None
    """The candidate's; None where only the primary answered."""
    theirs: ScoredPrediction | None
    """The primary's; None where only the candidate answered."""
    my_weight: float = 1.0
    """1, or the inverse of the candidate's assignment probability."""
    their_weight: float = 1.0
    """1, or the inverse of the primary's assignment probability."""


def paired_scores(
    labelled: LabelledPrediction,
    scored: ScoredPrediction,
    mine: bool,
    other: Callable[[LegAnswer], bool],
    share: float,
) -> PairedScores | None:
    """The scored predictions of both versions for the request of a labelled prediction.

    - `labelled`, `scored`: the prediction with its label, and its score
    - `mine`: whether it is the candidate's
    - `other`: whether a leg is one of the other version
    - `share`: the candidate's share of the two when the leg was assigned; weights follow from it, and must not depend
      on which of the two legs it was

    None where the other leg of the pair reports it, or where there is nothing to compare.
    """
    partner = next((leg for leg in labelled.others if other(leg)), None)
    if partner is not None:
        # Both legs meet the label; the pair counts once, with the leg that came later.
        if labelled.others.index(partner) > labelled.others.index(labelled.leg):
            return None
        prediction = partner.prediction(labelled.row)
        second = score_prediction(prediction, labelled.label) if prediction else None
        return None if second is None else PairedScores(scored, second) if mine else PairedScores(second, scored)
    if labelled.leg.role == "shadow" or not 0.0 < share < 1.0:
        return None
    return PairedScores(scored if mine else None, None if mine else scored, 1.0 / share, 1.0 / (1.0 - share))


class PairedDifference(Stateful):
    """A sequential test of the difference between candidate and primary in one metric.

    - `metric`: one of `MEANS`
    - `bound`: the most that a score may drop, or the most times that a loss may be the primary's
    - `gain`: whether the question is superiority: the proof is then that of a drop below `bound`, and of a clipped loss

    >>> test = PairedDifference("accuracy", 0.02)
    >>> right, wrong = ScoredPrediction(label=1, guess=1), ScoredPrediction(label=1, guess=0)
    >>> for at in range(100):  # the candidate errs on every fourth request, the primary never
    ...     test.update(PairedScores(wrong if at % 4 == 0 else right, right), lambda metric: (None, 0))
    >>> round(test.log_breach, 1)
    9.7
    """

    __slots__ = ("_bound", "_clip", "_high", "_metric", "_mine", "_ratio", "_test")
    CONFIGURATION = ("_bound", "_high", "_metric", "_ratio")

    note = ""

    def __init__(self, metric: str, bound: float, gain: bool = False) -> None:
        self._metric, self._high = metric, gain or metric not in LOSSES
        self._bound, self._ratio = (0.0, _raised(metric, bound)) if metric in LOSSES else (bound, 1.0)
        self._clip = 0.0 if metric in LOSSES else 1.0
        self._test = MeanLimit()
        self._mine = 0

    def update(self, scores: PairedScores, primary: ScoreLookup) -> None:
        """Adds one request. `primary` looks up the primary's mean loss so far, which sets the clip of the next one."""
        if self._clip:
            self._bet(scores)
        if self._metric in LOSSES:
            value, n = primary(self._metric)
            enough = value is not None and n >= MIN_PRIMARY_LABELS
            self._clip = CLIP_FACTOR * _raised(self._metric, value) if value is not None and enough else 0.0

    def _bet(self, scores: PairedScores) -> None:
        mine, theirs = self._size(scores.mine), self._size(scores.theirs)
        if mine is None or theirs is None:
            return
        low, high = -self._ratio * scores.their_weight * self._clip, scores.my_weight * self._clip
        x = scores.my_weight * mine - self._ratio * scores.their_weight * theirs
        self._mine += scores.mine is not None
        self._test.update(x, self._bound, low, high if self._high else None)

    def _size(self, scored: ScoredPrediction | None) -> float | None:
        if scored is None:
            return 0.0
        size = error_of(self._metric, scored)
        return None if size is None else min(size, self._clip)

    @property
    def log_breach(self) -> float:
        """Log e-value against "within the limit"."""
        return float(self._test.log_breach)

    @property
    def log_pass(self) -> float | None:
        """Log e-value against "beyond the limit"; None for losses, because clipping hides what a pass would deny. That
        the clipped losses are smaller can be proved."""
        return float(self._test.log_pass) if self._high else None

    def needed(self, false_alarm: float | None, false_pass: float | None) -> int | None:
        """About how many more labels of the candidate decide, as in `MeanLimit`."""
        more = self._test.needed(false_alarm, false_pass if self._high else None)
        return None if more is None else ceil(more * self._mine / self._test.n)

    def __iadd__(self, other: Self) -> Self:
        """Merges the evidence of an independent stream about the same bound. Each stream clipped losses at its own
        primary's mean; the clip of the next request stays this one's."""
        self._test += other._test
        self._mine += other._mine
        return self


def _raised(metric: str, value: float) -> float:
    return value ** LOSSES[metric].power if metric in LOSSES else value
