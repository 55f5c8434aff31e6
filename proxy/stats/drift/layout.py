"""The layout of bodies of one shape on the features of a profile; counts a batch of them: bins and violations.

Bodies of one shape share a layout, made once, so a batch of them is counted by a few numpy calls. The data contract is
checked on the way: every row, every rule, every feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.stats.arrays import Floats
from proxy.stats.drift.detector import Reference
from proxy.stats.drift.features import Block, is_derived, names_of
from proxy.stats.drift.profile import MAX_FEATURES, bin_counts, category_counts, text_of
from proxy.stats.selection import NOTHING, Selection

CONTRACT_RULES = ("type", "range", "category", "missing", "absent", "unexpected")
"""Rules of the data contract, by what breaks them:

- `type`: strings for numbers, or the reverse
- `range`, `category`: a value that is not among the allowed ones
- `missing`: null where a value is required
- `absent`: a required feature that the body lacks
- `unexpected`: a column that the profile lacks
"""
TYPE, RANGE, CATEGORY, MISSING, ABSENT, UNEXPECTED = range(len(CONTRACT_RULES))


Signature = tuple[Block, ...]
"""The shape of a body: its blocks, in order."""


def readable(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The tensors that are tables of features: as many rows as the first, neither vectors nor wider than a profile."""
    if not tensors:
        return ()
    rows, only = tensors[0].rows, tensors[0]
    if len(tensors) == 1 and rows and 0 < only.width <= MAX_FEATURES and not only.vector:
        return tensors
    return [t for t in tensors if t.rows == rows and rows and 0 < t.width <= MAX_FEATURES and not t.vector]


def signature_of(tensors: Sequence[Tensor]) -> Signature:
    """The shape that bodies of one layout share."""
    return tuple([(t.name, t.columns, t.width, t.kind) for t in tensors])


class BatchCounts(NamedTuple):
    """The counts of a batch of bodies of one layout."""

    counts: Floats
    """Rows by bin, shape (features, bins)."""
    violations: Floats
    """Broken rules, shape (features, len(CONTRACT_RULES))."""
    rows: int
    bad: int
    """Rows that break any rule."""


class Layout:
    """Counts batches of bodies of one signature against a reference. Made once a signature, used for each batch.
    Columns that are `ignored` are not unexpected.

    >>> from proxy.stats.drift.profile import features_of
    >>> reference = Reference(features_of({"x": [0.0, 1.0, 2.0, 3.0], "color": ["red"] * 4}))
    >>> layout = Layout(reference, (("x", (), 1, "number"), ("color", (), 1, "category")))
    >>> counted = layout.measure([np.array([[1.0], [99.0]]), np.array([["red"], ["blue"]], dtype=object)])
    >>> broken = dict(zip(CONTRACT_RULES, counted.violations.sum(axis=0).astype(int).tolist()))
    >>> counted.rows, counted.bad, broken["range"]
    (2, 1, 1)
    """

    __slots__ = ("_absent", "_lacking", "_numbers", "_places", "_reference", "_unexpected")

    def __init__(self, reference: Reference, signature: Signature, ignored: Selection = NOTHING) -> None:
        self._reference = reference
        features = {feature.name: at for at, feature in enumerate(reference.features)}
        self._places = [[features.get(name, -1) for name in names_of(block)] for block in signature]
        present = {place for places in self._places for place in places}
        self._absent = np.array([place not in present for place in range(len(features))])
        required = np.array([feature.rules.required for feature in reference.features], dtype=np.bool_)
        self._lacking = self._absent & required
        # A profile that is full does not know all columns, so an unknown one says nothing.
        unknown = [name for block in signature for name in names_of(block) if name not in features]
        strange = [name for name in unknown if not ignored.has(name) and not is_derived(name)]
        self._unexpected = len(features) < MAX_FEATURES and bool(strange)
        self._numbers = [_Numbers(reference, places) for places in self._places]

    def measure(self, tables: Sequence[Any]) -> BatchCounts:
        """The counts of bodies of this signature; `tables`: an array (rows, width) for each of its blocks, in order."""
        features, bins = self._reference.shares.shape
        rows = len(tables[0])
        counts, violations = np.zeros((features, bins)), np.zeros((features, len(CONTRACT_RULES)))
        bad = np.full(rows, bool(self._lacking.any() or self._unexpected))
        violations[self._lacking, ABSENT] += rows
        counts[self._absent, -1] += rows
        for places, numbers, table in zip(self._places, self._numbers, tables, strict=True):
            if table.dtype == np.float64:
                bad |= numbers.measure(table, counts, violations)
                for column, place in numbers.wrong:
                    self._count_texts(place, [text_of(value) for value in table[:, column].tolist()], counts)
            else:
                bad |= self._categories(places, table, counts, violations)
        return BatchCounts(counts, violations, rows, int(bad.sum()))

    @property
    def unexpected(self) -> bool:
        """Bodies of this layout have columns that the profile lacks."""
        return self._unexpected

    def _categories(self, places: list[int], block: Any, counts: Floats, violations: Floats) -> Any:
        bad = np.zeros(len(block), dtype=np.bool_)
        for column, place in enumerate(places):
            if place >= 0:
                bad |= self._category(place, block[:, column].tolist(), counts, violations)
        return bad

    def _category(self, place: int, column: list[str | None], counts: Floats, violations: Floats) -> Any:
        feature = self._reference.features[place]
        if feature.kind == "number":
            counts[place, -1] += len(column)  # a text is no number: the feature has no value
            violations[place, TYPE] += len(column)
            return np.ones(len(column), dtype=np.bool_)
        counted, lookup = self._count_texts(place, column, counts)
        bad = np.zeros(len(column), dtype=np.bool_)
        if feature.rules.closed and counted[-2]:
            violations[place, CATEGORY] += counted[-2]
            bad |= np.array([value is not None and value not in lookup for value in column])
        if feature.rules.required and counted[-1]:
            violations[place, MISSING] += counted[-1]
            bad |= np.array([value is None for value in column])
        return bad

    def _count_texts(self, place: int, column: list[str | None], counts: Floats) -> tuple[Any, dict[str, int]]:
        """Adds a column of categories to `counts`; returns its counts by category, and the place of each."""
        lookup = {value: at for at, value in enumerate(self._reference.features[place].categories)}
        counted = category_counts(column, lookup)
        counts[place, : counted.size - 1] += counted[:-1]
        counts[place, -1] += counted[-1]
        return counted, lookup


