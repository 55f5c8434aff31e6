"""Quality evidence of one candidate against its primary, from labelled predictions.

| limit | what is bet on | compared with |
|---|---|---|
| accuracy min, max_drop | errors | a constant; the primary's errors, on the same request or weighted by share |
| f1 min, max_drop | m·(FP + FN) − 2·(1 − m)·TP, whose mean is at most 0 exactly when F1 ≥ m | constant; the primary's
F1 so far | | auroc min, max_drop | pairs of a positive and a negative in the wrong order | constant; the primary's
AUROC so far | | log_loss, mae, rmse: max, max_ratio | the loss (its square for rmse) | constant; the primary's so far |

"So far" is a number with a sampling error of its own, so it must rest on `SETTLED` labels, and the probability of a
false alarm holds up to that error. All are means, tested by betting (`stats.means`); losses have no upper end, so they
cannot pass early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import sqrt

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.labels import Labelled, Leg
from proxy.stats.means import MeanLimit
from proxy.stats.quality import METRICS, Graded, Score, grade
from proxy.stats.terms import Terms, limits_of

SETTLED = 200
"""The primary's labels that its figure must rest on before a candidate is held against it."""

QUEUE = 1000
"""Positives or negatives that wait for one of the other kind; when full the oldest goes."""

SAME_ARRIVAL = 4.0
"""Standard errors by which the versions' shares of labelled predictions may differ before nothing is concluded."""

Figure = Callable[[str], tuple[float | None, int]]
"""A metric's name to the primary's value so far and the number of labels that it rests on."""


class Grades:
    """One quality metric of a candidate under one limit."""

    __slots__ = ("_bound", "_limit", "_metric", "_negatives", "_positives", "_test")

    def __init__(self, metric: str, limit: str, bound: float) -> None:
        self._metric, self._limit, self._bound = metric, limit, bound
        self._test = MeanLimit()
        self._positives: deque[float] = deque(maxlen=QUEUE)
        self._negatives: deque[float] = deque(maxlen=QUEUE)

    @property
    def key(self) -> tuple[str, str]:
        """Metric and limit."""
        return self._metric, self._limit

    def update(self, graded: Graded, primary: Figure) -> None:
        """One labelled prediction of the candidate."""
        target = self._target(primary)
        if target is not None and not (self._metric == "accuracy" and self._limit == "max_drop"):
            _BETS[self._metric](self, graded, target)

    def _target(self, primary: Figure) -> float | None:
        if self._limit in ("min", "max"):
            return self._bound
        value, n = primary(self._metric)
        if value is None or n < SETTLED:
            return None
        return value - self._bound if self._limit == "max_drop" else value * self._bound

    def drop(self, x: float, low: float, high: float) -> None:
        """One difference in errors, candidate minus primary, whose mean is the drop in accuracy."""
        self._test.update(x, self._bound, low, high)

    @property
    def drops(self) -> bool:
        """This is about a drop in accuracy, which is told in differences."""
        return self.key == ("accuracy", "max_drop")

    def accuracy(self, graded: Graded, least: float) -> None:
        """A guess against a least accuracy."""
        if graded.guess is not None:
            self._test.update(float(graded.wrong), 1.0 - least, 0.0, 1.0)

    def f1(self, graded: Graded, least: float) -> None:
        """A guess against a least F1 of class 1."""
        if graded.guess is None or not 0.0 < least < 1.0:
            return
        hit = graded.label == 1 and graded.guess == 1
        miss = graded.wrong and 1 in (graded.label, graded.guess)
        x = -2.0 * (1.0 - least) if hit else least if miss else 0.0
        self._test.update(x, 0.0, -2.0 * (1.0 - least), least)

    def auroc(self, graded: Graded, least: float) -> None:
        """A score against a least AUROC, once it finds one of the other class: each is used once."""
        if graded.positive is None:
            return
        mine, others = (self._positives, self._negatives) if graded.label else (self._negatives, self._positives)
        if not others:
            mine.append(graded.positive)
            return
        other = others.popleft()
        high, low = (graded.positive, other) if graded.label else (other, graded.positive)
        wrong = 0.5 if high == low else float(high < low)
        self._test.update(wrong, 1.0 - least, 0.0, 1.0)

    def loss(self, graded: Graded, most: float) -> None:
        """A loss against the most that its mean may be."""
        loss = _LOSSES[self._metric](graded)
        if loss is not None and most > 0:
            self._test.update(loss, most * most if self._metric == "rmse" else most, 0.0)

    def evidence(
        self, terms: Terms, mine: tuple[float | None, int], primary: tuple[float | None, int], lost: int
    ) -> Evidence:
        """What is known, with the figures that river computed."""
        passes = self._metric in ("accuracy", "f1", "auroc")
        return Evidence(
            self._metric,
            terms.version,
            mine[0],
            primary[0],
            mine[1],
            primary[1],
            lost=lost,
            log_breach=self._test.log_breach - terms.spend,
            log_pass=self._test.log_pass if passes else None,
            limit=self._limit,
        )


