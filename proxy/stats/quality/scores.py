"""Scores of a version's predictions by their labels: accuracy, F1, AUROC and losses, in river's metrics.

A number between 0 and 1 with a label 0 or 1 is taken as the probability of class 1. River is imported with the first
label, never before: the import costs 100 MB. AUROC is computed at `AUROC_THRESHOLDS` thresholds, within a hundredth of
scikit-learn's; of several classes it is the mean over classes, each against the rest (macro, one-vs-rest).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite, log
from typing import Any, Literal, NamedTuple

from proxy.contracts.metrics import METRICS
from proxy.stats.quality.predictions import Label, Prediction

AUROC_THRESHOLDS = 200

MAX_CLASSES = 1000
"""Classes that F1 tells apart; a label that is an id rather than a class must not fill the memory. Predictions of
further classes are left out of F1, counted (`beyond_classes`)."""

MAX_CONFUSIONS = 20_000
"""Different pairs of a class and a prediction that F1 counts: all of 141 classes, or twenty for each of `MAX_CLASSES`.
Further ones are left out of F1 and counted, too."""

MAX_RANKED = 20
"""Classes whose AUROC are averaged: each takes 200 thresholds a label. Of more there is none."""

MIN_PROBABILITY = 1e-15
"""Probabilities are taken as at least this, so that log loss stays a number."""

PROBABILITY_ROUNDING = 0.01
"""Distance from 0 or 1 that a probability may have, for rounding."""

MAX_NUMBER = 1e100
"""Numbers beyond it are no measurements, and their squares are no numbers."""

QUALITY_METRICS = tuple(metric.name for metric in METRICS.values() if metric.source == "labels")
"""Metrics of labelled predictions."""


Averaging = Literal["", "class 1", "macro"]


class ScoredPrediction(NamedTuple):
    """One prediction against its label: of a class (`guess`, `probability`) or of a number (`error`)."""

    label: Label
    guess: Label | None = None
    """The predicted class."""
    probability: float | None = None
    """The predicted probability of the true class."""
    positive: float | None = None
    """The predicted probability of class 1, for two classes."""
    error: float | None = None
    """Prediction minus label, for numbers."""
    of_classes: tuple[float, ...] = ()
    """The predicted probabilities of several classes."""

    @property
    def wrong(self) -> bool:
        """The guess is another class than the label."""
        return self.guess != self.label

    @property
    def log_loss(self) -> float | None:
        """−ln of the probability of the true class."""
        return None if self.probability is None else -log(max(self.probability, MIN_PROBABILITY))


Measure = Callable[[ScoredPrediction], float | None]
"""A prediction's size in a metric; None where the metric is not about the prediction."""


class Loss(NamedTuple):
    """A metric of kind `loss`: the root of the mean of what it measures of each prediction."""

    measure: Measure
    """The loss of a prediction."""
    power: int = 1
    """The root: 2 for a mean of squares."""


SCORES: dict[str, Measure] = {
    "accuracy": lambda scored: None if scored.guess is None else float(not scored.wrong),
}
"""The arithmetic of each metric of kind `score` that is a mean over predictions, 0 to 1 each; a new one is an entry
here. The label alone may choose which predictions it is about. F1 and AUROC are no means: their arithmetic stands in
`Score`, and in `stats.evidence.quality`."""

LOSSES: dict[str, Loss] = {
    "log_loss": Loss(lambda scored: scored.log_loss),
    "mae": Loss(lambda scored: None if scored.error is None else abs(scored.error)),
    "rmse": Loss(lambda scored: None if scored.error is None else scored.error**2, power=2),
}
"""The arithmetic of each metric of kind `loss`; a new one is an entry here."""

MEANS: dict[str, Measure] = SCORES | {name: loss.measure for name, loss in LOSSES.items()}
"""All metrics that are means over predictions."""


def score_prediction(prediction: Prediction, label: Label) -> ScoredPrediction | None:
    """The score of a prediction given its label.

    None when the two do not fit: a class name for scores without names, or a number that is no measurement.

    >>> score_prediction(Prediction(scores=(0.2, 0.8)), 1)
    ScoredPrediction(label=1, guess=1, probability=0.8, positive=0.8, error=None, of_classes=())
    """
    scores = prediction.scores
    if isinstance(label, float) and isinstance(prediction.label, int) and scores is None:
        return _score_number(prediction.label, label)  # labels of a regression whose answer is a whole number
    if prediction.number is not None and prediction.label is None and scores is None:
        return _score_number(prediction.number, label)
    if scores is not None and not (isinstance(label, int) and 0 <= label < len(scores) and all(map(isfinite, scores))):
        scores = None
    guess = prediction.label
    if guess is None and scores is not None:
        guess = max(range(len(scores)), key=scores.__getitem__)
    if guess is None:
        return None
    positive = scores[1] if scores is not None and len(scores) == 2 else None
    probability = None if scores is None else _probability(scores[int(label)])
    several = scores is not None and 2 < len(scores) <= MAX_RANKED and None not in map(_probability, scores)
    return ScoredPrediction(label, guess, probability, positive, of_classes=tuple(scores or ()) if several else ())


def _probability(score: float) -> float | None:
    """A score as a probability, rounded into its range; None for one that is none, such as a logit."""
    return min(max(score, 0.0), 1.0) if -PROBABILITY_ROUNDING <= score <= 1.0 + PROBABILITY_ROUNDING else None


