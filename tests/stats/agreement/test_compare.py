"""Differences by kind of answer."""

from math import isfinite
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.comparers import OutputComparer, OutputRule
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.numbers import TOP_SCORES
from proxy.stats.agreement.rows import by_columns
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.settle import settle
from proxy.stats.agreement.tally import AnswerDifference
from tests.support.observed import observation


def leg(
    role: Any,
    exchange: int = 1,
    outputs: tuple[Tensor, ...] = (),
    status: int = 200,
    source: tuple[int, str] = (0, "a"),
    text: Text | None = None,
) -> Observation:
    return observation(
        source, exchange, "", "r", role, role, 0.0, status, "", 0.0, 0.0, 0.0, outputs=outputs, text=text
    )


def numbers(*values: float, width: int = 1, name: str = "p", integer: bool = False) -> tuple[Tensor]:
    return (Tensor(name, len(values) // width, width, "number", list(values), integer=integer),)


@pytest.mark.parametrize(
    ("mine", "other", "disagree", "kind", "shift"),
    [
        (numbers(1, 0, integer=True), numbers(1, 0, integer=True), False, "label", None),
        (numbers(1, 0, integer=True), numbers(1, 1, integer=True), True, "label", None),
        (numbers(0.7, 0.3, width=2), numbers(0.6, 0.4, width=2), False, "argmax", 0.1),
        (numbers(0.7, 0.3, width=2), numbers(0.4, 0.6, width=2), True, "argmax", 0.3),
        (numbers(3.0, -1.0, width=2, name="logits"), numbers(9.0, -7.0, width=2, name="logits"), False, "argmax", 6.0),
        (numbers(3.0, -1.0, width=2), numbers(9.0, -7.0, width=2), True, "number", 6.0),
        (numbers(100.0), numbers(104.0), False, "number", 4.0),
        (numbers(100.0), numbers(110.0), True, "number", 10.0),
        (numbers(100.0), numbers(float("nan")), True, "number", None),
        (numbers(1.0), numbers(1.0, 1.0), True, "shape", None),
        (numbers(1.0), numbers(1.0, name="q"), True, "shape", None),
    ],
)
def test_differences(mine: tuple[Tensor], other: tuple[Tensor], disagree: bool, kind: str, shift: float | None) -> None:
    found = compare(leg("primary", outputs=mine), leg("shadow", outputs=other))
    assert (found.disagree, found.kind) == (disagree, kind)
    if shift is not None:
        assert found.shift == pytest.approx(shift)


def test_a_failed_copy_disagrees_and_a_failed_reference_says_nothing() -> None:
    failed = settle(leg("primary", outputs=numbers(1)), leg("shadow", status=500))
    assert isinstance(failed, AnswerDifference) and failed.kind == "status"
    assert settle(leg("primary", status=500), leg("shadow", outputs=numbers(1))) is None
    assert compare(leg("primary"), leg("shadow")) is None


def test_outputs_are_matched_by_name_whatever_their_order() -> None:
    mine, other = numbers(1.0, name="a") + numbers(2.0, name="b"), numbers(2.0, name="b") + numbers(1.0, name="a")
    assert not compare(leg("primary", outputs=mine), leg("shadow", outputs=other)).disagree


def test_a_tolerance_is_taken_as_given() -> None:
    mine, other = leg("primary", outputs=numbers(100.0)), leg("shadow", outputs=numbers(110.0))
    assert not compare(mine, other, AnswerRules(Analysis(tolerance=0.2))).disagree


def test_vectors_are_compared_by_direction() -> None:
    def vector(*values: float) -> Observation:
        return leg("x", outputs=(Tensor("embedding", 1, len(values), "number", list(values), vector=True),))

    assert not compare(vector(1.0, 2.0), vector(10.0, 20.0)).disagree
    assert compare(vector(1.0, 2.0), vector(2.0, -1.0)).kind == "vector"
    assert compare(vector(1.0, 2.0), vector(2.0, -1.0)).shift == pytest.approx(1.0)
    assert not compare(vector(0.0, 0.0), vector(0.0, 0.0)).disagree


def test_two_answers_without_any_vector_agree() -> None:
    none = leg("x", outputs=(Tensor("embedding", 0, 0, "number", [], vector=True),))
    assert not compare(none, none).disagree


def test_the_overlap_of_the_best_scores() -> None:
    row = [at / 190 for at in range(20)]
    swapped = [*row[:12], row[19], *row[13:19], row[12]]
    found = compare(leg("primary", outputs=numbers(*row, width=20)), leg("shadow", outputs=numbers(*swapped, width=20)))
    assert (found.disagree, found.kind) == (True, "argmax")
    assert found.overlap == pytest.approx((TOP_SCORES - 1) / TOP_SCORES)


def frame(**columns: float) -> tuple[Tensor, ...]:
    return (Tensor("", 1, len(columns), "number", list(columns.values()), tuple(columns)),)


def same(mine: tuple[Tensor, ...], other: tuple[Tensor, ...], rules: AnswerRules | None = None) -> bool:
    rules = rules or AnswerRules()
    found = [compare(leg("x", outputs=a), leg("x", outputs=b), rules) for a, b in ((mine, other), (other, mine))]
    assert found[0] is not None and found[1] is not None and found[0].disagree == found[1].disagree
    return not found[0].disagree


def test_columns_are_met_by_name_in_any_order() -> None:
    assert same(frame(a=1.0, b=2.0), frame(b=2.0, a=1.0))
    assert not same(frame(a=1.0, b=2.0), frame(b=1.0, a=2.0))
    assert not same(frame(a=1.0), frame(a=1.0, b=2.0))


def test_an_output_that_only_one_answer_has_differs_from_either_side() -> None:
    assert not same(numbers(1.0), numbers(1.0) + numbers(2.0, name="q"))
    assert same(numbers(1.0), numbers(1.0) + numbers(2.0, name="q"), AnswerRules(Analysis(ignore=("q",))))


def test_rows_are_met_by_their_keys() -> None:
    def vectors(*keys: int) -> tuple[Tensor, ...]:
        points = [value for key in keys for value in ((1.0, 0.0) if key == 0 else (0.0, 1.0))]
        return (Tensor("embedding", len(keys), 2, "number", points, vector=True, keys=keys),)

    assert same(vectors(0, 1), vectors(1, 0))
    assert not same(vectors(0, 1), vectors(0, 2))
    assert not same(vectors(0, 1), vectors(0))


def test_whole_numbers_beside_others_are_numbers() -> None:
    assert same(numbers(100, integer=True), numbers(101.0))
    assert not same(numbers(100, integer=True), numbers(101, integer=True))
    assert same(
        numbers(100, integer=True),
        numbers(101, integer=True),
        AnswerRules(Analysis(outputs={"p": OutputRule("numbers")})),
    )


def test_what_is_said_of_an_output_goes_before_what_it_is() -> None:
    def rules(**rule: Any) -> AnswerRules:
        return AnswerRules(Analysis(outputs={"p": OutputRule(**rule)}))

    assert not same(numbers(3.0, 1.0, width=2), numbers(9.0, 1.0, width=2))
    assert same(numbers(3.0, 1.0, width=2), numbers(9.0, 1.0, width=2), rules(comparer="scores"))
    assert same(numbers(3.0, 1.0), numbers(9.0, 1.0), rules(comparer="scores"))
    assert same(numbers(1.0, 2.0, width=2), numbers(2.0, 1.0, width=2), rules(unordered=True))
    assert not same(numbers(1.0, 2.0, width=2), numbers(1.0, 2.01, width=2), rules(comparer="labels"))
    assert same(numbers(3.0, 2.0, 1.0), numbers(0.3, 0.2, 0.1), rules(comparer="ranking"))
    one, two = ((Tensor("p", 1, 1, "category", [text]),) for text in ("a  b", "a b"))
    assert not same(one, two) and same(one, two, rules(comparer="text"))


VALUES = st.one_of(st.floats(-5, 5), st.sampled_from([0.0, 1.0, 0.5, 1e-9, float("nan"), float("inf")]))
DATATYPES = st.sampled_from(["", "FP16", "BF16", "FP32"])


@st.composite
def answers(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Outputs of any kind, of a few names, so that two answers often have the same."""
    made = []
    for name in draw(
        st.sampled_from([("p",), ("p", "q"), ("probabilities",), ("embedding", "label"), ("boxes",), ("",)])
    ):
        rows, width = draw(st.integers(0, 3)), draw(st.integers(1, 4))
        columns = tuple(draw(st.permutations("abcd"))[:width]) if not name else ()
        if name == "label":
            data: list[Any] = draw(
                st.lists(st.sampled_from(["x", "y", "0.5:1", "{}", None]), min_size=rows, max_size=rows)
            )
            made.append(Tensor(name, rows, 1, "category", data))
            continue
        data = draw(st.lists(VALUES, min_size=rows * width, max_size=rows * width))
        made.append(Tensor(name, rows, width, "number", data, columns, datatype=draw(DATATYPES)))
    return tuple(made)


COMPARERS = st.sampled_from(get_args(OutputComparer))


def is_number(tensors: tuple[Tensor, ...]) -> bool:
    return all(tensor.kind != "number" or all(map(isfinite, tensor.data)) for tensor in tensors)


@given(answers(), answers(), COMPARERS, st.booleans(), st.randoms(use_true_random=False))
def test_any_answer_equals_itself_in_any_order_and_neither_side_is_the_first(
    mine: tuple[Tensor, ...], other: tuple[Tensor, ...], comparer: OutputComparer, unordered: bool, rng: Any
) -> None:
    rules = AnswerRules(Analysis(outputs={"*": OutputRule(comparer, unordered=unordered)}))
    if is_number(mine):  # an answer that is no number is no answer (`payload.content`)
        assert same(mine, mine, rules)
        turned = list(mine)
        rng.shuffle(turned)
        for at, tensor in enumerate(turned):
            columns = list(tensor.columns)
            rng.shuffle(columns)
            turned[at] = by_columns(tensor, columns) if columns else tensor
        assert same(mine, tuple(turned), rules)
    if is_number(mine) and is_number(other):
        same(mine, other, rules)


def test_a_column_of_a_frame_has_the_rule_of_its_name() -> None:
    def rules(**outputs: OutputRule) -> AnswerRules:
        return AnswerRules(Analysis(outputs=outputs))

    tags = [(Tensor("", 2, 1, "category", values, ("tags",)),) for values in (["a", "b"], ["b", "a"])]
    assert not same(tags[0], tags[1], rules())
    assert same(tags[0], tags[1], rules(tags=OutputRule(unordered=True)))
    assert same(frame(a=1.0, b=2.0), frame(b=2.0, a=1.01), rules(b=OutputRule("labels")))
    assert not same(frame(a=1.0, b=2.0), frame(b=2.01, a=1.0), rules(b=OutputRule("labels")))
    assert not same(frame(a=1.0, b=2.0), frame(b=2.0, a=1.2), rules(b=OutputRule("labels")))


def test_a_stream_of_predictions_is_compared_by_them_with_a_stream_and_with_a_whole_answer() -> None:
    times = Text("", first_token=0.1, gaps=(0.2,), pieces=2)
    streamed, whole = leg("shadow", outputs=numbers(0.1, 0.9), text=times), leg("primary", outputs=numbers(0.1, 0.9))
    other = leg("shadow", outputs=numbers(0.1, 0.5), text=times)
    for reference, copy, disagree in ((whole, streamed, False), (streamed, other, True), (whole, other, True)):
        found = compare(reference, copy)
        assert found is not None and (found.disagree, found.kind) == (disagree, "number")
