"""Many pairs at once say what each pair says by itself, or nothing."""

from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.comparers import OutputRule
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.compare_batch import compare_alike, compare_batch
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.scales import MANY
from tests.support.observed import observation

VALUES = st.one_of(st.floats(-10, 10), st.sampled_from([0.0, 1.0, float("nan"), float("inf"), 0.5]))
ROW = st.lists(st.integers(0, 3).map(float), min_size=2, max_size=2)


def leg(
    values: list[float] | None,
    role: Role = "primary",
    name: str = "p",
    status: int = 200,
    text: Text | None = None,
    **more: Any,
) -> Observation:
    outputs = (Tensor(name, 1, len(values), "number", list(values), **more),) if values is not None else ()
    return observation((0, "a"), 1, "", "r", role, role, 0.0, status, "", 0.0, 0.0, 0.0, outputs=outputs, text=text)


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[list[float], list[float]]] | None:
    """Pairs of rows of one width; as they are, or made into probabilities."""
    width = draw(st.integers(1, 10))
    rows = draw(st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=2, max_size=20))
    if draw(st.booleans()):
        positive = [[abs(v) + 0.1 if v == v and v < 100 else 1.0 for v in row] for row in rows]
        rows = [[v / sum(row) for v in row] for row in positive]
    return [(rows[at], rows[(at + draw(st.integers(0, 1))) % len(rows)]) for at in range(len(rows))]


def same(pairs: list[tuple[Observation, Observation]]) -> bool:
    rules = AnswerRules()
    found = compare_batch(pairs, rules)
    if found is None:
        return False
    one_by_one = [compare(*pair, rules) for pair in pairs]
    assert found.disagree == [each.disagree for each in one_by_one]
    assert {each.kind for each in one_by_one} == {found.kind}
    for mine, theirs in zip(found.shift or [None] * len(pairs), one_by_one, strict=True):
        assert mine == theirs.shift or (mine != mine and theirs.shift != theirs.shift) or near(mine, theirs.shift)
    return True


def near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1.0)


@given(batches(), st.sampled_from(["p", "probabilities"]))
def test_numbers_and_scores(batch: list[tuple[list[float], list[float]]], name: str) -> None:
    pairs = [(leg(a, name=name), leg(b, "shadow", name)) for a, b in batch]
    assert same(pairs) or len({compare(*pair).kind for pair in pairs}) > 1 or len(pairs) < 2


@given(st.lists(st.tuples(ROW, ROW), min_size=1))
def test_labels(batch: list[tuple[list[float], list[float]]]) -> None:
    assert same([(leg(a, integer=True), leg(b, "shadow", integer=True)) for a, b in batch])


def test_labels_that_no_float_can_tell_apart() -> None:
    pair = leg([2**53], integer=True), leg([2**53 + 1], "shadow", integer=True)
    assert same([pair, pair]) and compare(*pair).disagree


@pytest.mark.parametrize("name", ["p", "scores"])
def test_scores_that_are_no_numbers_agree_with_nothing(name: str) -> None:
    pair = leg([0.2, 0.1, 0.7], name=name), leg([0.2, float("nan"), 0.8], "shadow", name)
    assert same([pair, pair]) and compare(*pair).disagree


def test_what_does_not_answer_alike_is_left_to_be_compared_one_by_one() -> None:
    good = (leg([1.0]), leg([2.0], "shadow"))
    for odd in (
        (leg([1.0]), leg([2.0], "shadow", status=500)),
        (leg(None), leg([2.0], "shadow")),
        (leg([1.0]), leg([2.0], "shadow", name="q")),
        (leg([1.0, 2.0]), leg([2.0, 1.0], "shadow")),
        (leg([1.0]), leg(None, "shadow", text=Text("a"))),
        (leg([1.0], vector=True), leg([2.0], "shadow", vector=True)),
    ):
        assert compare_batch([good, odd], AnswerRules()) is None
    assert compare_batch([good, good], AnswerRules()).disagree == [True, True]


def test_rows_of_which_only_some_are_scores_are_left_too() -> None:
    scores, numbers = (leg([0.4, 0.6]), leg([0.6, 0.4], "shadow")), (leg([3.0, 4.0]), leg([4.0, 3.0], "shadow"))
    assert compare_batch([scores, numbers], AnswerRules()) is None
    assert compare_batch([scores, scores], AnswerRules()).kind == "argmax"
    assert compare_batch([numbers, numbers], AnswerRules()).kind == "number"


POINTS = np.random.default_rng(7).standard_normal((70, MANY))


def point(row: Any, role: Role, keys: tuple[int, ...] = ()) -> Observation:
    tensor = Tensor("embedding", 1, len(row), "number", array("d", row), vector=True, keys=keys)
    return replace(leg([], role), outputs=(tensor,))


def test_points() -> None:
    moved = [row + (np.random.default_rng(at).standard_normal(MANY) * at / 100) for at, row in enumerate(POINTS)]
    moved[5][3], moved[7], moved[9] = np.nan, np.zeros(MANY), POINTS[9]
    pairs = [(point(a, "primary"), point(b, "shadow")) for a, b in zip(POINTS, moved, strict=True)]
    rules = AnswerRules()
    found = compare_batch(pairs, rules)
    one_by_one = [compare(*pair, rules) for pair in pairs]
    assert found is not None and found.kind == "vector" and found.shift is not None
    np.testing.assert_array_equal(found.shift, [each.shift for each in one_by_one if each])
    assert found.disagree == [each.disagree for each in one_by_one if each]
    assert any(found.disagree) and not all(found.disagree)


def test_points_of_other_things_and_numbers_in_lists_are_compared_one_by_one() -> None:
    mine, other = point(POINTS[0], "primary"), point(POINTS[0], "shadow", keys=(3,))
    assert compare_batch([(mine, other)] * 9, AnswerRules()) is None
    plain = replace(mine, outputs=(replace(mine.outputs[0], data=POINTS[0].tolist()),))
    assert compare_batch([(plain, plain)] * 9, AnswerRules()) is None
    ignored = AnswerRules(Analysis(outputs={"embedding": OutputRule("numbers")}))
    assert compare_batch([(mine, mine)] * 9, ignored) is None


def test_points_that_came_alike_are_compared_together() -> None:
    """Rows of legs that are alike say what pairs say; other wide rows are compared one by one."""
    rows = np.random.default_rng(5).normal(size=(2, 90, MANY))
    layout = Tensor("embedding", 1, MANY, "number", ())
    pairs = [(point(a, "primary"), point(b, "shadow")) for a, b in zip(*rows.tolist(), strict=True)]
    rules = AnswerRules()
    found = compare_alike(layout, layout, rows[0], rows[1], rules)
    assert found is not None and found.kind == "vector"
    alone = [compare(*pair, rules) for pair in pairs]
    assert found.shift == pytest.approx([each.shift for each in alone if each is not None], rel=1e-12)
    assert found.disagree == [each is not None and each.disagree for each in alone]
    other = replace(layout, name="y")
    assert compare_alike(other, other, rows[0], rows[1], rules) is None
