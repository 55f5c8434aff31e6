"""Texts of strangers are short, the same texts stay the same, and others stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.bounds import CUT, MAX_NAME, MAX_TEXT, MAX_VALUE, clipped, legible, shortened, writable

ANYTHING = st.text(st.characters(codec=None), max_size=600)
"""Lone surrogates among them: a body of JSON may have them."""
lengths = st.integers(20, 300)


@given(ANYTHING, lengths)
def test_a_text_is_as_long_as_allowed_at_most_and_stays_as_it_is(text: str, most: int) -> None:
    for short in (shortened(text, most), clipped(text, most)):
        assert len(short) <= most
        assert (short == text) == (len(text) <= most)
        assert CUT in short or short == text
    assert shortened(shortened(text, most), most) == shortened(text, most)
    assert clipped(clipped(text, most), most) == clipped(text, most)


@given(ANYTHING, ANYTHING, lengths)
def test_two_that_differ_stay_two_and_two_that_are_equal_one(mine: str, other: str, most: int) -> None:
    alike = shortened("a" * most + mine, most) == shortened("a" * most + other, most)
    assert alike == (mine == other)


@pytest.mark.parametrize("most", [MAX_NAME, MAX_VALUE, MAX_TEXT])
def test_a_bound_has_room_for_a_beginning_and_a_hash(most: int) -> None:
    assert shortened("b" * (most + 1), most).startswith("b" * 100 + "b")


@given(ANYTHING)
def test_what_is_writable_can_be_written(text: str) -> None:
    assert len(writable(text).encode()) >= len(text)
    assert writable(writable(text)) == writable(text)
    assert len(writable(text)) == len(text)


@given(ANYTHING)
def test_what_is_looked_at_steers_no_terminal_and_can_be_written(text: str) -> None:
    seen = legible(text)
    assert len(seen) == len(text) and legible(seen) == seen and len(seen.encode()) >= len(text)
    assert not [each for each in seen if each not in "\t\n" and (each < " " or "\x7f" <= each <= "\x9f")]


def test_joiners_of_letters_and_emoji_stay() -> None:
    assert legible("می\u200cخواهم \U0001f469\u200d\U0001f4bb") == "می\u200cخواهم \U0001f469\u200d\U0001f4bb"
