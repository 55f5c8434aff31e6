"""Scores of every version in every role of a route, from predictions that met their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation
from proxy.contracts.table import Role
from proxy.stats.quality.label_bias import labels_depend
from proxy.stats.quality.label_join import (
    MAX_WAITING_BYTES,
    MAX_WAITING_REQUESTS,
    LabelJoin,
    LabelledPrediction,
    LabelOutcome,
    VersionRole,
)
from proxy.stats.quality.paired_difference import ScoreLookup
from proxy.stats.quality.scores import Score, score_prediction

ScoredArm = tuple[str, str, Role]
"""Route, version, role."""

JUDGED_ROLES: tuple[Role, ...] = ("canary", "baseline", "shadow")
"""Roles of a candidate; label bias is asked of the first one that has labels."""

RECHECK_GROWTH = 1.05
"""Growth of the labels of a candidate after which label bias is tested again; a test walks over all requests that
wait."""


class Scorer:
    """The label join of all routes, and a `Score` for each arm.

    - `capacity`, `max_bytes`: requests whose predictions may wait for a label at a time

    >>> from proxy.contracts.observation import Tensor
    >>> scorer = Scorer()
    >>> facts = {"exchange": 1, "request_id": "a", "route": "r", "version": "v1", "role": "primary", "share": 1.0}
    >>> times = {"status": 200, "failure": "", "started": 0.0, "first_byte": 0.0, "total": 0.0}
    >>> leg = Observation(**facts, **times, outputs=(Tensor("p", 1, 2, "number", [0.2, 0.8]),))
    >>> scorer.update([leg], wait=60.0, now=0.0)
    []
    >>> outcome, labelled = scorer.on_label("a", 1, now=5.0)
    >>> outcome, scorer.scores["r", "v1", "primary"].get("accuracy")
    ('joined', 1.0)
    """

    __slots__ = ("_bias", "labelled", "labels", "scores", "unscored")

    def __init__(self, capacity: int = MAX_WAITING_REQUESTS, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self.labels = LabelJoin(capacity, max_bytes)
        """The predictions that wait for their labels."""
        self.labelled: Counter[ScoredArm] = Counter()
        """Predictions that met a label."""
        self.unscored: Counter[tuple[str, str]] = Counter()
        """Predictions that met a label of another kind, by (route, version)."""
        self.scores: dict[ScoredArm, Score] = {}
        """The scores of each arm that has any."""
        self._bias: dict[tuple[str, str, Role, str], tuple[int, bool]] = {}

    def update(self, legs: Sequence[Observation], wait: float, now: float) -> list[LabelledPrediction]:
        """Keeps the predictions of legs of one arm for `wait` seconds; returns those whose label had come before."""
        labelled = self.labels.update(legs, wait, now)
        return self._scored(labelled) if labelled else labelled

    def update_alike(self, legs: AlikeLegs, wait: float, now: float) -> list[LabelledPrediction]:
        """The same of legs that are alike."""
        labelled = self.labels.update_alike(legs, wait, now)
        return self._scored(labelled) if labelled else labelled

    def on_label(self, request_id: str, label: Any, now: float) -> tuple[LabelOutcome, list[LabelledPrediction]]:
        """Joins a label, one value or a list with one for each row; returns its outcome and the predictions it met."""
        outcome, labelled = self.labels.on_label(request_id, label, now)
        return outcome, self._scored(labelled)

    def _scored(self, labelled: list[LabelledPrediction]) -> list[LabelledPrediction]:
        for each in labelled:
            prediction = each.leg.prediction(each.row)
            scored = score_prediction(prediction, each.label) if prediction else None
            arm = each.route, each.leg.version, each.leg.role
            self.labelled[arm] += 1
            if scored is None:
                self.unscored[each.route, each.leg.version] += 1
                continue
            if arm not in self.scores:
                self.scores[arm] = Score()
            self.scores[arm].update(scored)
        return labelled

    def forget(self, route: str, version: str) -> None:
        """Drops the scores of a model that answers no more under the name of `version`, and its predictions that wait
        for a label."""
        self.labels.forget(route, version)
        for arm in [arm for arm in self.scores if arm[:2] == (route, version)]:
            del self.scores[arm]

    def scores_of(self, route: str, version: str) -> ScoreLookup:
        """A look-up of a primary's scores by metric: (value, number of labels)."""
        score = self.scores.get((route, version, "primary"))
        return lambda metric: (score.get(metric), score.n[metric]) if score else (None, 0)

    def inconclusive(self, route: str, candidate: str, primary: str, baseline: str | None = None) -> int:
        """Number of a candidate's labels that are inconclusive, because the arrival of labels depends on the version.

        All of them or none; the other version is the primary, or of live requests the baseline where there is one. The
        answer is kept until there are `RECHECK_GROWTH` times as many labels.
        """
        role = next((role for role in JUDGED_ROLES if self.labelled[route, candidate, role]), None)
        if role is None or candidate == primary:
            return 0
        other: VersionRole = (baseline, "baseline") if baseline and role != "shadow" else (primary, "primary")
        labelled, key = self.labelled[route, candidate, role], (route, candidate, role, other[0])
        at, depends = self._bias.get(key, (0, False))
        if labelled > at * RECHECK_GROWTH:
            depends = labels_depend(self.labels.arrivals(route, (candidate, role), other))
            self._bias[key] = labelled, depends
        return labelled if depends else 0
