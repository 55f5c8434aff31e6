"""Rows to a profile: what the primary is asked, and says, is usual until somebody says what is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from proxy.stats.drift.batch import LayoutGroup
from proxy.stats.drift.features import names_of
from proxy.stats.drift.profile import MAX_FEATURES, Profile, Rules, features_of


class ProfileBuilder:
    """Columns by name of one side, until there are enough rows for a profile. At most `MAX_FEATURES` columns."""

    __slots__ = ("_columns", "rows")

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {}
        self.rows = 0

    def update(self, groups: Collection[LayoutGroup]) -> None:
        """Adds bodies, a group for each of their layouts."""
        for group in groups:
            self.rows += group.rows
            for block, table in zip(group.signature, group.tables(), strict=True):
                for name, column in zip(names_of(block), table.T, strict=True):
                    if name in self._columns or len(self._columns) < MAX_FEATURES:
                        self._columns.setdefault(name, []).extend(column.tolist())

    def profile(self, rules: bool = True) -> Profile:
        """The profile of what was seen, with or without rules of what a row may hold. Both its sides are the same: the
        caller takes its own."""
        features = features_of(self._columns)
        if not rules:
            for feature in features:
                feature.rules = Rules()
        return Profile(features, features, f"the first {self.rows} rows")
