"""Forms of a text: what is alike, what is not, and how long it may become."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.agreement.writing import MAX_GROWTH, both_plain, plain, same_canonically

ACUTE = "e\u0301"


def test_canonical_forms_are_the_same_label_and_compatible_ones_are_not() -> None:
    assert same_canonically(ACUTE, "\xe9")
    assert not same_canonically("\uff11", "1")
    assert not same_canonically("e", "\xe9")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\uff11\uff12", "12"),
        ("\ufb01ne", "fine"),
        ("a\u202fb\xa0c", "a b c"),
        ("co\xadoperate", "cooperate"),
        ("\u200e\u202atext\u202c", "text"),
        ("\u0664\u0662", "42"),
        ("\xabyes\xbb", '"yes"'),
        ("\u22125", "-5"),
    ],
)
def test_what_is_read_alike(written: str, read: str) -> None:
    assert plain(written) == read


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x\xb2", "x2"),
        ("2\xbd", "21\u20442"),
        ("\u0645\u06cc\u200c\u0631\u0648\u062f", "\u0645\u06cc\u0631\u0648\u062f"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\U0001f467"),
    ],
)
def test_what_says_another_thing_is_kept(one: str, two: str) -> None:
    assert plain(one) != plain(two)


def test_vowels_that_one_of_two_leaves_out_are_none() -> None:
    written, bare = "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"
    assert both_plain(written, bare) == (bare, bare)
    assert both_plain(written, written)[0] != bare


@given(st.text(max_size=50))
def test_a_text_hardly_grows(text: str) -> None:
    assert len(plain(text + "\ufdfa" * 20)) <= 3 * MAX_GROWTH * (len(text) + 20)
    assert plain(text) == plain(plain(text)) or "^" in plain(text) or "\u2044" in plain(text)


def test_marks_without_end_are_not_sorted() -> None:
    marks = "\u0301\u0327" * 500
    assert plain("q" + marks).startswith("q" + "\u0327" * 15 + "\u0301" * 15 + "\u0327"), "thirty at a time"
    assert same_canonically("a" + marks, "a" + marks) and not same_canonically("a" + marks, "b" + marks)
    assert plain("\U0001f44d" * 100) == "\U0001f44d" * 100
