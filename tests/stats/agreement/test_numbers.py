"""Numbers near each other, scores of classes, vectors."""

from __future__ import annotations

import re
from math import inf, nan
from random import Random
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.comparers import OutputRule
from proxy.contracts.observation import Tensor
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.compare import compare_tensors
from proxy.stats.agreement.numbers import (
    compare_numbers,
    compare_scores,
    compare_vectors,
    cosines,
    tolerance_of,
)
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.scales import MANY
from proxy.stats.agreement.tally import AnswerDifference


def row(*values: float, name: str = "y", datatype: str = "", columns: tuple[str, ...] = ()) -> Tensor:
    return Tensor(name, 1, len(values), "number", list(values), columns, datatype=datatype)


def differ(mine: Tensor, other: Tensor, rules: AnswerRules | None = None) -> bool:
    rules = rules or AnswerRules()
    found = compare_numbers(mine, other, rules)
    assert found.disagree == compare_numbers(other, mine, rules).disagree
    assert bool(found.comparer) == found.disagree
    return found.disagree


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        ((0.01, 0.9), (0.012, 0.88), False),
        ((1e-6, 0.2), (1e-3, 0.2), False),
        ((0.01, 0.9), (0.07, 0.9), True),
        ((0.01, 9.0), (0.012, 9.0), True),  # no parts of 1
        ((0.01, nan), (0.012, nan), False),
    ],
)
def test_scores_of_labels_are_parts_of_one(mine: tuple[float, ...], other: tuple[float, ...], expected: bool) -> None:
    labels = ("hate", "harm")
    a, b = (row(*each, name="category_scores", columns=labels) for each in (mine, other))
    assert differ(a, b) is expected
    assert differ(a, b, AnswerRules(Analysis(absolute_tolerance=0.5))) is False
    assert differ(row(0.01, 0.9, name="", columns=labels), row(0.012, 0.9, name="", columns=labels))


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        (row(0.0), row(1e-12), False),
        (row(0.0), row(-1e-12), False),
        (row(0.001), row(0.002), True),
        (row(100.0), row(104.0), False),
        (row(100.0), row(110.0), True),
        (row(8.1, -0.0001, -7.0), row(8.1, 0.0001, -7.0), False),
        (row(8.1, -0.1, -7.0), row(8.1, 0.1, -7.0), True),
        (row(nan), row(nan), False),
        (row(nan), row(1.0), True),
        (row(inf), row(inf), False),
        (row(inf), row(-inf), True),
        (row(1e308, 1e308), row(1e308, 1e308), False),
    ],
)
def test_near_zero_and_beyond(mine: Tensor, other: Tensor, expected: bool) -> None:
    assert differ(mine, other) is expected


@pytest.mark.parametrize(("datatype", "coarse"), [("FP16", True), ("BF16", True), ("FP32", False), ("", False)])
def test_small_values_are_as_coarse_as_their_datatype(datatype: str, coarse: bool) -> None:
    mine, other = row(10.0, 0.01, datatype=datatype), row(10.0, 0.03, datatype=datatype)
    assert differ(mine, other) is not coarse
    # Either side makes it so: a copy may be served in half of the precision.
    assert differ(mine, row(10.0, 0.03, datatype="FP32")) is not coarse


def test_a_routes_tolerance_is_never_finer_than_the_datatype_and_an_outputs_own_is_taken_as_given() -> None:
    rules = AnswerRules(Analysis(tolerance=0.0, outputs={"exact": OutputRule(tolerance=0.0, absolute_tolerance=0.0)}))
    assert not differ(row(100.0, datatype="BF16"), row(100.5, datatype="BF16"), rules)
    assert differ(row(100.0, datatype="FP32"), row(100.5, datatype="FP32"), rules)
    assert differ(row(100.0, name="exact", datatype="BF16"), row(100.01, name="exact", datatype="BF16"), rules)


def test_the_size_of_an_output_is_learnt() -> None:
    rules = AnswerRules()
    small, mine, other = row(1e-4), row(1e-4), row(3e-4)
    assert differ(mine, other, rules)
    for value in (50.0, -80.0, 0.0, 120.0):
        rules.scales.update(("y", ()), [value], 1)
    assert not differ(mine, other, rules)
    assert differ(small, row(0.5), rules)


def test_each_column_has_a_size_of_its_own() -> None:
    rules, columns = AnswerRules(), ("price", "rate")
    rules.scales.update(("y", columns), [10_000.0, 0.001], 2)
    near, far = row(0.1, 0.001, columns=columns), row(0.1, 0.002, columns=columns)
    assert not differ(row(5.0, 0.001, columns=columns), near, rules)
    assert differ(near, far, rules)
    assert compare_numbers(near, far, rules).comparer.startswith("numbers: rate 0.001 and 0.002")


def test_an_absolute_tolerance_goes_before_the_size() -> None:
    rules = AnswerRules(Analysis(absolute_tolerance=0.5))
    assert not differ(row(0.1), row(0.5), rules)
    assert differ(row(0.1), row(0.7), rules)
    assert tolerance_of(AnswerRules(Analysis(outputs={"y": OutputRule(absolute_tolerance=2.0)})), "y").at(1e9) == 2.0


