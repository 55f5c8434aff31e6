"""Rows that moved are not learnt: a large shift once it rests on enough rows, a small one once there is evidence."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.stats.arrays import Floats
from proxy.stats.drift.detector import DriftDetector, Reference
from proxy.stats.drift.moving import MIN_PSI_ROWS, MOVING_PSI, is_moving
from proxy.stats.drift.profile import features_of

REFERENCE = Reference(features_of({"x": np.linspace(0.0, 1.0, 10_000), "y": np.linspace(0.0, 1.0, 10_000)}))


def after(rows: float, moved: int = 0, feature: int = 0) -> DriftDetector:
    """A detector after so many rows, those of one feature so many bins away."""
    shares = REFERENCE.shares.copy()
    shares[feature] = np.roll(shares[feature], moved)
    detector = DriftDetector(REFERENCE)
    detector.update(rows * shares, passed=1.0)
    return detector


def test_nothing_moves_before_the_first_row() -> None:
    assert not is_moving(DriftDetector(REFERENCE))


@given(st.integers(1, 100_000))
@settings(deadline=None)
def test_rows_as_in_the_profile_never_move(rows: int) -> None:
    assert not is_moving(after(rows))


def test_one_feature_that_moved_is_enough() -> None:
    assert is_moving(after(5000.0, 3, 0))
    assert is_moving(after(5000.0, 3, 1))


class Sized(DriftDetector):
    """A detector with a PSI of its own."""

    size = 0.0

    @property
    def psi(self) -> Floats:
        return np.array([0.0, self.size])


def sized(size: float, rows: float) -> DriftDetector:
    detector = Sized(REFERENCE)
    detector.size, detector.n = size, np.array([0.0, rows])
    assert (detector.margin < 0).all()
    return detector


def test_a_size_needs_rows_and_no_evidence() -> None:
    """PSI is large and evidence far from significant."""
    assert is_moving(sized(MOVING_PSI * 1.01, MIN_PSI_ROWS))
    assert not is_moving(sized(MOVING_PSI, MIN_PSI_ROWS))
    assert not is_moving(sized(MOVING_PSI * 9, MIN_PSI_ROWS - 1))


def test_evidence_needs_no_size() -> None:
    detector = after(MIN_PSI_ROWS - 1.0, 5)
    assert (detector.n < MIN_PSI_ROWS).all()
    assert (detector.margin >= 0).any()
    assert is_moving(detector)
