"""A lower bound on a primary's score that holds at all times at once: what a candidate may be held against.

For each m of a grid, a bet against "the score is at most m"; what has lost at 1/α is ruled out, and stays so with
probability 1 − α however often one looks. The bound is the highest m up to which all are ruled out (a confidence
sequence by betting: Waudby-Smith and Ramdas, JRSS B 2024). Assumes that the primary is as good all the time.
"""

from __future__ import annotations

from collections import deque
from math import log

import numpy as np

from proxy.stats.arrays import Floats
from proxy.stats.quality.scores import ScoredPrediction
from proxy.stats.sequential.e_process import EProcess
from proxy.stats.sequential.mean_limit import STAKES
from proxy.stats.state import Stateful

GRID: Floats = np.arange(1, 100) / 100.0

QUEUE = 1000
"""Positives or negatives that wait for one of the other kind; when full the oldest goes."""


class LowerConfidenceSequence(Stateful):
    """State: one wealth for each stake and each m of the grid."""

    __slots__ = ("_e_processes", "_goal")
    CONFIGURATION = ("_goal",)

    def __init__(self, alpha: float) -> None:
        self._goal = log(1.0 / alpha)
        self._e_processes = EProcess(len(STAKES), restarts=False, shape=(len(GRID),))

    def update(self, x: Floats) -> None:
        """A number for each m of the grid, at least −m, whose mean is at most 0 exactly when the score is at most m."""
        self._e_processes.update(np.log1p(STAKES * (x / GRID)[:, None]), 1)
        self._e_processes.settle()

    def get(self) -> float | None:
        """The bound; None while nothing is ruled out."""
        out = self._e_processes.get() >= self._goal
        ruled = int(np.argmin(out)) if not out.all() else len(GRID)
        return float(GRID[ruled - 1]) if ruled else None


class AurocPairs(Stateful):
    """Brings scores of positives and negatives together, each once: the part in the right order is the AUROC."""

    __slots__ = ("_negatives", "_positives")

    def __init__(self) -> None:
        self._positives: deque[float] = deque(maxlen=QUEUE)
        self._negatives: deque[float] = deque(maxlen=QUEUE)

    def update(self, scored: ScoredPrediction) -> float | None:
        """Whether the pair that this score completes is in the right order (a half for equal ones); None without."""
        if scored.positive is None:
            return None
        mine, others = (self._positives, self._negatives) if scored.label else (self._negatives, self._positives)
        if not others:
            mine.append(scored.positive)
            return None
        other = others.popleft()
        high, low = (scored.positive, other) if scored.label else (other, scored.positive)
        return 0.5 if high == low else float(high > low)


def f1_counts(scored: ScoredPrediction) -> tuple[bool, bool]:
    """A true positive, and a false positive or negative: F1 = 2·hits / (2·hits + misses) of class 1."""
    return scored.label == 1 and scored.guess == 1, scored.wrong and 1 in (scored.label, scored.guess)
