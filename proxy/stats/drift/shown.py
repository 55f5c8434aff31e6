"""What a detector is shown as: a row for each feature, and the distributions behind one."""

from __future__ import annotations

from collections.abc import Callable

from proxy.contracts.table import Role
from proxy.stats.drift.detector import DriftDetector
from proxy.stats.drift.figures import Drift, FeatureShape
from proxy.stats.drift.profile import BodySide


def drift_of(
    detector: DriftDetector, stream: tuple[BodySide, str, Role], limit: float, cuts: Callable[[str], int | None]
) -> list[Drift]:
    """A row for each feature of a stream; `limit`: the PSI above which significant drift counts; `cuts`: how often
    ADWIN cut its window, by feature."""
    side, version, role = stream
    psi, evidence, margin = detector.psi, detector.log_evidence, detector.margin
    drifted = (margin >= 0) & (psi > limit)
    return [
        Drift(
            feature.name,
            side,
            version,
            role,
            float(psi[at]),
            float(evidence[at]),
            float(margin[at]),
            bool(drifted[at]),
            int(detector.n[at]),
            cuts(feature.name),
        )
        for at, feature in enumerate(detector.reference.features)
    ]


def shape_of(detector: DriftDetector, feature: str) -> FeatureShape | None:
    """The distributions of a feature; None: the profile has no such feature."""
    features = detector.reference.features
    at = next((at for at, each in enumerate(features) if each.name == feature), None)
    if at is None:
        return None
    shape = features[at]
    return FeatureShape(shape.kind, shape.edges, shape.categories, shape.shares, detector.recent(at))
