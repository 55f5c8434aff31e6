"""Scores of every version in every role, from predictions that met their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from proxy.contracts.observation import Observation
from proxy.contracts.table import Role
from proxy.stats.quality.label_bias import labels_depend
from proxy.stats.quality.label_join import LabelJoin, LabelledPrediction, LabelOutcome
from proxy.stats.quality.paired_difference import ScoreLookup
from proxy.stats.quality.scores import Score, score_prediction

ScoredArm = tuple[str, str, Role]
"""Route, version, role."""

LIVE_FIRST: tuple[Role, ...] = ("canary", "shadow")
"""Which of a candidate's labels are looked at."""

AGAIN = 1.05
"""Growth of labels after which it is asked again whether they come alike: that walks through all that waits."""


class Scorer:
    """`labelled` and `ungraded` count predictions that met a label, and those of them that did not fit it."""

    __slots__ = ("_differ", "labelled", "labels", "scores", "ungraded")

    def __init__(self, capacity: int) -> None:
        self.labels = LabelJoin(capacity)
        self.labelled: Counter[ScoredArm] = Counter()
        self.ungraded: Counter[tuple[str, str]] = Counter()
        self.scores: dict[ScoredArm, Score] = {}
        self._differ: dict[tuple[str, str, Role, str], tuple[int, bool]] = {}

    def update(self, legs: Sequence[Observation], wait: float, now: float) -> list[LabelledPrediction]:
        """Keeps what legs of one arm predicted; what their labels, if they came first, now meet."""
        met = self.labels.update(legs, wait, now)
        return self._scored(met) if met else met

    def on_label(self, request_id: str, label: Any, now: float) -> tuple[LabelOutcome, list[LabelledPrediction]]:
        """Takes a label; what it meets."""
        outcome, met = self.labels.on_label(request_id, label, now)
        return outcome, self._scored(met)

    def _scored(self, met: list[LabelledPrediction]) -> list[LabelledPrediction]:
        for each in met:
            scored = score_prediction(each.leg.predictions[each.row], each.label)
            arm = each.route, each.leg.version, each.leg.role
            self.labelled[arm] += 1
            if scored is None:
                self.ungraded[each.route, each.leg.version] += 1
                continue
            if arm not in self.scores:
                self.scores[arm] = Score()
            self.scores[arm].update(scored)
        return met

    def scores_of(self, route: str, version: str) -> ScoreLookup:
        """Where a primary's figures are looked up."""
        score = self.scores.get((route, version, "primary"))
        return lambda metric: (score.get(metric), score.n[metric]) if score else (None, 0)

    def inconclusive(self, route: str, candidate: str, primary: str) -> int:
        """How many of a candidate's labels conclude nothing, because labels depend on the version. Looked up again
        when there are a twentieth more."""
        role = next((role for role in LIVE_FIRST if self.labelled[route, candidate, role]), None)
        if role is None or candidate == primary:
            return 0
        labelled, key = self.labelled[route, candidate, role], (route, candidate, role, primary)
        looked, depends = self._differ.get(key, (0, False))
        if labelled > looked * AGAIN:
            depends = labels_depend(self.labels.waiting(route, (candidate, role), (primary, "primary")))
            self._differ[key] = labelled, depends
        return labelled if depends else 0
