"""Quality evidence of one candidate against its primary, from labelled predictions.

| metric | limit | what is bet on, and against what |
|---|---|---|
| accuracy, any mean | min | errors; a constant |
| f1 | min | m·(FP + FN) − 2·(1 − m)·TP, whose mean is at most 0 exactly when F1 ≥ m; a constant |
| auroc | min | pairs of a positive and a negative in the wrong order; a constant |
| f1, auroc | max_drop | the same; a bound that the primary's score is above (`stats.quality.lower_bound`), less the
drop |
| f1, auroc | min_gain | the same; a bound that the primary's score is below, and the gain |
| accuracy, any mean | max_drop | the difference in errors (`stats.quality.paired_difference`) |
| log_loss, mae, rmse | max | the loss (its square for rmse); a constant |
| log_loss, mae, rmse | max_ratio | the difference in losses (`stats.quality.paired_difference`) |
| any mean | min_gain | the same differences, beyond the gain: a test of superiority |

All are means, tested by betting (`stats.sequential.mean_limit`), valid however often one looks. Against a floor half of
the probability of a false alarm goes to the floor. Losses have no upper end, so they cannot pass early; a floor is no
ceiling, so neither can what is held against one. F1 and AUROC over more than two classes are means of ratios,
which no bet here is about: they are shown, and not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Self

from proxy.contracts.evidence import FALSE_PASS, Evidence
from proxy.contracts.settings import Limit
from proxy.contracts.table import LIVE_ROLES, Role
from proxy.stats.arrays import Floats
from proxy.stats.evidence.alpha import AlphaShare, LogEvidence, limits_of
from proxy.stats.evidence.assignment_share import Assignment, AssignmentShares
from proxy.stats.evidence.shown_counts import Figure, ShownFigures
from proxy.stats.quality.label_join import LabelledPrediction
from proxy.stats.quality.lower_bound import (
    SCORE_GRID,
    AurocPairs,
    LowerConfidenceSequence,
    UpperConfidenceSequence,
    f1_counts,
)
from proxy.stats.quality.paired_difference import (
    CLIP_FACTOR,
    PairedDifference,
    ScoreLookup,
    error_of,
    is_paired,
    paired_scores,
)
from proxy.stats.quality.predictions import LegAnswer
from proxy.stats.quality.scores import LOSSES, QUALITY_METRICS, SCORES, Score, ScoredPrediction, score_prediction
from proxy.stats.sequential.mean_limit import MeanLimit
from proxy.stats.state import Stateful

SEVERAL_CLASSES = "no data: of more than two classes it is their macro average, shown, not judged; accuracy can be"

CLIPPED = f"losses cut off at {CLIP_FACTOR:g} times the primary's mean"
"""What is said beside the proof of a gain in a loss."""

MetricLimit = tuple[str, str]
"""Metric and limit."""


class MetricTest(Stateful):
    """One metric of a candidate against a constant, or against the primary's floor."""

    __slots__ = ("_bound", "_floor", "_limit", "_metric", "_pairs", "_several", "_test")
    CONFIGURATION = ("_bound", "_limit", "_metric")

    def __init__(self, metric: str, limit: str, bound: float, alpha: AlphaShare) -> None:
        self._metric, self._limit, self._bound = metric, limit, bound
        self._test = MeanLimit()
        self._floor = _floor(limit, alpha)
        self._pairs = AurocPairs(), AurocPairs()
        self._several = False

    @property
    def key(self) -> MetricLimit:
        """Metric and limit."""
        return self._metric, self._limit

    def update(self, scored: ScoredPrediction, mine: bool) -> None:
        """One labelled prediction, of the candidate (`mine`) or of the primary."""
        if mine and (target := self._target()) is not None:
            _BETS[self._metric](self, scored, target)
        elif not mine and self._floor is not None:
            self._raise(self._floor, scored)

    def _target(self) -> float | None:
        if self._floor is None:
            return self._bound
        floor = self._floor.get()
        return None if floor is None else floor + (self._bound if self._limit == "min_gain" else -self._bound)

    def _raise(self, floor: LowerConfidenceSequence, scored: ScoredPrediction) -> None:
        if self._metric == "auroc":
            right = self._pairs[1].update(scored)
            if right is not None:
                floor.update(_sided(floor, right - SCORE_GRID))
        elif scored.guess is not None:
            hit, miss = f1_counts(scored)
            if hit or miss:
                floor.update(_sided(floor, 2.0 * (1.0 - SCORE_GRID) if hit else -SCORE_GRID, 2.0))

    def score(self, scored: ScoredPrediction, least: float) -> None:
        """A prediction against the least that the mean of a score may be."""
        error = error_of(self._metric, scored)
        if error is not None:
            self._test.update(error, 1.0 - least, 0.0, 1.0)

    def f1(self, scored: ScoredPrediction, least: float) -> None:
        """A guess against a least F1 of class 1."""
        self._several |= scored.guess is not None and not {scored.label, scored.guess} <= {0, 1}
        if scored.guess is None or not 0.0 < least < 1.0:
            return
        hit, miss = f1_counts(scored)
        x = -2.0 * (1.0 - least) if hit else least if miss else 0.0
        self._test.update(x, 0.0, -2.0 * (1.0 - least), least)

    def auroc(self, scored: ScoredPrediction, least: float) -> None:
        """A score against a least AUROC, once it finds one of the other class."""
        self._several |= bool(scored.of_classes)
        right = self._pairs[0].update(scored)
        if right is not None:
            self._test.update(1.0 - right, 1.0 - least, 0.0, 1.0)

    def loss(self, scored: ScoredPrediction, most: float) -> None:
        """A loss against the most that its mean may be."""
        loss = LOSSES[self._metric]
        size = loss.measure(scored)
        if size is not None and most > 0:
            self._test.update(size, most**loss.power, 0.0)

    @property
    def unmatched(self) -> int:
        """Scores that went without a match, for AUROC."""
        return sum(pairs.unmatched for pairs in self._pairs)

    @property
    def log_breach(self) -> float:
        """ln of the evidence against "within the limit"; what the floor may err is already taken from it."""
        return float(self._test.log_breach) - (log(2.0) if self._floor else 0.0)

    @property
    def log_pass(self) -> float | None:
        """ln of the evidence against "beyond the limit"."""
        if self._limit == "min_gain":
            return float(self._test.log_pass) - log(2.0)
        return None if self._floor or self._metric in LOSSES else float(self._test.log_pass)

    def needed(self, false_alarm: float | None, false_pass: float | None) -> int | None:
        """About how many more labels of the candidate decide, as in `MeanLimit`."""
        if self._limit == "min_gain":
            return self._test.needed(None, false_pass and false_pass / 2.0)
        none = self._floor or self._metric in LOSSES
        return self._test.needed(false_alarm, None if none else false_pass)

    @property
    def note(self) -> str:
        """Why this is not judged."""
        return SEVERAL_CLASSES if self._several else ""


