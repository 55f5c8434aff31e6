"""How good a version's predictions are, by their labels, in river's metrics.

A number between 0 and 1 with a label 0 or 1 is the probability of 1. River is imported with the first label, never
before: it costs 100 MB. AUROC is computed at `THRESHOLDS` thresholds; against scikit-learn it is within a hundredth.
"""

from __future__ import annotations

from math import inf, log
from typing import Any, NamedTuple

from proxy.stats.quality.label_join import Label, Prediction

THRESHOLDS = 200

MAX_CLASSES = 1000
"""Classes that are told apart; a label that is no class but an id must not fill the memory."""

SMALLEST = 1e-15
"""Probabilities are taken as at least this, so that log loss stays a number."""

LARGEST = 1e100
"""Numbers beyond it are no measurements, and their squares are no numbers."""

METRICS = ("accuracy", "f1", "auroc", "log_loss", "mae", "rmse")


class ScoredPrediction(NamedTuple):
    """One prediction against its label. Classification: `guess`, and `probability` of the true class (and of class 1,
    for two classes); regression: `error`, prediction minus label."""

    label: Label
    guess: Label | None = None
    probability: float | None = None
    positive: float | None = None
    error: float | None = None

    @property
    def wrong(self) -> bool:
        """The guess is another class than the label."""
        return self.guess != self.label

    @property
    def log_loss(self) -> float | None:
        """−ln of the probability of the true class."""
        return None if self.probability is None else -log(max(self.probability, SMALLEST))


def score_prediction(said: Prediction, label: Label) -> ScoredPrediction | None:
    """What `said` is worth given `label`; None when the two do not fit (a class name for scores without names, a
    number that is none)."""
    scores = said.scores
    if said.number is not None and said.label is None and scores is None:
        return _grade_number(said.number, label)
    if scores is not None and not (isinstance(label, int) and 0 <= label < len(scores)):
        scores = None
    guess = said.label
    if guess is None and scores is not None:
        guess = max(range(len(scores)), key=scores.__getitem__)
    if guess is None:
        return None
    positive = scores[1] if scores is not None and len(scores) == 2 else None
    return ScoredPrediction(label, guess, scores[int(label)] if scores is not None else None, positive)


def _grade_number(number: float, label: Label) -> ScoredPrediction | None:
    if isinstance(label, str) or not (abs(label) <= LARGEST and abs(number) <= LARGEST):
        return None
    if label in (0, 1) and 0.0 <= number <= 1.0:
        return ScoredPrediction(label, int(number >= 0.5), number if label else 1.0 - number, number)
    return ScoredPrediction(label, error=number - label)


class Score:
    """River's metrics of one version in one role. State: constant, but for one count for each pair of classes."""

    __slots__ = ("_classes", "_metrics", "n")

    def __init__(self) -> None:
        from river import metrics, stats

        made: Any = metrics
        running: Any = stats
        self._metrics: dict[str, Any] = {
            "accuracy": made.Accuracy(),
            "f1": made.F1(),
            "macro": made.MacroF1(),
            "auroc": made.ROCAUC(n_thresholds=THRESHOLDS),
            "log_loss": running.Mean(),
            "mae": made.MAE(),
            "rmse": made.RMSE(),
        }
        self._classes: set[Label] = set()
        self.n: dict[str, int] = dict.fromkeys(METRICS, 0)

    def update(self, scored: ScoredPrediction) -> None:
        """Adds one prediction to the metrics that it is about."""
        if scored.error is not None:
            number = float(scored.label)
            self._add(("mae", "rmse"), number, number + scored.error)
            return
        self._add(("accuracy",), scored.label, scored.guess)
        if self._is_class(scored.label) and self._is_class(scored.guess):
            self._add(("f1",), scored.label, scored.guess)
            self._metrics["macro"].update(scored.label, scored.guess)
        if scored.positive is not None:
            self._add(("auroc",), bool(scored.label), min(max(scored.positive, 0.0), 1.0))
        if scored.log_loss is not None:
            self.n["log_loss"] += 1
            self._metrics["log_loss"].update(scored.log_loss)

    def _is_class(self, value: Label | None) -> bool:
        if value is None or (value not in self._classes and len(self._classes) >= MAX_CLASSES):
            return False
        self._classes.add(value)
        return True

    def _add(self, names: tuple[str, ...], truth: Any, guess: Any) -> None:
        for name in names:
            self.n[name] += 1
            self._metrics[name].update(truth, guess)

    def get(self, metric: str) -> float | None:
        """The value of a metric of `METRICS`, or None without predictions that it is about. F1 is that of class 1 when
        the classes are 0 and 1, else the mean over classes."""
        if not self.n[metric]:
            return None
        if metric == "f1" and not self._classes <= {0, 1}:
            metric = "macro"
        value = float(self._metrics[metric].get())
        return value if abs(value) < inf else None
