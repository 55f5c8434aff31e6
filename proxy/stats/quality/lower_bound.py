"""Confidence sequences of a primary's score: bounds that hold at all times at once, for a candidate to meet.

For each m on a grid, an e-process tests H(m): score ≤ m. When its e-value reaches 1/α, H(m) is rejected; the bound is
the highest m up to which all H(m) are rejected. With probability 1 − α the bound is never above the score, however
often one looks (Waudby-Smith and Ramdas, JRSS B 2024). The upper bound is the same from the other side. Both assume
that the primary's score does not change.
"""

from __future__ import annotations

from collections import deque
from math import log
from typing import Self

import numpy as np

from proxy.stats.arrays import Floats
from proxy.stats.quality.scores import ScoredPrediction
from proxy.stats.sequential.e_process import EProcess
from proxy.stats.sequential.mean_limit import STAKES
from proxy.stats.state import Stateful

SCORE_GRID: Floats = np.arange(1, 100) / 100.0
"""The scores m that are tested, shape (99,)."""

MAX_UNMATCHED = 1000
"""Scores of positives, or of negatives, that wait for one of the other kind; when full the oldest goes, counted
(`unmatched`)."""


class LowerConfidenceSequence(Stateful):
    """The lower confidence sequence of one score at level `alpha`; state: one wealth for each stake and each m.

    >>> bound = LowerConfidenceSequence(alpha=0.05)
    >>> for _ in range(200):
    ...     bound.update(0.9 - SCORE_GRID)  # every observation says 0.9
    >>> bound.get()
    0.87
    """

    __slots__ = ("_e_processes", "_goal")
    CONFIGURATION = ("_goal",)

    LOW: Floats = SCORE_GRID

    def __init__(self, alpha: float) -> None:
        self._goal = log(1.0 / alpha)
        self._e_processes = EProcess(len(STAKES), restarts=False, shape=(len(SCORE_GRID),))

    def update(self, x: Floats) -> None:
        """One observation: for each m of the grid a number ≥ −m whose mean is at most 0 exactly when score ≤ m."""
        self._e_processes.update(np.log1p(STAKES * (x / self.LOW)[:, None]), 1)
        self._e_processes.settle()

    def get(self) -> float | None:
        """The bound; None while no H(m) is rejected."""
        rejected = self._e_processes.get() >= self._goal
        count = int(np.argmin(rejected)) if not rejected.all() else len(SCORE_GRID)
        return float(SCORE_GRID[count - 1]) if count else None

    def __iadd__(self, other: Self) -> Self:
        """Merges the evidence of an independent stream about the same score; equals one run over both streams."""
        self._e_processes += other._e_processes
        return self


class UpperConfidenceSequence(LowerConfidenceSequence):
    """The upper confidence sequence of one score; `update` takes numbers ≥ m − 1 whose mean is at most 0 exactly when
    score ≥ m.

    >>> bound = UpperConfidenceSequence(alpha=0.05)
    >>> for _ in range(200):
    ...     bound.update(SCORE_GRID - 0.9)  # every observation says 0.9
    >>> bound.get()
    0.91
    """

    __slots__ = ()

    LOW: Floats = 1.0 - SCORE_GRID

    def get(self) -> float | None:
        """The bound; None while no H(m) is rejected."""
        rejected = (self._e_processes.get() >= self._goal)[::-1]
        count = int(np.argmin(rejected)) if not rejected.all() else len(SCORE_GRID)
        return float(SCORE_GRID[-count]) if count else None


class AurocPairs(Stateful):
    """Scores of positives and negatives, matched once each: the AUROC is the part of pairs in the right order.

    >>> pairs = AurocPairs()
    >>> pairs.update(ScoredPrediction(label=1, positive=0.8)), pairs.update(ScoredPrediction(label=0, positive=0.3))
    (None, 1.0)
    """

    __slots__ = ("_negatives", "_positives", "unmatched")
    CONFIGURATION = ("unmatched",)

    def __init__(self) -> None:
        self._positives: deque[float] = deque(maxlen=MAX_UNMATCHED)
        self._negatives: deque[float] = deque(maxlen=MAX_UNMATCHED)
        self.unmatched = 0
        """Scores that went without a match, because `MAX_UNMATCHED` waited."""

    def update(self, scored: ScoredPrediction) -> float | None:
        """Adds a score. Returns whether the pair that it completes is in the right order, 1 or 0 (a half for equal
        scores); None when it completes no pair."""
        if scored.positive is None:
            return None
        mine, others = (self._positives, self._negatives) if scored.label else (self._negatives, self._positives)
        if not others:
            self.unmatched += len(mine) >= MAX_UNMATCHED
            mine.append(scored.positive)
            return None
        other = others.popleft()
        high, low = (scored.positive, other) if scored.label else (other, scored.positive)
        return 0.5 if high == low else float(high > low)


def f1_counts(scored: ScoredPrediction) -> tuple[bool, bool]:
    """(true positive, false positive or negative) of class 1: F1 = 2·TP / (2·TP + FP + FN)."""
    return scored.label == 1 and scored.guess == 1, scored.wrong and 1 in (scored.label, scored.guess)
