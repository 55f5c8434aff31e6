"""Identities are short, on one line, and stay apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.identity import MAX_IDENTITY, bounded, identity_of


@given(st.text(max_size=600))
def test_an_identity_is_bounded_and_on_one_line(text: str) -> None:
    short = bounded(text)
    assert len(short) <= MAX_IDENTITY
    assert short.splitlines() in ([], [short])
    assert bounded(short) == short


def test_long_ones_that_differ_at_their_end_stay_two() -> None:
    assert bounded("a" * 500 + "1") != bounded("a" * 500 + "2")


def test_what_is_no_text_and_no_number_says_nothing() -> None:
    assert identity_of({"a": None, "b": True, "c": [], "d": " ", "e": {}}) == ""
    assert identity_of({"a": "x\n y", "b": 1.5}) == "a=x y, b=1.5"
