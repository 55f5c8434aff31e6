"""Numbers that say the same: the tolerance of an output, scores of classes, vectors.

Two numbers are near each other within a part of the larger one (relative), or within what is nothing at the size of the
output (absolute): a thousandth of it, or some steps of its datatype where those are coarser. The size is that of the
row where all values of a row are of one kind, else that of the column as learnt (`scales`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import hypot, inf, isfinite
from typing import NamedTuple

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.scales import MANY
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.finite import NOT_NUMBERS, floats

PRECISIONS = {"FP16": 2.0**-10, "BF16": 2.0**-7, "FP32": 2.0**-23, "FP64": 2.0**-52}
"""Distance of 1 from the next number of a datatype (IEEE 754; BF16 has 7 bits behind the point)."""

STEPS = 8.0
"""Steps of the datatype that sums and products of rounded numbers are off by, as logits are."""

RESOLUTION = 1e-3
"""Part of an output's size that is nothing."""

FLOOR = 1e-6
"""Difference that is nothing where no size is known: single precision has seven digits, and models compute with 1."""

TOP_SCORES = 5
"""The best scores whose overlap is measured, where a row has more than twice as many."""

SUM_ROUNDING = 0.01
"""Distance from 1 that the sum of a row of probabilities may have, for rounding."""


class Tolerance(NamedTuple):
    """How far two numbers may be apart."""

    relative: float
    """Part of the larger one."""
    absolute: float | None
    """Difference, where it is configured."""
    resolution: float
    """Part of the output's size, where it is not."""

    def at(self, size: float) -> float:
        """The difference that is none at a size."""
        return max(self.resolution * size, FLOOR) if self.absolute is None else self.absolute


def tolerance_of(rules: AnswerRules, name: str, datatype: str = "", other: str = "") -> Tolerance:
    """The tolerance of an output: its own, or the route's, which is never finer than the coarser of two datatypes."""
    rule, precision = rules.of(name), max(PRECISIONS.get(datatype, 0.0), PRECISIONS.get(other, 0.0))
    own, absolute = rule.tolerance, rule.absolute_tolerance
    relative = max(rules.analysis.tolerance, precision) if own is None else own
    if absolute is None:
        absolute = rules.analysis.absolute_tolerance
    return Tolerance(relative, absolute, max(RESOLUTION, STEPS * precision))


def near(a: float, b: float, relative: float, absolute: float) -> bool:
    """Two missing values (NaN) of a column that may have them are alike; an infinite one is like itself alone."""
    far = abs(a - b)
    return a == b or (far < inf and far <= max(relative * max(abs(a), abs(b)), absolute)) or (a != a and b != b)


