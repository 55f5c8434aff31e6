"""Numbers that say the same: the tolerance of an output, scores of classes, vectors.

Two numbers are near each other within a part of the larger one (relative), or within what is nothing at the size of the
output (absolute): a thousandth of it, or some steps of its datatype where those are coarser. The size is that of the
row where all values of a row are of one kind, else that of the column as learnt (`scales`).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import hypot, inf, isfinite
from typing import Any, NamedTuple

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.rules import AnswerRules, is_rating
from proxy.stats.agreement.scales import MANY
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.arrays import Floats

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


SMALLEST, LARGEST = 1e-200, 1e200
"""Sums of squares in between, and what is made of them, have lost nothing to the range of a double."""

ALIKE = 1.0 - 1e-9
"""Cosine from which on two rows may be the same, whatever rounding makes of it."""


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

    def at_each(self, sizes: Floats) -> Floats:
        """The same at many sizes."""
        if self.absolute is None:
            return np.maximum(self.resolution * sizes, FLOOR)
        return np.full_like(sizes, self.absolute)


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
    shift = _shift(mine, other)
    if a == b:
        return AnswerDifference(False, "number", shift)
    limits = _limits(mine, other, rules)
    width = max(mine.width, 1)
    for at in _places(mine, other, limits):
        x, y = a[at], b[at]
        relative, absolute = limits.of(at, width)
        if not near(x, y, relative, absolute):
            named = mine.columns[at % width] if mine.columns else f"value {at % width}" if width > 1 else mine.name
            found = f"numbers: {named} {x:.6g} and {y:.6g} differ by more than {relative:g} of the larger"
            return AnswerDifference(True, "number", shift, row=at // width, comparer=f"{found}, and {absolute:.3g}")
    return AnswerDifference(False, "number", shift)


def _shift(mine: Tensor, other: Tensor) -> float:
    """Mean absolute difference."""
    if len(mine.data) < MANY:
        pairs = zip(mine.data, other.data, strict=True)
        return float(sum([abs(x - y) for x, y in pairs]) / max(len(mine.data), 1))
    with np.errstate(invalid="ignore", over="ignore"):
        apart: Floats = np.abs(table_of(mine) - table_of(other))
        return float(apart.mean())


def table_of(tensor: Tensor) -> Floats:
    """A tensor of numbers as an array (rows, width). Raises one of `NOT_NUMBERS` where a value is none."""
    data = tensor.data if type(tensor.data) is array else array("d", tensor.data)
    return np.frombuffer(data).reshape(-1, max(tensor.width, 1))


class Tolerances(NamedTuple):
    """Relative and absolute tolerance of each column, or of each row where its values are of one kind."""

    relative: Sequence[float] | Floats
    absolute: Sequence[float] | Floats
    by_row: bool

    def of(self, at: int, width: int) -> tuple[float, float]:
        """Those of the value at a place."""
        place = at // width if self.by_row else at % width
        return float(self.relative[place]), float(self.absolute[place])


def _places(mine: Tensor, other: Tensor, limits: Tolerances) -> Sequence[int]:
    """The places of values that may be far from each other, in order: of many values the first one that is."""
    if len(mine.data) < MANY:
        return range(len(mine.data))
    x, y = table_of(mine), table_of(other)
    relative, absolute = (np.asarray(each).reshape((-1, 1) if limits.by_row else (1, -1)) for each in limits[:2])
    with np.errstate(invalid="ignore", over="ignore"):
        far = np.abs(x - y)
        within = np.maximum(relative * np.maximum(np.abs(x), np.abs(y)), absolute)
        fine = (x == y) | ((far < inf) & (far <= within)) | (np.isnan(x) & np.isnan(y))
    return [] if fine.all() else [int(np.argmin(fine))]


def _limits(mine: Tensor, other: Tensor, rules: AnswerRules) -> Tolerances:
    width = max(mine.width, 1)
    if mine.columns:
        sizes = rules.scales.get((mine.name, mine.columns)) or [0.0] * width
        by_column = [tolerance_of(rules, column, mine.datatype, other.datatype) for column in mine.columns]
        nothing = [each.at(size) for each, size in zip(by_column, sizes, strict=True)]
        if is_rating(mine.name, mine.columns) and _are_ratings(mine) and _are_ratings(other):
            nothing = [each.relative if each.absolute is None else each.absolute for each in by_column]
        return Tolerances([each.relative for each in by_column], nothing, False)
    tolerance = tolerance_of(rules, mine.name, mine.datatype, other.datatype)
    if width == 1:
        return Tolerances([tolerance.relative], [tolerance.at((rules.scales.get((mine.name, ())) or (0.0,))[0])], False)
    if len(mine.data) >= MANY:
        by_row = row_sizes(table_of(mine), table_of(other))
        return Tolerances(np.full_like(by_row, tolerance.relative), tolerance.at_each(by_row), True)
    rows = zip(rows_of(mine), rows_of(other), strict=True)
    nothing = [tolerance.at(row_size(a, b)) for a, b in rows]
    return Tolerances([tolerance.relative] * len(nothing), nothing, True)


def _are_ratings(tensor: Tensor) -> bool:
    """Whether all values are from 0 to 1; the whole of it is then their size, however small most of them are."""
    return all(0.0 <= value <= 1.0 for value in tensor.data if value == value)


def row_sizes(a: Floats, b: Floats) -> Floats:
    """`row_size` of each row of two tables, shape (rows,)."""
    with np.errstate(invalid="ignore", over="ignore"):
        sizes: Floats = (np.abs(a) + np.abs(b)).sum(axis=1) / (2 * a.shape[1])
    return np.where(np.isfinite(sizes), sizes, 0.0)


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
    if len(mine.data) >= MANY:
        return compare_many_scores(mine, other, rules)
    pairs = list(zip(rows_of(mine), rows_of(other), strict=True))
    shift = _shift(mine, other)
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


def compare_many_scores(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference:
    """`compare_scores` by arrays."""
    a, b, shift = table_of(mine), table_of(other), _shift(mine, other)
    tolerance = tolerance_of(rules, mine.name, mine.datatype, other.datatype)
    overlap = _overlap(a, b) if mine.width > 2 * TOP_SCORES else None
    rows, best, others = np.arange(len(a)), a.argmax(axis=1), b.argmax(axis=1)
    nothing = tolerance.at_each(row_sizes(a, b))
    with np.errstate(invalid="ignore"):
        mine_apart, other_apart = (np.abs(each[rows, best] - each[rows, others]) > nothing for each in (a, b))
    lost: Any = np.isnan(a).any(axis=1) | np.isnan(b).any(axis=1)
    differs = lost | ((mine_apart | other_apart) & (best != others))
    if not differs.any():
        return AnswerDifference(False, "argmax", shift, overlap)
    at = int(differs.argmax())
    found = f"scores: class {best[at]} has the largest of the primary's, class {others[at]} of the other's"
    return AnswerDifference(True, "argmax", shift, overlap, at, "scores: one is no number" if lost[at] else found)


def _overlap(a: Floats, b: Floats) -> float:
    """The part of the best scores of a row that both have, over all rows."""
    x, y = (np.argpartition(each, -TOP_SCORES, axis=1)[:, -TOP_SCORES:] for each in (a, b))
    return float((x[:, :, None] == y[:, None, :]).sum()) / (TOP_SCORES * len(a))


def compare_vectors(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference:
    """The difference of rows by their direction: the mean cosine distance, and whether the widest is beyond it."""
    if len(mine.data) >= MANY:
        distances = (1.0 - cosines(table_of(mine), table_of(other))).tolist()
    else:
        distances = [1.0 - _cosine(a, b) for a, b in zip(rows_of(mine), rows_of(other), strict=True)]
    most = tolerance_of(rules, mine.name, mine.datatype, other.datatype).relative
    shift = sum(distances) / len(distances) if distances else 0.0
    row = next((at for at, distance in enumerate(distances) if not distance <= most), None)
    if row is None:
        return AnswerDifference(False, "vector", shift)
    found = f"vectors: cosine distance {distances[row]:.4g}, more than {most:g}"
    return AnswerDifference(True, "vector", shift, None, row, found)


def cosines(a: Floats, b: Floats) -> Floats:
    """The cosine of each row of `a` with that of `b`, shape (rows,). Of a row it is the same whatever rows are beside
    it."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        mine, others, both = (np.vecdot(x, y) for x, y in ((a, a), (b, b), (a, b)))
        found: Floats = both / (np.sqrt(mine) * np.sqrt(others))
    fine = (mine > SMALLEST) & (mine < LARGEST) & (others > SMALLEST) & (others < LARGEST)
    if not fine.all():
        found[~fine] = _scaled_cosines(a[~fine], b[~fine])
    for at in np.flatnonzero(~(found < ALIKE)).tolist():
        if np.array_equal(a[at], b[at]):
            found[at] = 1.0
    return found


def _scaled_cosines(a: Floats, b: Floats) -> Floats:
    """The same of rows whose squares may be too large or too small for a double."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        sizes = [np.abs(each).max(axis=1) for each in (a, b)]
        x, y = (each / np.where(size > 0.0, size, 1.0)[:, None] for each, size in zip((a, b), sizes, strict=True))
        lengths = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
        nothing = lengths == 0.0
        found: Floats = (x * y).sum(axis=1) / np.where(nothing, 1.0, lengths)
    return np.where(nothing, np.maximum(*sizes) <= FLOOR, found)


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    if a == b:
        return 1.0  # whatever rounding and overflow make of it
    lengths = hypot(*a) * hypot(*b)
    if not lengths:
        return float(max(map(abs, (*a, *b))) <= FLOOR)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths
