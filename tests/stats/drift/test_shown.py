"""Rows of drift, and the distributions behind them."""

from __future__ import annotations

import numpy as np

from proxy.stats.drift.detector import DriftDetector, Reference
from proxy.stats.drift.profile import features_of
from proxy.stats.drift.shown import drift_of, shape_of


def test_a_feature_that_moved_is_drifted_where_it_is_beyond_the_limit() -> None:
    reference = Reference(features_of({"x": np.linspace(0.0, 1.0, 10_000), "y": np.linspace(0.0, 1.0, 10_000)}))
    detector = DriftDetector(reference)
    moved = 1000 * reference.shares
    moved[0] = np.roll(moved[0], 3)
    for _ in range(20):
        detector.update(moved, passed=1.0)
    x, y = drift_of(detector, ("input", "v1", "primary"), 0.2, lambda name: 2 if name == "x" else None)
    assert (x.feature, x.side, x.version, x.role, x.drifted, x.n, x.detected) == (
        *("x", "input", "v1", "primary", True),
        *(20_000, 2),
    )
    assert not y.drifted and y.detected is None
    assert not drift_of(detector, ("input", "v1", "primary"), 1e9, lambda name: None)[0].drifted


def test_a_shape_has_the_reference_and_the_recent_rows() -> None:
    reference = Reference(features_of({"x": np.linspace(0.0, 1.0, 10_000)}))
    detector = DriftDetector(reference)
    shape = shape_of(detector, "x")
    assert shape is not None and shape.live == [] and shape.reference == reference.features[0].shares
    detector.update(1000 * reference.shares, passed=1.0)
    shape = shape_of(detector, "x")
    assert shape is not None and np.allclose(shape.live, shape.reference, atol=1e-6)
    assert shape_of(detector, "z") is None