def _score_number(number: float, label: Label) -> ScoredPrediction | None:
    if isinstance(label, str) or not (abs(label) <= MAX_NUMBER and abs(number) <= MAX_NUMBER):
        return None
    if label in (0, 1) and 0.0 <= number <= 1.0:
        return ScoredPrediction(label, int(number >= 0.5), number if label else 1.0 - number, number)
    return ScoredPrediction(label, error=number - label)


def load() -> None:
    """Imports what `Score` is made of: a second, in which a loop would stand still. To be called in a thread."""
    from river import metrics, stats  # noqa: F401


class Score:
    """River's metrics of one version in one role. State: constant, but for one count for each of `MAX_CONFUSIONS`.

    Not mergeable: river's metrics do not merge. Evidence on quality merges (`MeanLimit`), its figures begin anew.

    >>> score = Score()
    >>> for label, guess in ((1, 1), (0, 1), (0, 0), (1, 1)):
    ...     score.update(ScoredPrediction(label, guess))
    >>> score.get("accuracy"), score.get("f1"), score.get("mae")
    (0.75, 0.8, None)
    """

    __slots__ = ("_classes", "_confusions", "_metrics", "_positives", "_ranked", "beyond_classes", "n")

    def __init__(self) -> None:
        from river import metrics, stats

        made: Any = metrics
        running: Any = stats
        self._metrics: dict[str, Any] = {
            "f1": made.F1(),
            "macro": made.MacroF1(),
            "auroc": made.ROCAUC(n_thresholds=AUROC_THRESHOLDS),
            **{name: running.Mean() for name in MEANS},
        }
        self._classes: set[Label] = set()
        self._confusions: set[tuple[Label, Label]] = set()
        self._positives: set[bool] = set()
        self._ranked: list[tuple[Any, set[bool]]] = []
        """AUROC of each of several classes against the rest, and the sides of it that labels had."""
        self.beyond_classes = 0
        self.n: dict[str, int] = dict.fromkeys(QUALITY_METRICS, 0)

    def update(self, scored: ScoredPrediction) -> None:
        """Adds one prediction to the metrics that it is about."""
        for name, measure in MEANS.items():
            size = measure(scored)
            if size is not None:
                self.n[name] += 1
                self._metrics[name].update(size)
        if scored.error is not None:
            return
        if scored.guess is not None and self._are_classes(scored.label, scored.guess):
            self._add("f1", scored.label == 1, scored.guess == 1)
            self._metrics["macro"].update(scored.label, scored.guess)
        if scored.positive is not None:
            self._positives.add(bool(scored.label))
            self._add("auroc", bool(scored.label), min(max(scored.positive, 0.0), 1.0))
        elif scored.of_classes:
            self._rank(scored)

    def _rank(self, scored: ScoredPrediction) -> None:
        from river import metrics

        while len(self._ranked) < len(scored.of_classes):
            self._ranked.append((metrics.ROCAUC(n_thresholds=AUROC_THRESHOLDS), set()))
        self.n["auroc"] += 1
        for place, (score, (metric, sides)) in enumerate(zip(scored.of_classes, self._ranked, strict=False)):
            sides.add(scored.label == place)
            metric.update(scored.label == place, min(max(score, 0.0), 1.0))

    def _auroc_of_classes(self) -> float | None:
        """The mean over the classes that some labels are of and others are not; None before each has both."""
        found = [metric.get() for metric, sides in self._ranked if len(sides) == 2]
        return sum(found) / len(found) if len(found) == len(self._ranked) else None

    def _are_classes(self, label: Label, guess: Label) -> bool:
        for value in (label, guess):
            if value not in self._classes and len(self._classes) >= MAX_CLASSES:
                self.beyond_classes += 1
                return False
            self._classes.add(value)
        if (label, guess) not in self._confusions and len(self._confusions) >= MAX_CONFUSIONS:
            self.beyond_classes += 1
            return False
        self._confusions.add((label, guess))
        return True

    def averaging(self, metric: str) -> Averaging:
        """What a figure is the mean of: `class 1` of that class alone, `macro` of all classes alike, "" of rows."""
        if metric == "auroc":
            return "macro" if self._ranked else ""
        if metric != "f1":
            return ""
        return "class 1" if self._classes <= {0, 1} else "macro"

    def _add(self, name: str, truth: Any, guess: Any) -> None:
        self.n[name] += 1
        self._metrics[name].update(truth, guess)

    def get(self, metric: str) -> float | None:
        """The value of a metric of `QUALITY_METRICS`, or None without predictions that it is about. F1 is that of class
        1 when the classes are 0 and 1, else the mean over classes (`averaging`), as is AUROC. AUROC needs labels of
        each class, and F1 of class 1 that class: without them they are not defined."""
        if not self.n[metric]:
            return None
        if metric == "auroc" and self._ranked:
            return self._auroc_of_classes()
        if metric == "auroc" and len(self._positives) < 2:
            return None
        if metric == "f1":
            if self._classes <= {0}:
                return None
            metric = "macro" if self.averaging(metric) == "macro" else metric
        value = float(self._metrics[metric].get())
        if metric in LOSSES:
            value = value ** (1.0 / LOSSES[metric].power)
        return value if abs(value) < inf else None
