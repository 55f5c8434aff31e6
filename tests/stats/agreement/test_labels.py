"""Strings in tensors: labels, rated classes, texts."""

from __future__ import annotations

import pytest

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.labels import compare_labels, is_text
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.row_sample import MAX_TEXTS


def strings(*values: str | None, width: int = 1) -> Tensor:
    return Tensor("out", len(values) // width, width, "category", list(values))


@pytest.mark.parametrize(
    ("mine", "other", "disagree", "kind"),
    [
        (strings("cat"), strings("cat"), False, "label"),
        (strings("cat"), strings("dog"), True, "label"),
        (strings("cat", None), strings("cat", "dog"), True, "label"),
        (strings("0.998123:281:tabby"), strings("0.998124:281:tabby"), False, "argmax"),
        (strings("0.9:281:tabby"), strings("0.9:282:tiger"), True, "argmax"),
        (strings("0.50001:1", "0.49999:2", width=2), strings("0.50001:2", "0.49999:1", width=2), False, "argmax"),
        (strings("0.9:1", "0.1:2", width=2), strings("0.8:1", "0.2:3", width=2), False, "argmax"),
        (strings("the quick brown fox jumps over"), strings("the quick brown fox, jumps over"), False, "text"),
        (strings("the quick brown fox jumps over"), strings("nothing of this is the same"), True, "text"),
        (strings('{"a": 0.1}'), strings('{"a":0.1}'), False, "text"),
        (strings('{"a": 1}'), strings('{"a":2}'), True, "text"),
    ],
)
def test_strings_are_compared_as_what_they_are(mine: Tensor, other: Tensor, disagree: bool, kind: str) -> None:
    for a, b in ((mine, other), (other, mine)):
        found = compare_labels(a, b, AnswerRules())
        assert (found.disagree, found.kind) == (disagree, kind)
        assert bool(found.comparer) == disagree


def test_the_row_that_differs_is_told_and_short_texts_are_texts_where_that_is_said() -> None:
    found = compare_labels(strings("a", "b", "c"), strings("a", "b", "x"), AnswerRules())
    assert (found.row, found.comparer) == (2, "labels: 'c' and 'x'")
    assert compare_labels(strings("a  b"), strings("a b"), AnswerRules()).disagree
    assert not compare_labels(strings("a  b"), strings("a b"), AnswerRules(), as_text=True).disagree


def test_a_label_of_some_words_is_a_text() -> None:
    assert [is_text(value) for value in ("cat", "golden retriever", "he is a dog", "[1]", "猫がいる")] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_another_label_is_found_among_more_texts_than_are_compared() -> None:
    texts = [f"the quick brown fox number {at} jumps over the lazy dog" for at in range(2 * MAX_TEXTS)]
    others = [f"{text}." for text in texts]
    rules = AnswerRules()
    alike = compare_labels(strings(*texts, "cat"), strings(*others, "cat"), rules)
    assert (alike.disagree, rules.left_out) == (False, MAX_TEXTS)
    for label in ("dog", None):
        found = compare_labels(strings(*texts, "cat"), strings(*others, label), rules)
        assert (found.disagree, found.kind, found.row) == (True, "label", len(texts))
