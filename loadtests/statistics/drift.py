"""Drift: false alarms over a million records of thirty stable features, and records until a change is found.

    python -m loadtests.statistics.drift [records]

Twenty-five numbers and five categories; a reference of 10,000 rows; a look every 250 records, which count as a second
each. One feature changes. Beside the product's e-detector: ADWIN on each value (delta 0.002 over the features), KSWIN
on the changed feature only (it costs 200 us a value), Kolmogorov-Smirnov and chi-square with Bonferroni on windows of
1,000, and PSI over 0.2 on them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from river.drift import ADWIN, KSWIN
from scipy.special import chdtri
from scipy.stats import kstwobign

from loadtests.statistics.tables import delay, table
from proxy.contracts.observation import Tensor
from proxy.stats.drift.batch import LayoutGroup
from proxy.stats.drift.detector import DriftDetector, Reference
from proxy.stats.drift.layout import Layout, Signature
from proxy.stats.drift.profile import features_of

NUMBERS, CATEGORIES, LOOK, WINDOW = 25, 5, 250, 1000
FEATURES = NUMBERS + CATEGORIES
SHARES = np.array((0.4, 0.3, 0.2, 0.1))
MOVED = np.array((0.3, 0.3, 0.2, 0.2))
LEVEL = 0.01
"""Chance of a false alarm that the windowed tests allow for a window, over all features."""

Block = tuple[np.ndarray, np.ndarray]
"""Numbers (records, 25) and categories as codes (records, 5)."""
Change = Callable[[np.random.Generator, Block], None]


def draw(rng: np.random.Generator, n: int) -> Block:
    """Stable records."""
    return rng.standard_normal((n, NUMBERS)), rng.choice(4, (n, CATEGORIES), p=SHARES)


def shift(by: float) -> Change:
    """Adds to the first number."""

    def change(rng: np.random.Generator, block: Block) -> None:
        block[0][:, 0] += by

    return change


def spread(rng: np.random.Generator, block: Block) -> None:
    """Widens the first number."""
    block[0][:, 0] *= 1.5


def missing(rng: np.random.Generator, block: Block) -> None:
    """Leaves out 2 % of the first number."""
    block[0][rng.random(len(block[0])) < 0.02, 0] = np.nan


def categories(rng: np.random.Generator, block: Block) -> None:
    """Moves ten points from the first category to the last."""
    block[1][:, 0] = rng.choice(4, len(block[1]), p=MOVED)


def unseen(rng: np.random.Generator, block: Block) -> None:
    """One per cent of a category that the reference does not have."""
    block[1][rng.random(len(block[1])) < 0.01, 0] = 4


CHANGES: dict[str, tuple[Change, int]] = {
    "mean +0.25 sd": (shift(0.25), 0),
    "mean +0.5 sd": (shift(0.5), 0),
    "mean +1 sd": (shift(1.0), 0),
    "sd x 1.5": (spread, 0),
    "missing 0 to 2 %": (missing, 0),
    "10 points of a category": (categories, NUMBERS),
    "new category 1 %": (unseen, NUMBERS),
}
"""The change, and the place of the feature that it changes."""


class Product:
    """The e-detector, fed through the layout as records are. A look is (alarms, features that are significant)."""

    def __init__(self, reference: Block) -> None:
        columns: dict[str, Any] = {f"x{at}": reference[0][:, at] for at in range(NUMBERS)}
        named = {f"c{at}": [str(code) for code in reference[1][:, at]] for at in range(CATEGORIES)}
        known = Reference(features_of({**columns, **named}))
        self._names = (tuple(columns), tuple(named))
        self._detector = DriftDetector(known)
        self._signature: Signature = (
            ("", self._names[0], NUMBERS, "number"),
            ("", self._names[1], CATEGORIES, "category"),
        )
        self._layout = Layout(known, self._signature)

    def look(self, block: Block) -> set[int]:
        """Features that are significant after these records."""
        rows = len(block[0])
        tensors = [
            Tensor("", rows, NUMBERS, "number", block[0].ravel().tolist(), self._names[0]),
            Tensor("", rows, CATEGORIES, "category", block[1].ravel().astype(str).tolist(), self._names[1]),
        ]
        group = LayoutGroup(self._signature)
        group.update(tensors)
        self._detector.update(self._layout.measure(group.tables()).counts, 1.0)
        return set(np.nonzero(self._detector.margin >= 0)[0].tolist())


class Adwin:
    """ADWIN on every number, missing ones left out; it has nothing to say on categories."""

    def __init__(self, reference: Block) -> None:
        self._detectors = [ADWIN(delta=0.002 / FEATURES) for _ in range(NUMBERS)]

    def look(self, block: Block) -> set[int]:
        """Features whose window was cut."""
        found = set()
        for at, detector in enumerate(self._detectors):
            for value in block[0][:, at].tolist():
                if value == value:
                    detector.update(value)
                    if detector.drift_detected:
                        found.add(at)
        return found


class Kswin:
    """KSWIN with its defaults, on the first number only."""

    def __init__(self, reference: Block) -> None:
        self._detector = KSWIN(seed=7)

    def look(self, block: Block) -> set[int]:
        """The first feature, when it was detected."""
        found = set()
        for value in block[0][:, 0].tolist():
            if value == value:
                self._detector.update(value)
                if self._detector.drift_detected:
                    found.add(0)
        return found


class Windowed:
    """Whole windows of records against the reference."""

    def __init__(self, reference: Block) -> None:
        self._sorted = np.sort(reference[0], axis=0)
        self._edges = np.quantile(reference[0], np.arange(0.1, 1.0, 0.1), axis=0)
        self._reference = reference
        self._waiting: list[Block] = []

    def look(self, block: Block) -> set[int]:
        """Features that the last window flags, when one is full."""
        self._waiting.append(block)
        if sum(len(numbers) for numbers, _ in self._waiting) < WINDOW:
            return set()
        numbers, codes = (np.concatenate([part[side] for part in self._waiting]) for side in (0, 1))
        self._waiting = []
        return self.judge(numbers, codes)

    def judge(self, numbers: np.ndarray, codes: np.ndarray) -> set[int]:
        """Features whose window differs."""
        raise NotImplementedError


class Bonferroni(Windowed):
    """Kolmogorov-Smirnov for numbers, chi-square for categories, at `LEVEL` over the features of a window."""

    def judge(self, numbers: np.ndarray, codes: np.ndarray) -> set[int]:
        limit, n = LEVEL / FEATURES, len(self._sorted)
        found = set()
        for at in range(NUMBERS):
            values = np.sort(numbers[:, at][~np.isnan(numbers[:, at])])
            ours = np.searchsorted(self._sorted[:, at], values, side="right") / n
            steps = np.arange(1, values.size + 1) / values.size
            distance = max(np.abs(steps - ours).max(), np.abs(steps - 1 / values.size - ours).max())
            if kstwobign.sf(distance * np.sqrt(n * values.size / (n + values.size))) < limit:
                found.add(at)
        for at in range(CATEGORIES):
            if _chi_square(self._reference[1][:, at], codes[:, at]) > chdtri(4, limit):
                found.add(NUMBERS + at)
        return found


def _chi_square(reference: np.ndarray, window: np.ndarray) -> float:
    """Of two samples of five categories."""
    a, b = np.bincount(reference, minlength=5), np.bincount(window, minlength=5)
    total = (a + b) / (a.sum() + b.sum())
    used = total > 0
    expected = [total[used] * part.sum() for part in (a, b)]
    return float(
        sum(((part[used] - wanted) ** 2 / wanted).sum() for part, wanted in zip((a, b), expected, strict=True))
    )


class Psi(Windowed):
    """PSI over 0.2 on deciles, as dashboards do it."""

    def judge(self, numbers: np.ndarray, codes: np.ndarray) -> set[int]:
        found = set()
        for at in range(NUMBERS):
            values = numbers[:, at][~np.isnan(numbers[:, at])]
            share = np.bincount(np.searchsorted(self._edges[:, at], values), minlength=10) / values.size
            if _psi(np.full(10, 0.1), share) > 0.2:
                found.add(at)
        for at in range(CATEGORIES):
            shares = [np.bincount(part[:, at], minlength=5) / len(part) for part in (self._reference[1], codes)]
            if _psi(*shares) > 0.2:
                found.add(NUMBERS + at)
        return found


def _psi(p: np.ndarray, q: np.ndarray) -> float:
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(((q - p) * np.log(q / p)).sum())


METHODS: dict[str, Callable[[Block], Product | Adwin | Kswin | Windowed]] = {
    "e-detector (Penumbra)": Product,
    "ADWIN, delta 0.002/30": Adwin,
    "KSWIN, defaults, one feature": Kswin,
    "KS and chi-square, Bonferroni, windows of 1,000": Bonferroni,
    "PSI > 0.2, windows of 1,000": Psi,
}
SLOW = {"KSWIN, defaults, one feature": 100}
"""Methods that see only one in so many of the records without drift, for the time that they take."""


def false_alarms(name: str, records: int, seed: int = 1) -> int:
    """Looks at stable records in which anything was flagged."""
    rng = np.random.default_rng(seed)
    method = METHODS[name](draw(rng, 10_000))
    return sum(bool(method.look(draw(rng, LOOK))) for _ in range(records // SLOW.get(name, 1) // LOOK))


def found_after(name: str, change: Change, place: int, seed: int, most: int) -> float:
    """Records from the change to the first look that flags its feature, after 5,000 stable ones."""
    rng = np.random.default_rng(1000 + seed)
    method = METHODS[name](draw(rng, 10_000))
    for _ in range(5000 // LOOK):
        method.look(draw(rng, LOOK))
    for look in range(most // LOOK):
        block = draw(rng, LOOK)
        change(rng, block)
        if place in method.look(block):
            return float((look + 1) * LOOK)
    return np.inf


def rows(records: int, runs: int, most: int) -> list[list[str]]:
    """One row a method: false alarms, then delays by change."""
    made = []
    for name in METHODS:
        several = max(runs // (4 if name in SLOW else 1), 1)
        cells = [[found_after(name, by, at, seed, most) for seed in range(several)] for by, at in CHANGES.values()]
        alarms = f"{false_alarms(name, records)} in {records // SLOW.get(name, 1):,}"
        made.append([name, alarms, *[delay(cell) for cell in cells]])
    return made


HEAD = ["method", "looks with a false alarm", *CHANGES]

if __name__ == "__main__":
    print(table(HEAD, rows(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, 10, 20_000)))