class _Numbers:
    """The number columns of one block, with edges and rules of their features as arrays (features of the block, …)."""

    __slots__ = ("_columns", "_edges", "_highest", "_lowest", "_places", "_required", "wrong")

    def __init__(self, reference: Reference, places: list[int]) -> None:
        numeric = [at for at, place in enumerate(places) if place >= 0 and reference.features[place].kind == "number"]
        self._columns = np.array(numeric, dtype=np.int64)
        self._places = np.array([places[at] for at in numeric], dtype=np.int64)
        known = [(at, place) for at, place in enumerate(places) if place >= 0]
        self.wrong = [(at, place) for at, place in known if reference.features[place].kind != "number"]
        """Columns of this block that are categories in the profile, and their features."""
        chosen = [reference.features[place] for place in self._places]
        self._edges = np.full((len(chosen), max((len(f.edges) for f in chosen), default=0)), np.inf)
        for row, feature in zip(self._edges, chosen, strict=True):
            row[: len(feature.edges)] = feature.edges
        self._lowest = np.array([-np.inf if f.rules.minimum is None else f.rules.minimum for f in chosen])
        self._highest = np.array([np.inf if f.rules.maximum is None else f.rules.maximum for f in chosen])
        self._required = np.array([f.rules.required for f in chosen], dtype=np.bool_)

    def measure(self, block: Floats, counts: Floats, violations: Floats) -> Any:
        """Adds the counts of `block` (rows, width) to `counts` (features, bins) and `violations` (features, rules).

        Returns whether each row breaks a rule, shape (rows,).
        """
        for _, place in self.wrong:
            violations[place, TYPE] += len(block)
        bad = np.full(len(block), bool(self.wrong))
        if not self._columns.size:
            return bad
        values = block if self._columns.size == block.shape[1] else block[:, self._columns]
        counts[self._places] += bin_counts(values, self._edges, counts.shape[1])
        for rule, broken in self._broken(values):
            violations[self._places, rule] += broken.sum(axis=0)
            bad |= broken.any(axis=1)
        return bad

    def _broken(self, values: Floats) -> Iterator[tuple[int, Any]]:
        outside = (values < self._lowest) | (values > self._highest)
        if outside.any():
            yield RANGE, outside
        missing = ~np.isfinite(values) & self._required
        if missing.any():
            yield MISSING, missing
