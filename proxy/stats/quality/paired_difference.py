"""The difference between a candidate's errors, or losses, and its primary's, told request by request.

Where both answered the same request it is theirs on it; else each counts for 1/(its share of the requests of the two),
so that the mean over these is the difference of the two means. What changes for both, in the world or by the hour,
cancels.

A loss has no upper end, and a mean of what has none cannot be bounded. So losses are cut off at `CUT` times what the
primary's usually is, and the claim that is tested is about those: "the mean of the candidate's losses, cut off, is at
most `ratio` times the primary's". It holds for every candidate whose losses are, in distribution, no larger than
`ratio` times the primary's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from proxy.stats.quality.label_join import LabelledPrediction, LegAnswer
from proxy.stats.quality.scores import ScoredPrediction, score_prediction
from proxy.stats.sequential.mean_limit import MeanLimit
from proxy.stats.state import Stateful

SETTLED = 200
"""The primary's labels that the cut must rest on."""

CUT = 5.0
"""Mean losses at which a loss is cut off: further away it would hold down what a difference can stake."""

ScoreLookup = Callable[[str], tuple[float | None, int]]
"""A metric's name to the primary's value so far and the number of labels that it rests on."""

LOSSES: dict[str, Callable[[ScoredPrediction], float | None]] = {
    "log_loss": lambda scored: scored.log_loss,
    "mae": lambda scored: None if scored.error is None else abs(scored.error),
    "rmse": lambda scored: None if scored.error is None else scored.error**2,
}


class PairedScores(NamedTuple):
    """A request's predictions by candidate and primary, None where the other version was not asked; and what a
    prediction of each counts for."""

    mine: ScoredPrediction | None
    theirs: ScoredPrediction | None
    mine_counts: float = 1.0
    theirs_count: float = 1.0


def paired_scores(
    met: LabelledPrediction, scored: ScoredPrediction, mine: bool, other: Callable[[LegAnswer], bool], share: float
) -> PairedScores | None:
    """What the leg that met its label, `mine` or the primary's, tells of both; None where the pair is told by the other
    leg, or nothing can be. `other`: is this a leg of the other version. `share`: the candidate's of the two when the
    leg was assigned; what legs count for must not depend on which of them it was."""
    partner = next((leg for leg in met.others if other(leg)), None)
    if partner is not None:
        # Both legs meet the label; the pair is told once, by the one that came later.
        if met.others.index(partner) > met.others.index(met.leg):
            return None
        second = (
            score_prediction(partner.predictions[met.row], met.label) if met.row < len(partner.predictions) else None
        )
        return None if second is None else PairedScores(scored, second) if mine else PairedScores(second, scored)
    if met.leg.role == "shadow" or not 0.0 < share < 1.0:
        return None
    return PairedScores(scored if mine else None, None if mine else scored, 1.0 / share, 1.0 / (1.0 - share))


class PairedDifference(Stateful):
    """`accuracy` with the most that it may drop, or a loss with the most times that it may be the primary's."""

    __slots__ = ("_bound", "_cut", "_measure", "_metric", "_ratio", "_test")
    CONFIGURATION = ("_bound", "_measure", "_metric", "_ratio")

    note = ""

    def __init__(self, metric: str, bound: float) -> None:
        self._metric = metric
        self._measure = LOSSES.get(metric, _wrong)
        self._bound, self._ratio = (0.0, _squared(metric, bound)) if metric in LOSSES else (bound, 1.0)
        self._cut = 0.0 if metric in LOSSES else 1.0
        self._test = MeanLimit()

    def update(self, told: PairedScores, primary: ScoreLookup) -> None:
        """One request."""
        if self._cut:
            self._bet(told)
        if self._metric in LOSSES:
            value, n = primary(self._metric)
            self._cut = CUT * _squared(self._metric, value) if value is not None and n >= SETTLED else 0.0

    def _bet(self, told: PairedScores) -> None:
        mine, theirs = self._size(told.mine), self._size(told.theirs)
        if mine is None or theirs is None:
            return
        low, high = -self._ratio * told.theirs_count * self._cut, told.mine_counts * self._cut
        x = told.mine_counts * mine - self._ratio * told.theirs_count * theirs
        self._test.update(x, self._bound, low, None if self._metric in LOSSES else high)

    def _size(self, scored: ScoredPrediction | None) -> float | None:
        if scored is None:
            return 0.0
        size = self._measure(scored)
        return None if size is None else min(size, self._cut)

    @property
    def log_breach(self) -> float:
        """ln of the evidence against "within the limit"."""
        return float(self._test.log_breach)

    @property
    def log_pass(self) -> float | None:
        """ln of the evidence against "beyond the limit"; losses are cut off, so what they hide could not be passed."""
        return None if self._metric in LOSSES else float(self._test.log_pass)


def _wrong(scored: ScoredPrediction) -> float | None:
    return None if scored.guess is None else float(scored.wrong)


def _squared(metric: str, value: float) -> float:
    return value * value if metric == "rmse" else value
