"""Quality evidence of one candidate against its primary, from labelled predictions.

| metric | limit | what is bet on, and against what |
|---|---|---|
| accuracy | min | errors; a constant |
| f1 | min | m·(FP + FN) − 2·(1 − m)·TP, whose mean is at most 0 exactly when F1 ≥ m; a constant |
| auroc | min | pairs of a positive and a negative in the wrong order; a constant |
| f1, auroc | max_drop | the same; a bound that the primary's score is above (`floors`), less the drop |
| accuracy | max_drop | the difference in errors (`differences`) |
| log_loss, mae, rmse | max | the loss (its square for rmse); a constant |
| log_loss, mae, rmse | max_ratio | the difference in losses (`differences`) |

All are means, tested by betting (`stats.sequential.mean_limit`), valid however often one looks. Against a floor half of
the probability of a false alarm goes to the floor. Losses have no upper end, so they cannot pass early; a floor is no
ceiling, so neither can what is held against one. F1 over more than two classes is a mean of ratios, which no bet here
is about: it is shown, and not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.evidence.alpha import AlphaShare, limits_of
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.quality.label_join import LabelledPrediction, LegAnswer
from proxy.stats.quality.lower_bound import SCORE_GRID, AurocPairs, LowerConfidenceSequence, f1_counts
from proxy.stats.quality.paired_difference import LOSSES, PairedDifference, ScoreLookup, paired_scores
from proxy.stats.quality.scores import METRICS, Score, ScoredPrediction, score_prediction
from proxy.stats.sequential.mean_limit import MeanLimit
from proxy.stats.state import Stateful

SEVERAL = "no data: F1 of more than two classes is shown, not judged; accuracy can be"

Key = tuple[str, str]
"""Metric and limit."""


class MetricTest(Stateful):
    """One metric of a candidate against a constant, or against the primary's floor."""

    __slots__ = ("_bound", "_floor", "_limit", "_metric", "_pairs", "_several", "_test")
    CONFIGURATION = ("_bound", "_limit", "_metric")

    def __init__(self, metric: str, limit: str, bound: float, alpha: float) -> None:
        self._metric, self._limit, self._bound = metric, limit, bound
        self._test = MeanLimit()
        self._floor = LowerConfidenceSequence(alpha / 2.0) if limit == "max_drop" else None
        self._pairs = AurocPairs(), AurocPairs()
        self._several = False

    @property
    def key(self) -> Key:
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
        return None if floor is None else floor - self._bound

    def _raise(self, floor: LowerConfidenceSequence, scored: ScoredPrediction) -> None:
        if self._metric == "auroc":
            right = self._pairs[1].update(scored)
            if right is not None:
                floor.update(right - SCORE_GRID)
        elif scored.guess is not None:
            hit, miss = f1_counts(scored)
            if hit or miss:
                floor.update(2.0 * (1.0 - SCORE_GRID) if hit else -SCORE_GRID)

    def accuracy(self, scored: ScoredPrediction, least: float) -> None:
        """A guess against a least accuracy."""
        if scored.guess is not None:
            self._test.update(float(scored.wrong), 1.0 - least, 0.0, 1.0)

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
        right = self._pairs[0].update(scored)
        if right is not None:
            self._test.update(1.0 - right, 1.0 - least, 0.0, 1.0)

    def loss(self, scored: ScoredPrediction, most: float) -> None:
        """A loss against the most that its mean may be."""
        loss = LOSSES[self._metric](scored)
        if loss is not None and most > 0:
            self._test.update(loss, most * most if self._metric == "rmse" else most, 0.0)

    @property
    def log_breach(self) -> float:
        """ln of the evidence against "within the limit"; what the floor may err is already taken from it."""
        return float(self._test.log_breach) - (log(2.0) if self._floor else 0.0)

    @property
    def log_pass(self) -> float | None:
        """ln of the evidence against "beyond the limit"."""
        return None if self._floor or self._metric in LOSSES else float(self._test.log_pass)

    @property
    def note(self) -> str:
        """Why this is not judged."""
        return SEVERAL if self._several else ""


