"""The rules of `compare` for a batch of pairs whose answers are alike: one row of numbers, in one tensor of one layout.

A few numpy calls do for hundreds of pairs what costs microseconds for each. Any other batch is compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from proxy.contracts.observation import Observation
from proxy.stats.agreement.compare import SUM_ROUNDING, TOP_SCORES, is_named_score
from proxy.stats.arrays import Floats
from proxy.stats.finite import NOT_NUMBERS

_answer = attrgetter("failure", "status", "text", "content")
_shape = attrgetter("name", "columns", "width", "kind", "integer", "rows", "vector")


class BatchDifferences(NamedTuple):
    """The differences of pairs in their order, as in `compare.AnswerDifference`."""

    kind: str
    disagree: list[bool]
    """Shape (pairs,)."""
    shift: list[float] | None
    """Shape (pairs,); None for labels."""


def compare_batch(pairs: Sequence[tuple[Observation, Observation]], tolerance: float) -> BatchDifferences | None:
    """Differences of copies from their references; None when they must be compared one by one.

    `pairs`: (reference, copy); `tolerance`: the part of the larger number by which two may differ.

    >>> from proxy.contracts.observation import Tensor
    >>> facts = {"exchange": 1, "request_id": "", "route": "r", "version": "v", "role": "shadow", "share": 1.0}
    >>> times = {"status": 200, "failure": "", "started": 0.0, "first_byte": 0.0, "total": 0.0}
    >>> legs = [Observation(**facts, **times, outputs=(Tensor("y", 1, 1, "number", [y]),)) for y in (1.0, 2.0)]
    >>> compare_batch([(legs[0], legs[1]), (legs[0], legs[0])], tolerance=0.05)
    BatchDifferences(kind='number', disagree=[True, False], shift=[1.0, 0.0])
    """
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    if not all(_answered(legs) for legs in sides):
        return None
    mine, other = ([leg.outputs[0] for leg in legs] for legs in sides)
    shapes = {*map(_shape, mine), *map(_shape, other)}
    if len(shapes) > 1:
        return None
    name, columns, width, kind, integer, rows, vector = shapes.pop()
    if kind != "number" or rows != 1 or vector or not 0 < width <= 2 * TOP_SCORES:
        return None
    if integer:  # as they are: as floats, two ids could be the same
        return BatchDifferences("label", [list(a.data) != list(b.data) for a, b in zip(mine, other, strict=True)], None)
    try:
        a, b = (np.array([tensor.data for tensor in tensors], dtype=np.float64) for tensors in (mine, other))
    except NOT_NUMBERS:
        return None
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
    near = (a == b) | (far <= tolerance * np.maximum(np.abs(a), np.abs(b))) | (np.isnan(a) & np.isnan(b))
    return BatchDifferences("number", _listed(~near.all(axis=1)), shift)


def _listed(flags: Any) -> list[bool]:
    listed: list[bool] = flags.tolist()
    return listed


def _answered(legs: list[Observation]) -> bool:
    answers = set(map(_answer, legs))
    good = all(
        not failure and 200 <= status < 300 and text is None and not content
        for failure, status, text, content in answers
    )
    return good and {len(leg.outputs) for leg in legs} == {1}


def _are_scores(name: str, table: Floats) -> bool | None:
    """Whether the rows are scores of classes; None: some are."""
    if is_named_score(name):
        return True
    alike: Any = (table.min(axis=1) >= 0.0) & (np.abs(table.sum(axis=1) - 1.0) <= SUM_ROUNDING)
    return bool(alike[0]) if alike.all() or not alike.any() else None