_BETS: dict[str, Callable[[Grades, Graded, float], None]] = {
    "accuracy": Grades.accuracy,
    "f1": Grades.f1,
    "auroc": Grades.auroc,
    "log_loss": Grades.loss,
    "mae": Grades.loss,
    "rmse": Grades.loss,
}
_LOSSES: dict[str, Callable[[Graded], float | None]] = {
    "log_loss": lambda graded: graded.log_loss,
    "mae": lambda graded: None if graded.error is None else abs(graded.error),
    "rmse": lambda graded: None if graded.error is None else graded.error**2,
}


class ReportCard:
    """All quality limits of one candidate."""

    __slots__ = ("_grades", "_primary", "_terms")

    def __init__(self, scorecard: dict[str, Limit], terms: Terms, primary: str) -> None:
        self._terms, self._primary = terms, primary
        lines = [(name, limit) for name, limit in scorecard.items() if name in METRICS]
        self._grades = [Grades(name, each, getattr(limit, each)) for name, limit in lines for each in limits_of(limit)]

    def update(self, met: Labelled, primary: Figure) -> None:
        """A leg that met its label."""
        if not self._grades:
            return
        graded = grade(met.leg.said[met.row], met.label)
        if graded is None:
            return
        if self._is_mine(met.leg):
            for each in self._grades:
                each.update(graded, primary)
        drop = self._drop(met, graded) if graded.guess is not None else None
        for each in self._grades if drop else ():
            if each.drops and drop:
                each.drop(*drop)

    def _is_mine(self, leg: Leg) -> bool:
        return leg.version == self._terms.version and leg.role in ("canary", "shadow")

    def _is_primary(self, leg: Leg) -> bool:
        return leg.version == self._primary and leg.role == "primary"

    def _drop(self, met: Labelled, graded: Graded) -> tuple[float, float, float] | None:
        """The difference in errors that this leg tells of, and its range: paired with the other version's answer to
        the same request if there is one, else weighted by the share of its arm."""
        mine, wrong = self._is_mine(met.leg), float(graded.wrong)
        if not mine and not self._is_primary(met.leg):
            return None
        partner = next((leg for leg in met.others if (self._is_primary if mine else self._is_mine)(leg)), None)
        if partner is not None:
            # Both legs meet the label; the pair is told once, by the one that came later.
            if met.others.index(partner) > met.others.index(met.leg):
                return None
            other = grade(partner.said[met.row], met.label) if met.row < len(partner.said) else None
            if other is None or other.guess is None:
                return None
            return (wrong - other.wrong if mine else other.wrong - wrong), -1.0, 1.0
        share = met.leg.share if mine else 1.0 - met.leg.share
        if met.leg.role == "shadow" or not 0.0 < share < 1.0:
            return None
        return (wrong / share if mine else -wrong / (1.0 - share)), -1.0 / (1.0 - share), 1.0 / share

    def evidence(self, mine: Score | None, primary: Score | None, lost: int) -> list[Evidence]:
        """One for each limit. `lost`: predictions that cannot be concluded from (`arrivals_differ`)."""
        return [
            each.evidence(self._terms, _figure(mine, each.key[0]), _figure(primary, each.key[0]), lost)
            for each in self._grades
        ]


def _figure(score: Score | None, metric: str) -> tuple[float | None, int]:
    return (score.get(metric), score.n[metric]) if score else (None, 0)


def arrivals_differ(labelled: tuple[int, int], predicted: tuple[int, int]) -> bool:
    """The two versions' shares of predictions that got a label differ by more than chance: the label depends on the
    version, and whatever the labels say may be due to that."""
    (a, b), (n, m) = labelled, predicted
    if not n or not m or not a + b:
        return False
    pooled = (a + b) / (n + m)
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return error > 0 and abs(a / n - b / m) > SAME_ARRIVAL * error
