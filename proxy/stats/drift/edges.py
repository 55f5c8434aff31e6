"""The edges of the bins of a number: between quantiles, but each value that many rows have is a bin of its own.

Rules:

1. A feature with few values (a flag, a count, a constant) has a bin for each of them, and one below and one above: a
   flag that becomes a 7 is in none of its bins.
2. A value that a twentieth of the rows have (the zeros of a zero-inflated feature, a default) is a bin; what is left is
   binned by its own quantiles.
3. An edge lies halfway between two values. On a value that many rows have it would tell 0.7 in single precision, or
   printed with fewer digits, from 0.7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proxy.stats.arrays import Floats, distinct

BIN_QUANTILES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
"""Quantiles between the bins of a feature without such values."""

FEW_VALUES = 12
"""Distinct values, at most, that have a bin each: no more bins than a feature of many values has."""

ROWS_A_VALUE = 5
"""Rows a value, on average, from which on values are said to be few."""

ATOM_SHARE = 0.05
"""Part of the rows from which on a value is a bin of its own."""

MAX_ATOMS = 4
"""Such values beside others, the most frequent ones; what is left of the edges goes to the rest."""

Places = NDArray[np.int64]
"""Places in an array."""

ROUNDING = 1e-5
"""Part of the lowest value by whose half a value may be lower and still be that one: single precision is nearer, and so
are six digits."""


def edges_of(present: Floats) -> Floats:
    """The edges of a column without missing values, ascending; none for an empty one.

    >>> edges_of(np.array([0.0, 1.0] * 50)).round(3).tolist()
    [0.0, 0.5, 1.0]
    >>> edges_of(np.array([0.0] * 90 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0])).tolist()[:2]
    [0.0, 0.5]
    """
    if not present.size:
        return present
    values, counts = np.unique(present, return_counts=True)
    if len(values) <= FEW_VALUES and present.size >= ROWS_A_VALUE * len(values):
        return _finite([*_before(values, np.arange(len(values))), _above(values)])
    atoms = np.argsort(-counts, kind="stable")[:MAX_ATOMS]
    atoms = np.sort(atoms[counts[atoms] >= ATOM_SHARE * present.size])
    rest = present[~np.isin(present, values[atoms])]
    edges = [*_before(values, atoms), *_after(values, atoms)]
    if rest.size:
        quantiles = np.quantile(rest, _quantiles(len(atoms)), method="inverted_cdf")
        edges += _before(values, np.searchsorted(values, distinct(quantiles)))
        edges += [_above(values)] if quantiles[-1] == values[-1] else []
    return _finite(edges)


def _quantiles(atoms: int) -> Floats:
    """The quantiles of what has no bin of its own: with two edges for each value that has, no more edges than usual."""
    return np.array(BIN_QUANTILES) if not atoms else np.linspace(0.0, 1.0, len(BIN_QUANTILES) - 2 * atoms + 2)[1:-1]


def _before(values: Floats, places: Places) -> list[float]:
    """Edges halfway between values, by place, and the next lower ones."""
    lower = np.append(values[0] - ROUNDING * abs(values[0]), values)[places]
    return (lower / 2 + values[places] / 2).tolist()  # type: ignore[no-any-return]


def _after(values: Floats, places: Places) -> list[float]:
    upper = np.append(values, np.inf)[places + 1]
    between = [low / 2 + high / 2 for low, high in zip(values[places].tolist(), upper.tolist(), strict=True)]
    return [_above(values) if edge == np.inf else edge for edge in between]


def _above(values: Floats) -> float:
    """An edge above the largest value, by as much as it may be rounded."""
    return float(np.nextafter(values[-1] + ROUNDING * abs(values[-1]) / 2, np.inf))


def _finite(edges: list[float]) -> Floats:
    found = distinct(np.array(edges, dtype=np.float64))
    return found[np.isfinite(found)]