_BETS: dict[str, Callable[[MetricTest, ScoredPrediction, float], None]] = {
    "accuracy": MetricTest.accuracy,
    "f1": MetricTest.f1,
    "auroc": MetricTest.auroc,
    **dict.fromkeys(LOSSES, MetricTest.loss),
}

_DIFFERENCES = frozenset({("accuracy", "max_drop"), *((loss, "max_ratio") for loss in LOSSES)})


class QualityEvidence(Stateful):
    """All quality limits of one candidate."""

    __slots__ = ("_differences", "_keys", "_primary", "_scores", "_terms", "_tests")
    CONFIGURATION = ("_keys", "_primary", "_scores", "_terms")

    def __init__(self, scorecard: dict[str, Limit], terms: AlphaShare, primary: str) -> None:
        self._terms, self._primary = terms, primary
        self._scores: dict[Role, Score] = {}
        lines = [(name, limit) for name, limit in scorecard.items() if name in METRICS]
        bounds = {(name, each): float(getattr(limit, each)) for name, limit in lines for each in limits_of(limit)}
        self._keys = tuple(bounds)
        self._tests = {key: MetricTest(*key, bounds[key], terms.alpha) for key in bounds if key not in _DIFFERENCES}
        self._differences = {key: PairedDifference(key[0], bounds[key]) for key in bounds if key in _DIFFERENCES}

    def update(self, met: LabelledPrediction, primary: ScoreLookup, shares: AssignmentShares) -> None:
        """A leg that met its label. `shares` knows the candidate's share of the two."""
        mine, theirs = self._is_mine(met.leg), self._is_primary(met.leg)
        if not self._keys or not (mine or theirs):
            return
        scored = score_prediction(met.leg.predictions[met.row], met.label)
        if scored is None:
            return
        if met.leg.role not in self._scores:
            self._scores[met.leg.role] = Score()
        self._scores[met.leg.role].update(scored)
        for each in self._tests.values():
            each.update(scored, mine)
        if not self._differences:
            return
        share = (shares.of_canary if mine else shares.of_live_primary)(met.leg.share)
        told = paired_scores(met, scored, mine, self._is_primary if mine else self._is_mine, share)
        for difference in self._differences.values():
            if told is not None:
                difference.update(told, primary)

    def _is_mine(self, leg: LegAnswer) -> bool:
        if self._terms.version == self._primary:
            return leg.version == self._primary and leg.role == "primary"
        return leg.version == self._terms.version and leg.role in ("canary", "shadow")

    def _is_primary(self, leg: LegAnswer) -> bool:
        return leg.version == self._primary != self._terms.version and leg.role == "primary"

    def evidence(self, lost: int) -> list[Evidence]:
        """One for each limit, with the figures that river computed. `lost`: predictions that cannot be concluded from
        (`arrivals`)."""
        return [self._evidence(key, lost) for key in self._keys]

    def _evidence(self, key: Key, lost: int) -> Evidence:
        test = self._tests.get(key) or self._differences[key]
        if test.note:
            return Evidence(key[0], self._terms.version, None, None, 0, 0, lost=lost, limit=key[1], note=test.note)
        live, shadow, primary = (self._figure(role, key[0]) for role in ("canary", "shadow", "primary"))
        nothing = (None, 0)
        alone = self._terms.version == self._primary
        (value, n), (reference, n_reference) = (primary, nothing) if alone else (live if live[1] else shadow, primary)
        copies = shadow if live[1] else nothing
        return Evidence(
            key[0],
            self._terms.version,
            value,
            reference,
            n,
            n_reference,
            lost=lost,
            log_breach=test.log_breach - self._terms.spend,
            log_pass=test.log_pass,
            limit=key[1],
            shadow=copies[0],
            n_shadow=copies[1],
        )

    def _figure(self, role: Role, metric: str) -> tuple[float | None, int]:
        score = self._scores.get(role)
        return (score.get(metric), score.n[metric]) if score else (None, 0)
