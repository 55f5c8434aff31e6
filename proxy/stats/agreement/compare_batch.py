"""The rules of `compare` for a batch of pairs that all answer alike: one row of numbers, in one tensor of one layout.
A few numpy calls then do for hundreds of pairs what costs microseconds for each; any other batch goes pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from proxy.contracts.observation import Observation
from proxy.stats.agreement.compare import SUM, TOP, is_named_score
from proxy.stats.arrays import Floats

_answer = attrgetter("failure", "status", "text")
_shape = attrgetter("name", "columns", "width", "kind", "integer", "rows", "vector")


class BatchDifferences(NamedTuple):
    """What pairs differ in, in their order: `disagree` (pairs,), `shift` (pairs,) or None, as in
    `agreement.Difference`."""

    kind: str
    disagree: list[bool]
    shift: list[float] | None


def compare_many(pairs: Sequence[tuple[Observation, Observation]], tolerance: float) -> BatchDifferences | None:
    """How the copies differ from their references; None when they must be compared one by one."""
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    if not all(_answered(legs) for legs in sides):
        return None
    mine, other = ([seen.outputs[0] for seen in legs] for legs in sides)
    shapes = {*map(_shape, mine), *map(_shape, other)}
    if len(shapes) > 1:
        return None
    name, columns, width, kind, integer, rows, vector = shapes.pop()
    if kind != "number" or rows != 1 or vector or not 0 < width <= 2 * TOP:
        return None
    if integer:  # as they are: as floats, two ids could be the same
        return BatchDifferences("label", [list(a.data) != list(b.data) for a, b in zip(mine, other, strict=True)], None)
    a, b = (np.array([tensor.data for tensor in tensors], dtype=np.float64) for tensors in (mine, other))
    with np.errstate(invalid="ignore"):
        return _compare_numbers(a, b, tolerance, width > 1 and not columns and _are_scores(name, a))


def _compare_numbers(a: Floats, b: Floats, tolerance: float, scores: bool | None) -> BatchDifferences | None:
    far = np.abs(a - b)
    shift: list[float] = far.mean(axis=1).tolist()
    if scores is None:
        return None
    if scores:
        lost = np.isnan(a).any(axis=1) | np.isnan(b).any(axis=1)
        return BatchDifferences("argmax", _listed(lost | (a.argmax(axis=1) != b.argmax(axis=1))), shift)
    near = far <= tolerance * np.maximum(np.abs(a), np.abs(b))
    return BatchDifferences("number", _listed(~near.all(axis=1)), shift)


def _listed(flags: Any) -> list[bool]:
    found: list[bool] = flags.tolist()
    return found


def _answered(legs: list[Observation]) -> bool:
    answers = set(map(_answer, legs))
    good = all(not failure and 200 <= status < 300 and text is None for failure, status, text in answers)
    return good and {len(seen.outputs) for seen in legs} == {1}


def _are_scores(name: str, table: Floats) -> bool | None:
    """Whether the rows are scores of classes; None: some are."""
    if is_named_score(name):
        return True
    alike: Any = (table.min(axis=1) >= 0.0) & (np.abs(table.sum(axis=1) - 1.0) <= SUM)
    return bool(alike[0]) if alike.all() or not alike.any() else None
