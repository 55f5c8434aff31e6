"""What sidecars count, as sums: cells of named numbers that grow. Lost, repeated and reordered reports cost nothing.

A sidecar reports all that it counted since an epoch began (a grow-only counter for each instance and epoch: Shapiro et
al., Conflict-free Replicated Data Types, 2011). The judge takes the difference between what it knows and what it has
consumed, and the sum of the differences of all sidecars is one look (`stats.look`).

| kind | further parts of the key | names |
|---|---|---|
| `codes` and the other fields of a leg's counts | route, version, role, share, inference | codes, buckets |
| `keys` | the same, outcome | hashes of sticky keys |
| `mirrored`, `lost` | route, version | "" |
| `shadow_dropped`, `rescued` | route, version | reasons |
| `pairs` | route, version | pairs, disagreed, and the four cases beside a noise copy |
| `contents`, `rows` | route, version, role, share | fields |
| `bad_keys` | route, version, role, share | hashes of sticky keys |
| `measured` | route, version, role, share, metric | buckets |
| `unmeasured` | route, version, role, share, metric | "" |
| `binned` | route, side, version, role, features, bins | places in the table |
| `identities` | route, version | asked, a line end, identity |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

import msgspec

Key = tuple[Any, ...]
"""Kind, and what it is of."""
Name = int | str
Cell = dict[Name, int | float]
Cells = dict[Key, Cell]

MAX_CELLS = 4096
"""Cells of an epoch, after which a sidecar begins another one: splits that were moved a hundred times."""
MAX_NAMES = 4096
"""Names of a cell, likewise: sticky keys that failed."""

Rows = list[tuple[list[str | int | float], Cell]]


def add(cells: Cells, key: Key, more: Mapping[Any, int | float]) -> None:
    """Adds numbers to a cell; zeros make none."""
    cell = cells.setdefault(key, {})
    for name, number in more.items():
        if number:
            cell[name] = cell.get(name, 0) + number
    if not cell:
        del cells[key]


def total(many: Iterable[Mapping[Key, Cell]]) -> Cells:
    """The sum of several."""
    found: Cells = {}
    for cells in many:
        for key, cell in cells.items():
            add(found, key, cell)
    return found


def difference(cells: Mapping[Key, Cell], consumed: Mapping[Key, Cell]) -> Cells:
    """What was counted since `consumed`. A number that is smaller than it was says nothing: counts only grow."""
    found: Cells = {}
    for key, cell in cells.items():
        before = consumed.get(key, {})
        if cell == before:  # most are: a sidecar has many arms, and traffic on few
            continue
        had = map(before.get, cell, repeat(0))
        if grown := {name: number - was for (name, number), was in zip(cell.items(), had, strict=True) if number > was}:
            found[key] = grown
    return found


def is_full(cells: Mapping[Key, Cell]) -> bool:
    """Whether an epoch has to end."""
    return len(cells) >= MAX_CELLS or any(len(cell) >= MAX_NAMES for cell in cells.values())


def rows_of(cells: Mapping[Key, Cell]) -> Rows:
    """Cells as they are written."""
    return [(list(key), cell) for key, cell in cells.items()]


def cells_of(rows: Rows) -> Cells:
    """Cells as they were written."""
    return {tuple(key): cell for key, cell in rows}


def encoded(cells: Mapping[Key, Cell]) -> bytes:
    """Cells as bytes (MessagePack)."""
    return msgspec.msgpack.encode(rows_of(cells))


def decoded(body: bytes) -> Cells:
    """Cells of bytes. Raises msgspec.MsgspecError on what are none."""
    return cells_of(msgspec.msgpack.decode(body, type=Rows))
