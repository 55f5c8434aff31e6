"""Builds a reference profile from the primary's first rows; used until a profile file is configured."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from typing import Any, Union

import numpy as np

from proxy.stats.drift.batch import LayoutGroup
from proxy.stats.drift.features import names_of
from proxy.stats.drift.profile import MAX_FEATURES, Profile, Rules, features_of
from proxy.stats.selection import NOTHING, Selection
from proxy.stats.weight import weight_of_texts

MAX_LEARNT_BYTES = 1 << 24
"""Bytes of the rows that a profile is learnt from: two million numbers, 70,000 rows of thirty. With more than that
configured (`analysis.reference`), the profile is made of what there is then, and says of how many rows."""

Column = Union["array[float]", list[Any]]
"""Numbers, or values of which some are categories."""


class ProfileBuilder:
    """The columns of one side by name, until there are enough rows for a profile. At most `MAX_FEATURES` columns, and
    `MAX_LEARNT_BYTES`, less those that are `ignored`.

    >>> from proxy.contracts.observation import Tensor
    >>> group, builder = LayoutGroup((("x", (), 1, "number"),)), ProfileBuilder()
    >>> for at in range(100):
    ...     group.update((Tensor("x", 1, 1, "number", [float(at)]),))
    >>> builder.update([group])
    0
    >>> profile = builder.get()
    >>> profile.inputs[0].name, profile.made
    ('x', 'the first 100 rows')
    """

    __slots__ = ("_bytes", "_columns", "_ignored", "rows")

    def __init__(self, ignored: Selection = NOTHING) -> None:
        self._ignored = ignored
        self._columns: dict[str, Column] = {}
        self._bytes = 0
        self.rows = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for more rows."""
        return self._bytes >= MAX_LEARNT_BYTES

    def update(self, groups: Collection[LayoutGroup]) -> int:
        """Adds bodies, a group for each of their layouts; returns how many columns of them a full profile left out."""
        left_out = 0
        for group in groups:
            self.rows += group.rows
            for block, table in zip(group.signature, group.tables(), strict=True):
                for name, column in zip(names_of(block), table.T, strict=True):
                    if self._ignored.has(name):
                        continue
                    if name in self._columns or len(self._columns) < MAX_FEATURES:
                        self._extend(name, column)
                    else:
                        left_out += 1
        return left_out

    def _extend(self, name: str, column: Any) -> None:
        """Adds a column of a table: 8 bytes a number, as long as all of the name are."""
        before = self._columns.setdefault(name, array("d"))
        if isinstance(before, array) and column.dtype == np.float64:
            before.frombytes(column.tobytes())
            self._bytes += column.nbytes
            return
        values = column.tolist()
        self._columns[name] = [*before, *values] if isinstance(before, array) else before
        if not isinstance(before, array):
            before += values
        self._bytes += weight_of_texts(values)

    def get(self, rules: bool = True) -> Profile:
        """The profile of the rows so far, with or without rules of the data contract.

        Both sides of it are the same; the caller takes the one it builds.
        """
        columns = {
            name: np.frombuffer(column) if isinstance(column, array) else column
            for name, column in self._columns.items()
        }
        features = features_of(columns)
        if not rules:
            for feature in features:
                feature.rules = Rules()
        return Profile(features, features, f"the first {self.rows} rows")
