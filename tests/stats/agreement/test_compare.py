"""Differences by kind of answer."""

from typing import Any

import pytest

from proxy.contracts.observation import Observation, Tensor, Text
from proxy.stats.agreement.compare import TOP_SCORES, AgreementTally, AnswerDifference, compare, compare_texts
from proxy.stats.agreement.settle import settle
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
    assert not compare(mine, other, 0.2).disagree


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


@pytest.mark.parametrize(
    ("mine", "other", "disagree", "kind"),
    [
        (Text("a b c", "stop"), Text("a b c", "stop"), False, "finish"),
        (Text("a b c", "stop"), Text("a b c", "length"), True, "finish"),
        (Text("a b c d e f g h i j", "stop"), Text("a b c d e f g h i x", "stop"), False, "finish"),
        (Text("a b c", "stop"), Text("x y z", "stop"), True, "text"),
        (Text("", "tool_calls", (("f", "{}"),)), Text("", "tool_calls", (("g", "{}"),)), True, "tools"),
        (Text("", "stop"), Text("", "stop"), False, "finish"),
    ],
)
def test_texts(mine: Text, other: Text, disagree: bool, kind: str) -> None:
    found = compare(leg("primary", text=mine), leg("shadow", text=other))
    assert (found.disagree, found.kind) == (disagree, kind)


def test_the_distance_of_texts_is_the_part_of_words_edited() -> None:
    found = compare_texts(Text("the cat sat down"), Text("the dog sat down now"))
    assert found.shift == pytest.approx(2 / 5)
    assert found.overlap == pytest.approx(4 / 20)


def test_a_tally_counts_kinds_of_disagreement_and_averages() -> None:
    tally = AgreementTally()
    for other in (1.0, 2.0, 1.01):
        tally.update(compare(leg("primary", outputs=numbers(1.0)), leg("shadow", outputs=numbers(other))))
    assert (tally.pairs, tally.disagreements, tally.kinds) == (3, 1, {"number": 1})
    assert tally.ratio == pytest.approx(1 / 3)
    assert tally.shift == pytest.approx(1.01 / 3)
    assert AgreementTally().ratio is None
