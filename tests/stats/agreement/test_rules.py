"""What is configured of an output, and what fits it by itself."""

from __future__ import annotations

import pytest

from proxy.contracts.comparers import OutputRule
from proxy.contracts.observation import Tensor
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.rules import NO_RULE, AnswerRules, is_named_box, natural


def test_the_first_glob_that_fits_holds() -> None:
    rules = AnswerRules(Analysis(outputs={"score*": OutputRule("numbers"), "*": OutputRule("labels")}))
    assert [rules.of(name).comparer for name in ("score_a", "score_a", "other")] == ["numbers", "numbers", "labels"]
    assert AnswerRules().of("y") is NO_RULE


@pytest.mark.parametrize(
    ("tensor", "comparer"),
    [
        (Tensor("p", 1, 2, "number", [], vector=True), "vectors"),
        (Tensor("text_embeddings", 1, 2, "number", []), "vectors"),
        (Tensor("logits", 1, 2, "number", []), "scores"),
        (Tensor("score", 1, 1, "number", []), ""),
        (Tensor("s", 3, 1, "number", [], ranks=True), "ranking"),
        (Tensor("logits", 1, 2, "category", []), ""),
    ],
)
def test_an_output_says_what_it_is(tensor: Tensor, comparer: str) -> None:
    assert natural(tensor) == comparer
    assert AnswerRules(Analysis(outputs={"*": OutputRule("labels")})).comparer(tensor) == "labels"


def test_an_output_is_usual_unless_something_is_said_of_it() -> None:
    assert AnswerRules().is_usual("y", ())
    assert not AnswerRules(Analysis(ignore=("a",))).is_usual("", ("a", "b"))
    assert AnswerRules(Analysis(ignore=("/request/a",))).is_usual("", ("a", "b"))
    rules = AnswerRules(Analysis(outputs={"a": OutputRule(tolerance=0.1)}))
    assert (rules.is_usual("", ("a", "b")), rules.is_usual("b", ())) == (False, True)


def test_boxes_are_known_by_name() -> None:
    assert [is_named_box(name) for name in ("boxes", "pred.bbox", "box.xmin", "x", "xmax")] == [True] * 4 + [False]
