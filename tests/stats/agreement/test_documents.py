"""JSON documents that say the same."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.comparers import OutputRule
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.documents import MAX_DEPTH, NO_DOCUMENT, DocumentComparison, document_of
from proxy.stats.agreement.rules import AnswerRules
from tests.support.shuffled import shuffled

DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-10, 10), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("abc", max_size=2), inner, max_size=4)
    ),
    max_leaves=20,
)


def differs(a: Any, b: Any, **analysis: Any) -> str | None:
    return DocumentComparison(AnswerRules(Analysis(**analysis))).differs(a, b)


@given(DOCUMENTS, DOCUMENTS, st.randoms(use_true_random=False))
def test_any_document_equals_itself_in_any_order_of_keys(a: Any, b: Any, rng: random.Random) -> None:
    assert differs(a, shuffled(a, rng)) is None
    assert DocumentComparison(None).differs(a, shuffled(a, rng)) is None
    assert differs(a, b) == differs(b, a)


@given(st.dictionaries(st.text("abc", max_size=2), DOCUMENTS))
def test_what_is_printed_otherwise_is_the_same(document: dict[str, Any]) -> None:
    printed = json.dumps(document, indent=3, ensure_ascii=False, sort_keys=True)
    assert differs(document_of(json.dumps(document)), document_of(printed)) is None


@pytest.mark.parametrize(
    ("a", "b", "path"),
    [
        ({"a": 1.0}, {"a": 1.01}, None),
        ({"a": 1.0}, {"a": 1.2}, "a"),
        ({"a": 0.0}, {"a": 1e-12}, None),
        ({"a": 41}, {"a": 42}, "a"),
        ({"a": True}, {"a": 1}, "a"),
        ({"a": None}, {}, "a"),
        ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "y"}]}}, "a.b[1].c"),
        ([1], [1, 2], ""),
        ([], {}, ""),
    ],
)
def test_the_first_difference_is_named(a: Any, b: Any, path: str | None) -> None:
    assert differs(a, b) == path


def test_what_is_ignored_does_not_differ() -> None:
    a, b = {"id": "a1", "meta": {"at": 1}, "items": [{"id": 1, "n": 2}]}, {"id": "b2", "items": [{"id": 5, "n": 2}]}
    assert differs(a, b, ignore=("/response/id", "meta", "items[*].id")) is None
    assert differs(a, b, ignore=("/request/*",)) == "id"


def test_a_list_without_order_is_a_set() -> None:
    a, b = {"tags": [{"n": "x"}, {"n": "y"}]}, {"tags": [{"n": "y"}, {"n": "x"}]}
    assert differs(a, b) == "tags[0].n"
    assert differs(a, b, outputs={"tags": OutputRule(unordered=True)}) is None
    assert differs(a, {"tags": [{"n": "y"}] * 2}, outputs={"tags": OutputRule(unordered=True)}) == "tags[0]"


def test_depth_is_bounded_and_what_is_no_document_is_none() -> None:
    deep: Any = 1
    for _ in range(2 * MAX_DEPTH):
        deep = [deep]
    assert differs(deep, deep) is None
    for text in ("", "1", '"x"', "{", "[1,", "[" * 100_000):
        assert document_of(text) is NO_DOCUMENT
