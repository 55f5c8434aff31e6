"""The rules of `compare` for a batch of pairs whose answers are alike: one row of numbers, in one tensor of one layout.

A few numpy calls do for hundreds of pairs what costs microseconds for each. Any other batch is compared pair by pair.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from proxy.contracts.observation import Observation, Tensor
from proxy.stats.agreement.numbers import SUM_ROUNDING, TOP_SCORES, Tolerance, cosines, tolerance_of
from proxy.stats.agreement.rules import AnswerRules, is_named_box, is_rating, natural
from proxy.stats.agreement.scales import MANY
from proxy.stats.arrays import Floats
from proxy.stats.finite import NOT_NUMBERS

AT_ONCE = 32_768
"""Numbers of one side that are compared together: what is made of them on the way stays in a cache."""

_answer = attrgetter("failure", "status", "text", "content")
_shape = attrgetter("name", "columns", "width", "kind", "integer", "rows", "vector", "datatype", "texts")


class BatchDifferences(NamedTuple):
    """The differences of pairs in their order, as in `compare.AnswerDifference`."""

    kind: str
    disagree: list[bool]
    """Shape (pairs,)."""
    shift: list[float] | None
    """Shape (pairs,); None for labels."""


def compare_batch(pairs: Sequence[tuple[Observation, Observation]], rules: AnswerRules) -> BatchDifferences | None:
    """Differences of copies from their references, `pairs` of (reference, copy); None when they must be compared one by
    one. What the references say of the size of the output is learnt first.

    >>> from proxy.contracts.observation import Tensor
    >>> facts = {"exchange": 1, "request_id": "", "route": "r", "version": "v", "role": "shadow", "share": 1.0}
    >>> times = {"status": 200, "failure": "", "started": 0.0, "first_byte": 0.0, "total": 0.0}
    >>> legs = [Observation(**facts, **times, outputs=(Tensor("y", 1, 1, "number", [y]),)) for y in (1.0, 2.0)]
    >>> compare_batch([(legs[0], legs[1]), (legs[0], legs[0])], AnswerRules())
    BatchDifferences(kind='number', disagree=[True, False], shift=[1.0, 0.0])
    """
    legs = list(chain.from_iterable(pairs))
    if not _answered(legs):
        return None
    tensors = [leg.outputs[0] for leg in legs]
    shapes = set(map(_shape, tensors))
    if len(shapes) > 1:
        return None
    mine, other = tensors[::2], tensors[1::2]
    if len(mine[0].data) >= MANY:
        return _compare_vectors(mine, other, rules)
    first = mine[0]
    if not _is_row(first, rules):
        return None
    if first.integer:  # as they are: as floats, two ids could be the same
        return BatchDifferences("label", [list(a.data) != list(b.data) for a, b in zip(mine, other, strict=True)], None)
    try:
        a, b = (np.array([tensor.data for tensor in tensors], dtype=np.float64) for tensors in (mine, other))
    except NOT_NUMBERS:
        return None
    return _compare_tables(first, a, b, rules)


def compare_alike(mine: Tensor, other: Tensor, a: Floats, b: Floats, rules: AnswerRules) -> BatchDifferences | None:
    """The same of rows `a` and `b`, shape (pairs, width), of tensors like `mine` and `other`, which have no values."""
    if mine == other and mine.width >= MANY and _are_points(mine, rules):
        return _compare_points(mine, ((a[part], b[part]) for part in _parts(len(a), mine.width)), rules)
    if mine != other or not _is_row(mine, rules):
        return None
    if mine.integer:
        return BatchDifferences("label", _listed((a != b).any(axis=1)), None)
    return _compare_tables(mine, a, b, rules)


def _is_row(tensor: Tensor, rules: AnswerRules) -> bool:
    """Whether a tensor is one row of a few numbers, and nothing else says how they are compared."""
    if tensor.kind != "number" or tensor.rows != 1 or tensor.vector or tensor.texts:
        return False
    return 0 < tensor.width <= 2 * TOP_SCORES and _is_usual(tensor, rules)


def _compare_tables(first: Tensor, a: Floats, b: Floats, rules: AnswerRules) -> BatchDifferences | None:
    name, columns, width = first.name, first.columns, first.width
    tolerance = tolerance_of(rules, name, first.datatype)
    with np.errstate(invalid="ignore", over="ignore"):
        if width > 1 and not columns:
            return _compare_rows(a, b, tolerance, natural(first) == "scores")
        rules.scales.update_batch((name, columns), a)
        sizes = rules.scales.get((name, columns)) or [0.0] * width
        return _compare_numbers(a, b, tolerance, np.array([tolerance.at(size) for size in sizes]))


def _compare_vectors(mine: list[Tensor], other: list[Tensor], rules: AnswerRules) -> BatchDifferences | None:
    """One row of each that is a point."""
    first = mine[0]
    if not _are_points(first, rules) or len({tensor.keys for tensor in (*mine, *other)}) > 1:
        return None
    if not all(type(each.data) is array for each in (*mine, *other)):
        return None
    tables = ((_table(mine[part]), _table(other[part])) for part in _parts(len(mine), first.width))
    return _compare_points(first, tables, rules)


def _are_points(tensor: Tensor, rules: AnswerRules) -> bool:
    if tensor.kind != "number" or tensor.rows != 1 or tensor.columns or tensor.texts:
        return False
    if rules.comparer(tensor) != "vectors":
        return False
    # Of what an answer holds beside its numbers the other reader says what it means.
    return not tensor.ranks and rules.is_usual(tensor.name, ()) and not is_named_box(tensor.name)


def _parts(rows: int, width: int) -> list[slice]:
    step = max(AT_ONCE // width, 1)
    return [slice(at, at + step) for at in range(0, rows, step)]


def _compare_points(first: Tensor, tables: Iterable[tuple[Floats, Floats]], rules: AnswerRules) -> BatchDifferences:
    most = tolerance_of(rules, first.name, first.datatype).relative
    shift: list[float] = []
    for a, b in tables:
        shift += (1.0 - cosines(a, b)).tolist()
    return BatchDifferences("vector", [not distance <= most for distance in shift], shift)


def _table(tensors: list[Tensor]) -> Floats:
    """Packed numbers of one layout, a row each."""
    rows: list[Any] = [tensor.data for tensor in tensors]
    return np.frombuffer(b"".join(rows)).reshape(len(tensors), -1)


@lru_cache(maxsize=256)
def _is_natural(name: str, columns: tuple[str, ...], width: int) -> bool:
    boxed = any(map(is_named_box, columns)) if columns else width % 4 == 0 and is_named_box(name)
    if boxed or is_rating(name, columns):
        return False
    return natural(Tensor(name, 1, width, "number", (), columns)) in ("", "scores")


def _is_usual(tensor: Tensor, rules: AnswerRules) -> bool:
    """Whether nothing but the numbers themselves says how they are compared."""
    natural_one = not tensor.ranks and _is_natural(tensor.name, tensor.columns, tensor.width)
    return natural_one and rules.is_usual(tensor.name, tensor.columns)


def _compare_rows(a: Floats, b: Floats, tolerance: Tolerance, named: bool) -> BatchDifferences | None:
    """Rows of values of one kind: scores of classes, if they are named so or add up to 1, or numbers of one size."""
    size = (np.abs(a).mean(axis=1) + np.abs(b).mean(axis=1)) / 2.0
    size[~np.isfinite(size)] = 0.0
    nothing = np.array([tolerance.at(each) for each in size.tolist()])
    scores = _are_scores(a, b, named)
    if scores is None:
        return None
    if not scores:
        return _compare_numbers(a, b, tolerance, nothing[:, None])
    rows = np.arange(len(a))
    best, other = a.argmax(axis=1), b.argmax(axis=1)
    apart = (np.abs(a[rows, best] - a[rows, other]) > nothing) | (np.abs(b[rows, best] - b[rows, other]) > nothing)
    lost = np.isnan(a).any(axis=1) | np.isnan(b).any(axis=1)
    return BatchDifferences("argmax", _listed(lost | (apart & (best != other))), np.abs(a - b).mean(axis=1).tolist())


def _compare_numbers(a: Floats, b: Floats, tolerance: Tolerance, nothing: Floats) -> BatchDifferences:
    far = np.abs(a - b)
    most = np.maximum(tolerance.relative * np.maximum(np.abs(a), np.abs(b)), nothing)
    near = (a == b) | ((far <= most) & (far < np.inf)) | (np.isnan(a) & np.isnan(b))
    return BatchDifferences("number", _listed(~near.all(axis=1)), far.mean(axis=1).tolist())


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


def _are_scores(a: Floats, b: Floats, named: bool) -> bool | None:
    """Whether the rows are scores of classes; None: some are."""
    if named:
        return True
    alike: Any = _are_probabilities(a) & _are_probabilities(b)
    return bool(alike[0]) if alike.all() or not alike.any() else None


def _are_probabilities(table: Floats) -> Any:
    return (table.min(axis=1) >= 0.0) & (np.abs(table.sum(axis=1) - 1.0) <= SUM_ROUNDING)