def test_the_row_that_differs_is_told() -> None:
    mine, other = (Tensor("y", 3, 1, "number", [1.0, 2.0, value]) for value in (3.0, 4.0))
    assert compare_numbers(mine, other, AnswerRules()).row == 2


def test_a_tie_of_scores_may_fall_either_way() -> None:
    def found(a: list[float], b: list[float]) -> bool:
        mine, other = row(*a), row(*b)
        both = [compare_scores(x, y, AnswerRules()).disagree for x, y in ((mine, other), (other, mine))]
        assert both[0] == both[1]
        return both[0]

    assert not found([0.5, 0.5, 0.0], [0.49999, 0.50001, 0.0])
    assert found([0.6, 0.4, 0.0], [0.4, 0.6, 0.0])
    assert found([0.5, 0.5, 0.0], [0.1, 0.9, 0.0])


def test_vectors_beside_their_own_tolerance() -> None:
    mine, other = row(1.0, 0.0, name="e"), row(1.0, 0.2, name="e")
    assert not compare_vectors(mine, other, AnswerRules()).disagree
    strict = AnswerRules(Analysis(outputs={"e": OutputRule("vectors", tolerance=0.001)}))
    assert compare_vectors(mine, other, strict).comparer.startswith("vectors: cosine distance 0.0194")
    assert not compare_vectors(row(0.0, 0.0), row(0.0, 1e-9), AnswerRules()).disagree


@pytest.mark.parametrize("size", [1e-300, 1e-180, 1e-120, 1.0, 1e120, 1e180, 1e300])
def test_the_cosine_of_rows_is_that_of_each_by_itself_at_any_size(size: float) -> None:
    a = np.array([[3.0, 4.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, -1.0]]) * size
    b = np.array([[4.0, 3.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [-1.0, 1.0]]) * size
    found = cosines(a, b)
    assert found.tolist() == pytest.approx([0.96, 0.0, 1.0, 1.0, -1.0]) and found[2] == 1.0
    beside = np.array([[1e300, 1.0], [2.0, 1.0]])
    assert cosines(np.concatenate([a, beside]), np.concatenate([b, beside]))[:5].tolist() == found.tolist()
    assert not cosines(a, np.full_like(a, nan))[0] <= 1.0


ODD = st.sampled_from([0.0, 1.0, 1.04, 1.2, -1.0, 1e-9, nan, inf, -inf])


@given(st.data(), st.sampled_from([1, 3, 7]), st.booleans())
def test_many_values_are_compared_as_few_are(data: st.DataObject, width: int, named: bool) -> None:
    size = MANY // width * width + 7 * width
    columns = tuple(map(str, range(width))) if named else ()
    changed = data.draw(st.dictionaries(st.integers(0, size - 1), st.tuples(ODD, ODD), max_size=5))
    pairs = [changed.get(at, (1.0, 1.0)) for at in range(size)]
    mine, other = (
        Tensor("y", size // width, width, "number", [pair[side] for pair in pairs], columns) for side in (0, 1)
    )
    found = compare_numbers(mine, other, AnswerRules())
    with patch("proxy.stats.agreement.numbers.MANY", size + 1):
        assert rounded(found) == rounded(compare_numbers(mine, other, AnswerRules()))


def rounded(found: AnswerDifference) -> str:
    """All that was found, figures to nine digits: sums in another order differ in the sixteenth."""
    return re.sub(r"\d+\.\d+(e[+-]\d+)?", lambda figure: f"{float(figure[0]):.9g}", str(found))


def test_many_values_that_are_beyond_floats_are_no_numbers() -> None:
    values = [10**400] + [1.0] * MANY
    mine, same, other = (Tensor("y", len(each), 1, "number", each) for each in (values, values, [1.0, *values[1:]]))
    assert not compare_tensors(mine, same).disagree
    assert compare_tensors(mine, other).row == 0
    assert compare_tensors(mine, other).disagree


@given(st.integers(1, 9), st.integers(2, 14), st.randoms(use_true_random=False), st.booleans())
def test_many_scores_and_vectors_are_compared_as_few_are(rows: int, width: int, rng: Random, exact: bool) -> None:
    usual = [round(rng.random(), 1 if exact else 9) for _ in range(rows * width)]
    moved = [
        rng.choice([value, value + rng.choice([0.001, 0.3]), nan if rng.random() < 0.02 else value]) for value in usual
    ]
    mine, other = (Tensor("y", rows, width, "number", each) for each in (usual, moved))
    for compare in (compare_scores, compare_vectors, compare_numbers):
        few = compare(mine, other, AnswerRules())
        with patch("proxy.stats.agreement.numbers.MANY", 1):
            many = compare(mine, other, AnswerRules())
        assert (many.disagree, many.row) == (few.disagree, few.row)
        assert many.shift == pytest.approx(few.shift, nan_ok=True, abs=1e-12)


def test_a_table_with_as_many_rows_as_columns_has_limits_by_row() -> None:
    mine, other = (Tensor("y", 2, 2, "number", [1000.0, 1000.0, small, 1e-3]) for small in (0.4, 0.1))
    assert compare_numbers(mine, other, AnswerRules()).row == 1