def _floor(limit: str, alpha: AlphaShare) -> LowerConfidenceSequence | None:
    """What the primary's score is above, or below, at half of the probability of an error."""
    if limit == "min_gain":
        return UpperConfidenceSequence(alpha.false_winner / 2.0)
    return LowerConfidenceSequence(alpha.alpha / 2.0) if limit == "max_drop" else None


def _sided(bound: LowerConfidenceSequence, x: Floats, range_: float = 1.0) -> Floats:
    """`x`, a number whose mean is at most 0 when score ≤ m, as `bound` takes it; an upper one from the other side."""
    return -x / range_ if isinstance(bound, UpperConfidenceSequence) else x


_BETS: dict[str, Callable[[MetricTest, ScoredPrediction, float], None]] = {
    "f1": MetricTest.f1,
    "auroc": MetricTest.auroc,
    **dict.fromkeys(SCORES, MetricTest.score),
    **dict.fromkeys(LOSSES, MetricTest.loss),
}


class QualityEvidence(Stateful):
    """All quality limits of one candidate."""

    __slots__ = ("_alpha", "_differences", "_keys", "_scores", "_tests")
    CONFIGURATION = ("_alpha", "_keys", "_scores")

    def __init__(self, scorecard: dict[str, Limit], alpha: AlphaShare) -> None:
        self._alpha = alpha
        self._scores: dict[tuple[bool, Role], Score] = {}
        lines = [(name, limit) for name, limit in scorecard.items() if name in QUALITY_METRICS]
        bounds = {(name, each): float(getattr(limit, each)) for name, limit in lines for each in limits_of(limit)}
        self._keys = tuple(bounds)
        self._tests = {key: MetricTest(*key, bounds[key], alpha) for key in bounds if not is_paired(*key)}
        self._differences = {key: _difference(*key, bounds[key]) for key in bounds if is_paired(*key)}

    def update(self, met: LabelledPrediction, primary: ScoreLookup, shares: AssignmentShares) -> None:
        """Adds a leg that met its label."""
        whose = _whose(met.leg, shares)
        prediction = met.leg.prediction(met.row) if self._keys and whose else None
        scored = score_prediction(prediction, met.label) if prediction else None
        if whose is None or scored is None:
            return
        if whose.candidate or whose.role == shares.reference_role:
            self._score(scored, whose)
        if self._differences:
            self._compare(met, scored, whose, primary, shares)

    def _score(self, scored: ScoredPrediction, whose: Assignment) -> None:
        arm = whose.candidate, whose.role
        if arm not in self._scores:
            self._scores[arm] = Score()
        self._scores[arm].update(scored)
        for each in self._tests.values():
            each.update(scored, whose.candidate)

    def take_over(self, before: Self) -> None:
        """Goes on with the evidence of another one about the same limits, against another instance of the same model.
        What labels say of a model does not depend on the share of its traffic, and labels are late."""
        self._scores, self._tests, self._differences = before._scores, before._tests, before._differences

    def _compare(
        self,
        met: LabelledPrediction,
        scored: ScoredPrediction,
        whose: Assignment,
        primary: ScoreLookup,
        shares: AssignmentShares,
    ) -> None:
        def of_the_other(leg: LegAnswer) -> bool:
            other = _whose(leg, shares)
            return other is not None and other.candidate != whose.candidate

        pair = paired_scores(met, scored, whose.candidate, of_the_other, whose.live_share)
        if pair is not None:
            for difference in self._differences.values():
                difference.update(pair, primary)

    @property
    def unmatched(self) -> int:
        """Scores that went without a match, for AUROC."""
        return sum(test.unmatched for test in self._tests.values())

    def get(self, lost: int) -> list[Evidence]:
        """A line of evidence for each limit, with the figures that river computed. `lost`: predictions that conclude
        nothing, because labels depend on the version (`stats.quality.label_bias`)."""
        return [self._on(*key, lost) for key in self._keys]

    def _on(self, metric: str, limit: str, lost: int) -> Evidence:
        test = self._tests.get((metric, limit)) or self._differences[metric, limit]
        if test.note:
            return self._alpha.nothing(metric, limit, lost, test.note)
        # A promoted version answers as the primary, and is judged alone.
        known = (self._figure(metric, True, role) for role in LIVE_ROLES)
        live = next((figure for figure in known if figure[1]), (None, 0))
        copies, primary = self._figure(metric, True, "shadow"), self._figure(metric, False, self._alpha.against)
        shown = ShownFigures(*live, *primary, *copies) if live[1] else ShownFigures(*copies, *primary)
        if limit == "min_gain":
            needed, claim = test.needed(None, self._alpha.false_winner), CLIPPED if metric in LOSSES else ""
            return self._alpha.gain(metric, shown, LogEvidence(0.0, test.log_pass, needed, claim=claim), lost)
        needed = test.needed(self._alpha.alpha, FALSE_PASS)
        return self._alpha.evidence(metric, limit, shown, LogEvidence(test.log_breach, test.log_pass, needed), lost)

    def _figure(self, metric: str, candidate: bool, role: Role) -> Figure:
        score = self._scores.get((candidate, role))
        return (score.get(metric), score.n[metric]) if score else (None, 0)


def _difference(metric: str, limit: str, bound: float) -> PairedDifference:
    """The test of one limit on a mean. A gain is a drop below 0, and of a loss a ratio below 1."""
    if limit != "min_gain":
        return PairedDifference(metric, bound)
    return PairedDifference(metric, 1.0 - bound if metric in LOSSES else -bound, gain=True)


def _whose(leg: LegAnswer, shares: AssignmentShares) -> Assignment | None:
    return shares.get(leg.version, leg.role, leg.share) or shares.of_pair(leg.version, leg.role)
