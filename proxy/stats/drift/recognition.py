"""Features that drift for ever because of what they are: identifiers and times, to be proposed for `analysis.ignore`.

| kind | numbers | texts |
|---|---|---|
| `timestamp` | seconds (or parts) of 2001 to 2096 that rise, are named so, or lie close together | ISO 8601 dates |
| `identifier` | whole numbers, nearly all different, that rise or are named so | nearly all different |

Each column is looked at once, in its first `LOOKED_AT` values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct

from proxy.stats.drift.features import Block, names_of
from proxy.stats.drift.profile import MAX_FEATURES, BodySide

FeatureKind = Literal["identifier", "timestamp"]

LOOKED_AT = 200
"""Values of a feature that say what it is."""

MAX_KNOWN = 256
"""Blocks of layouts that are remembered as known; bodies of further ones teach nothing more."""

NEARLY_ALL = 0.95
"""Part of the values that must fit: some may be missing, repeated, or late."""

CLOSE = 0.1
"""Spread of times as a part of the largest one, for numbers that neither rise nor are named as times."""

EPOCHS = tuple((1e9 * unit, 4e9 * unit) for unit in (1.0, 1e3, 1e6, 1e9))
"""Seconds since 1970 of 2001 and 2096, and the same in smaller units."""

TIME_NAME = re.compile(
    r"(^|[^a-z])(ts|time|timestamp|date|datetime|epoch|created|updated)($|[^a-z])|_at$", re.IGNORECASE
)
ID_NAME = re.compile(r"(^|[^a-z])(id|ids|uid|uuid|guid|key|token|seq|sequence|nonce|hash)($|[^a-z])|[a-z]I[dD]$")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.{0,32})?")


class Recognised(Struct, frozen=True):
    """A feature that is no feature."""

    side: BodySide
    feature: str
    kind: FeatureKind

    @property
    def pattern(self) -> str:
        """What `analysis.ignore` would say."""
        name = self.feature.replace("~", "~0").replace("/", "~1")
        return f"/{'request' if self.side == 'input' else 'response'}/{name}"


class Recognition:
    """What the columns of a route's bodies are.

    >>> recognition = Recognition()
    >>> for at in range(LOOKED_AT):
    ...     recognition.update("input", (("", ("ts", "x"), 2, "number"),), [[[1.7e9 + at, at % 7]]])
    >>> [(each.kind, each.pattern) for each in recognition.found]
    [('timestamp', '/request/ts')]
    """

    __slots__ = ("_columns", "_known", "found")

    def __init__(self) -> None:
        self._columns: dict[tuple[BodySide, str], list[Any]] = {}
        self._known: set[tuple[BodySide, Block]] = set()
        self.found: list[Recognised] = []
        """In the order of recognition."""

    def knows(self, side: BodySide, signatures: Iterable[Sequence[Block]]) -> bool:
        """Whether there is nothing to be learnt from bodies of these layouts."""
        if len(self._known) >= MAX_KNOWN:
            return True
        return all((side, block) in self._known for signature in signatures for block in signature)

    def update(self, side: BodySide, signature: Sequence[Block], tables: Sequence[Any]) -> None:
        """Adds bodies of one layout: for each of its blocks an array (rows, width)."""
        for block, table in zip(signature, tables, strict=True):
            if (side, block) not in self._known:
                self._add(side, block, table)

    def _add(self, side: BodySide, block: Block, table: Any) -> None:
        rows = [list(row) for row in table[:LOOKED_AT]]
        for name, column in zip(names_of(block), zip(*rows, strict=True), strict=True):
            values = self._columns.get((side, name))
            if values is None:
                if len(self._columns) >= 2 * MAX_FEATURES:
                    continue
                values = self._columns[side, name] = []
            if len(values) < LOOKED_AT:
                values.extend(column)
                if len(values) >= LOOKED_AT:
                    self._decide(side, name)
        if all(len(self._columns.get((side, name), DECIDED)) >= LOOKED_AT for name in names_of(block)):
            self._known.add((side, block))

    def _decide(self, side: BodySide, name: str) -> None:
        kind = kind_of(name, self._columns[side, name][:LOOKED_AT])
        self._columns[side, name] = DECIDED
        if kind is not None:
            self.found.append(Recognised(side, name, kind))


DECIDED: list[Any] = [None] * LOOKED_AT
"""In place of the values of a column that is known."""


def kind_of(name: str, values: Sequence[Any]) -> FeatureKind | None:
    """What a column is by its name and its first values; None for a feature like others."""
    texts = [value for value in values if isinstance(value, str)]
    if texts:
        if len(texts) < NEARLY_ALL * len(values):
            return None
        dates = sum(DATE.fullmatch(text) is not None for text in texts)
        if dates >= NEARLY_ALL * len(texts):
            return "timestamp"
        return "identifier" if len(set(texts)) >= NEARLY_ALL * len(texts) else None
    numbers = [float(value) for value in values if value is not None and value == value]
    return _of_numbers(name, numbers) if len(numbers) >= NEARLY_ALL * len(values) else None


def _of_numbers(name: str, numbers: list[float]) -> FeatureKind | None:
    low, high, rising = min(numbers), max(numbers), _rise(numbers)
    among_times = low < high and any(first <= low and high <= last for first, last in EPOCHS)
    if among_times and (rising or TIME_NAME.search(name) or high - low <= CLOSE * high):
        return "timestamp"
    distinct = len(set(numbers)) >= NEARLY_ALL * len(numbers)
    if distinct and all(value.is_integer() for value in numbers) and (rising or ID_NAME.search(name)):
        return "identifier"
    return None


def _rise(numbers: Sequence[float]) -> bool:
    steps = [after > before for before, after in pairwise(numbers)]
    return sum(steps) >= NEARLY_ALL * len(steps)
