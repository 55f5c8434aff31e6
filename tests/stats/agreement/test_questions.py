"""Pairs of texts before a judge: each has one result, with a score or without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.comparers import Judge
from proxy.contracts.observation import Observation, Text
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.stats.agreement.comparer import Comparer, PairResult
from proxy.stats.agreement.questions import MAX_QUESTIONS
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
