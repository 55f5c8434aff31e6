"""The reference profile: the distribution of each feature, and the values that it may have. JSON, made to be edited.

Numbers are binned between reference quantiles and by single values (`edges`), categories by the most frequent ones;
missing is a bin of its own. A
profile is made of columns (`profile_of`): by `penumbra profile` from a file, or in control from the first rows of a
route.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from proxy.contracts.bounds import MAX_VALUE, shortened
from proxy.stats.arrays import Floats
from proxy.stats.drift.edges import edges_of
from proxy.stats.drift.features import feature_name, is_derived
from proxy.stats.finite import NOT_NUMBERS, number

MAX_CATEGORIES = 20
"""Categories that have a bin of their own; the rest share `other`, where unseen ones fall too."""

MAX_FEATURES = 200
"""Features of one profile; further ones are left out. At most 16 kB each, and 2 kB in each stream."""

MIN_CATEGORY_ROWS = 5
"""Rows of the rarest category, at least, for a learnt list of categories to be closed."""

RANGE_SLACK = 1.0
"""Reach of a learnt range beyond the reference's on each side, in widths of it: ranges catch wrong units and
signs, drift the rest."""

BodySide = Literal["input", "prediction"]


class Rules(Struct):
    """The values of a feature that the data contract allows. Learnt, and meant to be edited."""

    minimum: float | None = None
    """None: not restricted."""
    maximum: float | None = None
    closed: bool = False
    """Only the categories of the profile are allowed."""
    required: bool = False
    """A value may not be missing."""


class Feature(Struct):
    """The distribution and the rules of one feature."""

    name: str
    kind: Literal["number", "category"]
    n: int
    """Rows that the shares rest on."""
    shares: list[float]
    """The share of each bin, smoothed so that none is 0. Bins of numbers: below the first edge, between edges, from the
    last one up, missing. Bins of categories: each of them, other, missing."""
    edges: list[float] = field(default_factory=list)
    """Edges of the bins of a number, ascending."""
    categories: list[str] = field(default_factory=list)
    """Categories with a bin of their own, the most frequent first."""
    rules: Rules = field(default_factory=Rules)


class Profile(Struct):
    """The features of requests and of predictions."""

    inputs: list[Feature] = field(default_factory=list)
    predictions: list[Feature] = field(default_factory=list)
    made: str = ""
    """From which rows it was made."""

    def side(self, side: BodySide) -> list[Feature]:
        """The features of one side."""
        return self.inputs if side == "input" else self.predictions


def as_bodies_have_them(profile: Profile) -> Profile:
    """The profile with names and categories as they are when bodies give them: long ones are shortened (`stats.door`),
    in which form a profile from a file must have them too."""
    return Profile(list(map(_shortened, profile.inputs)), list(map(_shortened, profile.predictions)), profile.made)


def _shortened(feature: Feature) -> Feature:
    categories = [shortened(category, MAX_VALUE) for category in feature.categories]
    return replace(feature, name=feature_name(feature.name), categories=categories)


def profile_of(
    inputs: Mapping[str, Sequence[Any]], predictions: Mapping[str, Sequence[Any]], made: str = ""
) -> Profile:
    """The profile of columns by name.

    - `inputs`, `predictions`: name to column; a column is numbers (None or NaN: missing) or strings
    - `made`: from which rows

    >>> profile = profile_of({"age": [20.0, 30.0, 40.0, None]}, {"label": ["yes", "no", "yes", "yes"]})
    >>> profile.inputs[0].edges, profile.predictions[0].categories
    ([19.9999, 25.0, 35.0, 40.00020000000001], ['yes', 'no'])
    """
    return Profile(features_of(inputs), features_of(predictions), made)


def features_of(columns: Mapping[str, Sequence[Any] | Floats]) -> list[Feature]:
    """The features of the first `MAX_FEATURES` columns that are not empty."""
    named = [(name, column) for name, column in columns.items() if len(column)]
    features = [feature_of(name, column) for name, column in named[:MAX_FEATURES]]
    for feature in features:
        if is_derived(feature.name):
            feature.rules = Rules()
    return features


def feature_of(name: str, column: Sequence[Any] | Floats) -> Feature:
    """One feature. A column with any string is one of categories."""
    if isinstance(column, np.ndarray) or not any(isinstance(value, str) for value in column):
        return _number(name, _floats(column))
    return _category(name, [text_of(value) for value in column])


def _floats(column: Sequence[Any] | Floats) -> Floats:
    try:
        return np.asarray(column, dtype=np.float64)
    except NOT_NUMBERS:
        return np.array([number(value) for value in column])


def text_of(value: Any) -> str | None:
    """A value of a feature that is a category; None where it is missing, or a number that is none."""
    return None if value is None or (isinstance(value, float) and not isfinite(value)) else str(value)


def _number(name: str, column: Floats) -> Feature:
    present = column[np.isfinite(column)]
    edges = edges_of(present)
    counts = np.bincount(number_bins(column[:, None], edges[None], edges.size + 1)[:, 0], minlength=edges.size + 2)
    rules = Rules(required=present.size == column.size)
    if present.size:
        low, high = float(present.min()), float(present.max())
        slack = RANGE_SLACK * (high - low)
        rules.minimum, rules.maximum = _bound(low - slack), _bound(high + slack)
    return Feature(name, "number", len(column), _smoothed(counts), edges.tolist(), rules=rules)


def _bound(value: float) -> float | None:
    return value if isfinite(value) else None


def _category(name: str, column: list[str | None]) -> Feature:
    sightings = Counter(value for value in column if value is not None)
    top = [value for value, _ in sightings.most_common(MAX_CATEGORIES)]
    counts = category_counts(column, {value: at for at, value in enumerate(top)})
    rules = Rules(
        closed=len(sightings) <= MAX_CATEGORIES and min(sightings.values()) >= MIN_CATEGORY_ROWS,
        required=None not in column,
    )
    return Feature(name, "category", len(column), _smoothed(counts), categories=top, rules=rules)


def _smoothed(counts: Any) -> list[float]:
    shares: list[float] = ((counts + 0.5) / (counts + 0.5).sum()).tolist()
    return shares


def number_bins(block: Floats, edges: Floats, missing: int) -> Any:
    """Bins of a block (rows, features) by edges (features, edges), padded with infinity; shape (rows, features).

    A value on an edge belongs above it; what is no number, or infinite, belongs into bin `missing`.
    """
    # One pass an edge is five times faster than one pass over (rows, features, edges), and small numbers are quicker.
    bins = np.zeros(block.shape, dtype=np.min_scalar_type(max(missing, edges.shape[1])))
    for edge in edges.T:
        bins += block >= edge
    bins[~np.isfinite(block)] = missing
    return bins


SORTED_ROWS = 128
"""Rows of a block from which on its columns are sorted to be counted: that costs a microsecond a column besides."""


def bin_counts(block: Floats, edges: Floats, bins: int) -> Floats:
    """How many values of a block (rows, features) are in each of its `number_bins`, the last of which is missing; shape
    (features, bins)."""
    features = block.shape[1]
    if len(block) < SORTED_ROWS:
        places = number_bins(block, edges, bins - 1) + np.arange(features) * bins
        few: Floats = np.bincount(places.ravel(), minlength=features * bins).reshape(features, bins).astype(np.float64)
        return few
    columns = np.array(block.T, order="C")
    finite = np.isfinite(columns)
    if not finite.all():
        columns[~finite] = np.nan  # which is sorted behind all others
    columns.sort(axis=1)
    below = np.array([column.searchsorted(edge) for column, edge in zip(columns, edges, strict=True)], dtype=np.float64)
    there = finite.sum(axis=1, dtype=np.float64)
    counts = np.zeros((features, bins))
    counts[:, : edges.shape[1] + 1] = np.diff(below, axis=1, prepend=0.0, append=there[:, None])
    counts[:, -1] += len(block) - there
    return counts


def category_counts(column: Sequence[str | None], places: Mapping[str, int]) -> Any:
    """Counts by category, other and missing, shape (len(places) + 2,)."""
    other = len(places)
    counts = np.zeros(other + 2)
    for value, n in Counter(column).items():
        counts[other + 1 if value is None else places.get(value, other)] += n
    return counts
