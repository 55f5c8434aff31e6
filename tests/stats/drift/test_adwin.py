"""ADWIN on the named features alone: it cuts its window when a mean moves."""

from __future__ import annotations

import numpy as np
from river.drift import ADWIN

from proxy.stats.arrays import Floats
from proxy.stats.drift.adwin import ADWIN_DELTA, MAX_WATCHED, AdwinDetectors
from proxy.stats.drift.layout import Signature

NUMBERS: Signature = (("x", ("a", "b"), 2, "number"),)
CATEGORIES: Signature = (("c", (), 1, "category"),)


def moved(n: int = 2000, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return np.stack([rng.standard_normal(n) + (np.arange(n) >= n // 2), rng.standard_normal(n)], axis=1)


def test_a_moved_mean_is_cut_as_river_cuts_it() -> None:
    detectors, oracle, cuts = AdwinDetectors(["a", "b"]), ADWIN(delta=ADWIN_DELTA / 2), 0
    table = moved()
    detectors.update("s", NUMBERS, [table])
    for value in table[:, 0].tolist():
        oracle.update(value)
        cuts += oracle.drift_detected
    assert (detectors.get("s", "a"), detectors.get("s", "b")) == (cuts, 0)
    assert cuts > 0


def test_features_that_nobody_named_have_no_answer() -> None:
    detectors = AdwinDetectors(["a"])
    detectors.update("s", NUMBERS, [moved()])
    assert detectors.get("s", "b") is None
    assert detectors.get("another stream", "a") == 0


def test_missing_values_and_categories_say_nothing() -> None:
    detectors = AdwinDetectors(["a", "c"])
    detectors.update("s", NUMBERS, [np.full((500, 2), np.nan)])
    detectors.update("s", CATEGORIES, [np.array([["red"]] * 500, dtype=object)])
    assert (detectors.get("s", "a"), detectors.get("s", "c")) == (0, 0)


def test_the_number_of_watched_features_is_bounded() -> None:
    detectors = AdwinDetectors([f"f{at}" for at in range(MAX_WATCHED + 5)])
    assert detectors.get("s", f"f{MAX_WATCHED - 1}") == 0
    assert detectors.get("s", f"f{MAX_WATCHED}") is None
    assert detectors.left_out == 5
