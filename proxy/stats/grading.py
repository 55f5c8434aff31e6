"""Scores of every version in every role, from predictions that met their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from proxy.contracts.observation import Observation
from proxy.contracts.table import Role
from proxy.stats.differences import Figure
from proxy.stats.grades import arrivals_differ
from proxy.stats.labels import Labelled, Labels, Outcome
from proxy.stats.quality import Score, grade

Arm = tuple[str, str, Role]
"""Route, version, role."""

ROLES: tuple[Role, ...] = ("canary", "shadow", "primary")
"""Where a candidate's score is looked for, in this order."""


class Grading:
    """`labelled` and `ungraded` count predictions that met a label, and those of them that did not fit it."""

    __slots__ = ("labelled", "labels", "scores", "ungraded")

    def __init__(self, capacity: int) -> None:
        self.labels = Labels(capacity)
        self.labelled: Counter[Arm] = Counter()
        self.ungraded: Counter[tuple[str, str]] = Counter()
        self.scores: dict[Arm, Score] = {}

    def note(self, legs: Sequence[Observation], wait: float, now: float) -> list[Labelled]:
        """Keeps what legs of one arm predicted; what their labels, if they came first, now meet."""
        met = self.labels.note(legs, wait, now)
        return self._scored(met) if met else met

    def label(self, request_id: str, label: Any, now: float) -> tuple[Outcome, list[Labelled]]:
        """Takes a label; what it meets."""
        outcome, met = self.labels.label(request_id, label, now)
        return outcome, self._scored(met)

    def _scored(self, met: list[Labelled]) -> list[Labelled]:
        for each in met:
            graded = grade(each.leg.said[each.row], each.label)
            arm = each.route, each.leg.version, each.leg.role
            self.labelled[arm] += 1
            if graded is None:
                self.ungraded[each.route, each.leg.version] += 1
                continue
            if arm not in self.scores:
                self.scores[arm] = Score()
            self.scores[arm].update(graded)
        return met

    def figure(self, route: str, version: str) -> Figure:
        """Where a primary's figures are looked up."""
        score = self.scores.get((route, version, "primary"))
        return lambda metric: (score.get(metric), score.n[metric]) if score else (None, 0)

    def against(self, route: str, candidate: str, primary: str) -> tuple[Score | None, Score | None, int]:
        """The scores of two versions, and how many of the candidate's labels conclude nothing because labels depend on
        the version."""
        theirs: Arm = (route, primary, "primary")
        mine = next((arm for role in ROLES if (arm := (route, candidate, role)) in self.scores), None)
        if mine is None:
            return None, self.scores.get(theirs), 0
        labelled, predicted = [(counts[mine], counts[theirs]) for counts in (self.labelled, self.labels.predicted)]
        lost = labelled[0] if arrivals_differ(labelled, predicted) else 0
        return self.scores[mine], self.scores.get(theirs), lost