def compare_numbers(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference:
    """The difference of two tensors of numbers of one shape, value by value."""
    a, b = mine.data, other.data
    shift = sum([abs(x - y) for x, y in zip(a, b, strict=True)]) / max(len(a), 1)
    if a == b:
        return AnswerDifference(False, "number", shift)
    limits = _limits(mine, other, rules)
    width = max(mine.width, 1)
    for at in _places(a, b, limits, width):
        x, y = a[at], b[at]
        relative, absolute = limits[at % width] if len(limits) == width else limits[at // width]
        if not near(x, y, relative, absolute):
            named = mine.columns[at % width] if mine.columns else f"value {at % width}" if width > 1 else mine.name
            found = f"numbers: {named} {x:.6g} and {y:.6g} differ by more than {relative:g} of the larger"
            return AnswerDifference(True, "number", shift, row=at // width, comparer=f"{found}, and {absolute:.3g}")
    return AnswerDifference(False, "number", shift)


def _places(a: Sequence[float], b: Sequence[float], limits: Sequence[tuple[float, float]], width: int) -> Sequence[int]:
    """The places of values that may be far from each other, in order: of many values the first one that is."""
    if len(a) < MANY:
        return range(len(a))
    try:
        x, y = (np.asarray(each, dtype=np.float64).reshape(-1, width) for each in (a, b))
    except NOT_NUMBERS:
        return range(len(a))
    # One for each column, or else one for each row.
    limit = np.array(limits).reshape((1, width, 2) if len(limits) == width else (-1, 1, 2))
    with np.errstate(invalid="ignore"):
        far = np.abs(x - y)
        within = np.maximum(limit[..., 0] * np.maximum(np.abs(x), np.abs(y)), limit[..., 1])
        fine = (x == y) | ((far < inf) & (far <= within)) | (np.isnan(x) & np.isnan(y))
    return [] if fine.all() else [int(np.argmin(fine))]


def _limits(mine: Tensor, other: Tensor, rules: AnswerRules) -> list[tuple[float, float]]:
    """Relative and absolute tolerance of each column; of each row where its values are of one kind."""
    width = max(mine.width, 1)
    if mine.columns:
        sizes = rules.scales.get((mine.name, mine.columns)) or [0.0] * width
        by_column = [tolerance_of(rules, column, mine.datatype, other.datatype) for column in mine.columns]
        return [(each.relative, each.at(size)) for each, size in zip(by_column, sizes, strict=True)]
    tolerance = tolerance_of(rules, mine.name, mine.datatype, other.datatype)
    if width == 1:
        return [(tolerance.relative, tolerance.at((rules.scales.get((mine.name, ())) or (0.0,))[0]))]
    return [(tolerance.relative, tolerance.at(size)) for size in _row_sizes(mine, other)]


def _row_sizes(mine: Tensor, other: Tensor) -> Iterable[float]:
    if len(mine.data) >= MANY:
        a, b = (np.abs(floats(each.data)).reshape(-1, max(each.width, 1)) for each in (mine, other))
        sizes: list[float] = np.nan_to_num((a + b).sum(axis=1) / (2 * a.shape[1]), posinf=0.0).tolist()
        return sizes
    return [row_size(a, b) for a, b in zip(rows_of(mine), rows_of(other), strict=True)]


def row_size(a: Sequence[float], b: Sequence[float]) -> float:
    """Mean absolute value of two rows; 0 where it is no number."""
    size = sum([abs(x) for x in a] + [abs(x) for x in b]) / max(len(a) + len(b), 1)
    return size if isfinite(size) else 0.0


def rows_of(tensor: Tensor) -> list[Sequence[float]]:
    """The rows of a tensor."""
    return [tensor.data[at : at + tensor.width] for at in range(0, len(tensor.data), max(tensor.width, 1))]


def are_probabilities(tensor: Tensor) -> bool:
    """Whether the first row adds up to 1; the columns of a data frame, which has no name, are things of their own."""
    if (tensor.columns and not tensor.name) or not tensor.rows or tensor.width < 2:
        return False
    first = tensor.data[: tensor.width]
    return bool(min(first) >= 0.0 and abs(sum(first) - 1.0) <= SUM_ROUNDING)


def compare_scores(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference:
    """The difference of rows of scores: another class has the largest one, and not by a hair."""
    pairs = list(zip(rows_of(mine), rows_of(other), strict=True))
    shift = sum([abs(x - y) for x, y in zip(mine.data, other.data, strict=True)]) / max(len(mine.data), 1)
    tolerance = tolerance_of(rules, mine.name, mine.datatype, other.datatype)
    overlap = None
    if mine.width > 2 * TOP_SCORES:
        overlap = sum(len(_best(a) & _best(b)) for a, b in pairs) / (TOP_SCORES * len(pairs))
    for at, (a, b) in enumerate(pairs):
        if shift != shift and any(value != value for value in (*a, *b)):
            return AnswerDifference(True, "argmax", shift, overlap, at, "scores: one is no number")
        best, others = largest(a), largest(b)
        if best != others and not is_tie(a, b, best, others, tolerance):
            found = f"scores: class {best} has the largest of the primary's, class {others} of the other's"
            return AnswerDifference(True, "argmax", shift, overlap, at, found)
    return AnswerDifference(False, "argmax", shift, overlap)


def is_tie(a: Sequence[float], b: Sequence[float], best: int, other: int, tolerance: Tolerance) -> bool:
    """Whether two classes are as good as equal on both sides."""
    nothing = tolerance.at(row_size(a, b))
    return abs(a[best] - a[other]) <= nothing and abs(b[best] - b[other]) <= nothing


def largest(row: Sequence[float]) -> int:
    """Place of the largest score."""
    return max(range(len(row)), key=row.__getitem__)


def _best(row: Sequence[float]) -> set[int]:
    return set(sorted(range(len(row)), key=row.__getitem__)[-TOP_SCORES:])


def compare_vectors(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference:
    """The difference of rows by their direction: the mean cosine distance, and whether the widest is beyond it."""
    distances = [1.0 - _cosine(a, b) for a, b in zip(rows_of(mine), rows_of(other), strict=True)]
    most = tolerance_of(rules, mine.name, mine.datatype, other.datatype).relative
    shift = sum(distances) / len(distances) if distances else 0.0
    row = next((at for at, distance in enumerate(distances) if not distance <= most), None)
    if row is None:
        return AnswerDifference(False, "vector", shift)
    found = f"vectors: cosine distance {distances[row]:.4g}, more than {most:g}"
    return AnswerDifference(True, "vector", shift, None, row, found)


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    if a == b:
        return 1.0  # whatever rounding and overflow make of it
    lengths = hypot(*a) * hypot(*b)
    if not lengths:
        return float(max(map(abs, (*a, *b))) <= FLOOR)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths
