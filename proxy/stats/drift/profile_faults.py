"""Faults of a reference profile from a file: such files are made to be edited, and figures that are none would be
evidence of nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import isfinite

from proxy.stats.drift.profile import MAX_FEATURES, Feature, Profile

MAX_ROWS = 2**53
"""Rows that a share may rest on: what a float counts exactly."""


def faults_of(profile: Profile) -> list[str]:
    """What is wrong with a profile, a sentence each; [] where nothing is."""
    return [fault for side in (profile.inputs, profile.predictions) for fault in _of_side(side)]


def _of_side(features: list[Feature]) -> Iterator[str]:
    names = [feature.name for feature in features]
    if len(names) > MAX_FEATURES:
        yield f"{len(names):,} features; at most {MAX_FEATURES}"
    if len(set(names)) < len(names):
        yield "two features have the same name"
    for feature in features[:MAX_FEATURES]:
        for fault in _of_feature(feature):
            yield f"feature {feature.name[:100]!r}: {fault}"


def _of_feature(feature: Feature) -> Iterator[str]:
    own = len(feature.edges) if feature.kind == "number" else len(feature.categories)
    if not 1 <= feature.n <= MAX_ROWS:
        yield f"n must be from 1 to 2^53, not {feature.n:.6g}" if feature.n < 2**1000 else "n is too large"
    if len(feature.shares) != own + 2:
        yield f"{len(feature.shares)} shares; its bins are {own + 2}"
    if not _are_shares(feature.shares):
        yield "shares must be numbers from 0 to 1 with a sum of 1"
    if not all(isfinite(edge) for edge in feature.edges) or any(a >= b for a, b in pairwise(feature.edges)):
        yield "edges must be numbers in ascending order"
    if len(set(feature.categories)) < len(feature.categories):
        yield "a category stands twice"
    low, high = feature.rules.minimum, feature.rules.maximum
    if not isfinite(low or 0.0) or not isfinite(high or 0.0) or (low is not None and high is not None and low > high):
        yield "minimum and maximum must be numbers, the minimum not above the maximum"


def _are_shares(shares: Iterable[float]) -> bool:
    shares = list(shares)
    return all(0.0 <= share <= 1.0 for share in shares) and abs(sum(shares) - 1.0) <= 0.01
