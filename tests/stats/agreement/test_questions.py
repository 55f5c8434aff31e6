"""Pairs of texts before a judge: each has one result, with a score or without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.bounds import MAX_TEXT, shortened
from proxy.contracts.comparers import Judge
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.stats.agreement.comparer import Comparer, PairResult
from proxy.stats.agreement.questions import MAX_QUESTIONS, Question
from proxy.stats.agreement.texts import TOO_LONG
from tests.support.observed import observation

JUDGED = Analysis(judge=Judge("http://judge/score", agree=0.8))


def leg(exchange: int, role: Role, text: str, copies: int = 1) -> Observation:
    version = "v2" if role == "shadow" else "v1"
    made = observation(
        (0, "a"), exchange, str(exchange), "r", version, role, 1.0, 200, "", 0.0, 0.0, 0.0, text=Text(text, "stop")
    )
    return replace(made, copies=copies if role == "primary" else -1)


def fed(texts: list[str], analysis: Analysis = JUDGED) -> tuple[Comparer, list[PairResult]]:
    comparer = Comparer()
    comparer.update([leg(at, "primary", "it is so") for at in range(len(texts))], analysis, 0.0)
    return comparer, comparer.update([leg(at, "shadow", text) for at, text in enumerate(texts)], analysis, 0.0)


def test_only_what_differs_is_asked_about_and_waits() -> None:
    comparer, results = fed(["it is so", "that holds true", "not at all"])
    assert sum(each.pairs for each in results) == 1
    questions = comparer.questions.take()
    assert [each.texts for each in questions] == [("it is so", "that holds true"), ("it is so", "not at all")]
    assert comparer.unbalanced("r") == 0
    later = comparer.on_judged(questions[0], 0.9) + comparer.on_judged(questions[1], 0.1)
    assert later == [PairResult("r", "v2", 1, 0), PairResult("r", "v2", 1, 1)]
    assert comparer.unbalanced("r") == 0
    (example,) = comparer.worst("r", "v2")
    assert example.comparer == "judge: a score of 0.1, less than 0.8"


def test_without_a_score_the_comparers_result_holds() -> None:
    comparer, _ = fed(["not at all"])
    (question,) = comparer.questions.take()
    assert comparer.on_judged(question, None) == [PairResult("r", "v2", 1, 1)]


def test_a_judge_has_not_seen_what_is_not_kept() -> None:
    comparer, _ = fed([shortened("not at all " * MAX_TEXT, MAX_TEXT)])
    (question,) = comparer.questions.take()
    assert comparer.on_judged(question, 1.0) == []
    assert comparer.tallies["r", "v2", "shadow"].lost == {TOO_LONG: 1} and comparer.unbalanced("r") == 0
    comparer, _ = fed([shortened("not at all " * MAX_TEXT, MAX_TEXT)])
    assert comparer.on_judged(comparer.questions.take()[0], 0.0) == [PairResult("r", "v2", 1, 1)]


@pytest.mark.parametrize(("sample", "least", "most"), [(0.0, 0, 0), (20.0, 15, 65), (100.0, 200, 200)])
def test_a_part_of_the_requests_is_asked_about(sample: float, least: int, most: int) -> None:
    comparer, _ = fed([f"other {at}" for at in range(200)], Analysis(judge=Judge("http://judge/score", sample)))
    assert least <= len(comparer.questions.take()) <= most


def test_as_many_wait_as_may() -> None:
    comparer, results = fed([f"other {at}" for at in range(MAX_QUESTIONS + 5)])
    assert (comparer.questions.left_out, sum(each.disagreed for each in results)) == (5, 5)


def test_a_score_about_another_model_or_configuration_is_lost() -> None:
    comparer, _ = fed(["not at all"])
    (question,) = comparer.questions.take()
    comparer.forget("r")
    assert comparer.on_judged(question, 1.0) == []
    assert comparer.tallies["r", "v2", "shadow"].lost == {"replaced": 1}
    assert comparer.unbalanced("r") == 0


@given(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_other_texts_are_another_question(a: str, b: str, c: str, d: str) -> None:
    comparer, _ = fed(["x y z"])
    (one,) = comparer.questions.take()
    keys = [replace(one, reference=leg(1, "primary", x), copy=leg(1, "shadow", y)).key for x, y in ((a, b), (c, d))]
    assert (keys[0] == keys[1]) == ((a, b) == (c, d))


def asked(mine: Text, other: Text) -> tuple[Comparer, list[Question]]:
    comparer = Comparer()
    comparer.update([replace(leg(1, "primary", ""), text=mine)], JUDGED, 0.0)
    comparer.update([replace(leg(1, "shadow", ""), text=other)], JUDGED, 0.0)
    return comparer, comparer.questions.take()


def choices(*texts: str, finish: str = "stop") -> Text:
    first, *others = [Text(text, finish) for text in texts]
    return replace(first, others=tuple(others))


def test_the_texts_that_differ_are_those_asked_about() -> None:
    _, (question,) = asked(choices("it is", "so", "a b"), choices("it is", "not at all", "a b"))
    assert question.texts == ("so", "not at all")
    _, (question,) = asked(Text("", reasoning="so"), Text("", reasoning="not at all"))
    assert question.texts == ("so", "not at all")


@pytest.mark.parametrize(
    ("mine", "other", "kind"),
    [
        (choices("it is so"), choices("that holds true"), ""),
        (choices("it is so", "a"), choices("that holds true", "a"), ""),
        (choices("x", "it is so", "a"), choices("x", "that holds true", "a"), ""),
        (choices("it is so"), choices("that holds true", finish="length"), "finish"),
        (choices("it is so", "yes"), choices("that holds true", "no"), "text"),
        (choices("x", "it is so", "yes"), choices("x", "that holds true", "no"), "text"),
        (choices("it is so", "yes"), choices("that holds true"), "shape"),
    ],
)
def test_a_judge_agrees_to_no_more_than_it_has_seen(mine: Text, other: Text, kind: str) -> None:
    comparer, (question,) = asked(mine, other)
    (result,) = comparer.on_judged(question, 1.0)
    assert (result.pairs, result.disagreed) == (1, int(bool(kind)))
    assert dict(comparer.tallies["r", "v2", "shadow"].kinds) == ({kind: 1} if kind else {})


def test_strings_among_outputs_are_not_asked_about() -> None:
    comparer = Comparer()
    said_by: list[tuple[Role, str]] = [("primary", "it is so and so"), ("shadow", "not at all like that")]
    for role, said in said_by:
        tensor = Tensor("out", 1, 1, "category", [said])
        made = replace(leg(1, role, ""), text=None, outputs=(tensor,))
        results = comparer.update([made], JUDGED, 0.0)
    assert ([(each.pairs, each.disagreed) for each in results], comparer.questions.take()) == ([(1, 1)], [])
