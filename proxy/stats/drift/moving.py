"""Whether rows after the preliminary profile have drifted from it: then they are not taken into the final one."""

from __future__ import annotations

from proxy.stats.drift.detector import DriftDetector

MOVING_PSI = 0.1
"""PSI above which rows after the preliminary profile are not taken into the final one: commonly a moderate shift."""

MIN_PSI_ROWS = 512
"""Rows that such a PSI must rest on: with fewer, one of thirty features passes 0.1 by chance in one run of six."""


def is_moving(detector: DriftDetector) -> bool:
    """Whether a stream of the primary has drifted from the preliminary profile, by evidence or by size."""
    large = (detector.psi > MOVING_PSI) & (detector.n >= MIN_PSI_ROWS)
    return bool(((detector.margin >= 0) | large).any())
