"""What streams say: the drift of a feature, the distributions behind it, and rows held against the data contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from proxy.contracts.table import Role
from proxy.stats.arrays import Floats
from proxy.stats.drift.profile import BodySide


class Drift(Struct, frozen=True):
    """Distance of one feature of a stream from the profile."""

    feature: str
    side: BodySide
    version: str
    role: Role
    psi: float
    """Size, corrected for sampling error."""
    evidence: float
    """ln of the e-detector's sum over its threshold for one feature."""
    margin: float
    """ln of the same over the threshold of all features of the stream (e-BH); significant from 0 up."""
    drifted: bool
    """Significant, and larger than the limit."""
    n: int
    """Rows of the stream."""
    detected: int | None = None
    """Number of times that ADWIN cut its window; None where ADWIN does not watch the feature."""


class FeatureShape(Struct, frozen=True):
    """The distributions of a feature: shares by bin, each list with the sum 1 (`profile.Feature` has the bins)."""

    kind: str
    """`number` or `category`."""
    edges: list[float]
    """Bounds between the bins of a number."""
    categories: list[str]
    """Values of a category, a bin each."""
    reference: list[float]
    """Shares in the reference profile."""
    live: list[float]
    """Recent rows; empty before the first."""


class RowCounts(NamedTuple):
    """Rows of one arm that were checked against the data contract."""

    version: str
    role: Role
    share: float
    """The arm's part of live traffic (of copies, for a shadow) when the rows were assigned, 0 to 1."""
    n: int
    bad: int
    """Rows that break a rule."""


class BinnedRows(NamedTuple):
    """Rows of one stream, counted in the bins of the reference profile."""

    side: BodySide
    version: str
    role: Role
    counts: Floats
    """Shape (features, bins)."""


def table_of(shape: tuple[int, int], places: Mapping[Any, float]) -> Floats:
    """The table of this shape with these numbers at these places, counted row by row; those outside are left out."""
    flat = np.zeros(shape[0] * shape[1])
    for place, n in places.items():
        if 0 <= int(place) < flat.size:
            flat[int(place)] = n
    return flat.reshape(shape)
