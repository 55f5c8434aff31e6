"""Short texts: numbers by value, labels by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.settings import Analysis
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.short_texts import MAX_SHORT_CHARACTERS, compare_short, is_short, number_of

RULES = AnswerRules()


@pytest.mark.parametrize(
    ("mine", "other", "found"),
    [
        ("42", "43", "numbers: 42 and 43"),
        ("42.0", "43", "numbers: 42.0 and 43"),
        ("1 000", "1,000.00", ""),
        ("3.14", "3.15", ""),
        ("3.14", "4", "numbers: 3.14 and 4"),
        ("$5", "\u20ac5", "numbers: $5 and \u20ac5"),
        ("50%", "50", "numbers: 50% and 50"),
        ("**42.**", "42", ""),
        ("007", "7", "labels: '007' and '7'"),
        ("about 1,000 km", "About 1000 km.", ""),
        ("about 1,000 km", "about 1,001 km", "labels: 'about 1,000 km' and 'about 1,001 km'"),
        ("C++", "C", "labels: 'C++' and 'C'"),
        ("?", "!", "labels: '?' and '!'"),
        ("yes", "yes it is so", "labels: 'yes' and 'yes it is so'"),
        ("yes", "", None),
        ("yes", "yes, and all of that is so", None),
    ],
)
def test_short_texts(mine: str, other: str, found: str | None) -> None:
    assert compare_short(mine, other, RULES) == found
    assert bool(compare_short(other, mine, RULES)) == bool(found)


def test_the_tolerance_of_numbers_is_that_of_the_route() -> None:
    assert compare_short("3.14", "3.15", AnswerRules(Analysis(tolerance=0.0001)))


@given(st.integers(-(10**30), 10**30))
def test_a_whole_number_is_itself_alone(number: int) -> None:
    written = number_of(f"{number:,}")
    assert written is not None and written.value == number
    assert compare_short(f"{number:,}", str(number), RULES) == ""
    assert compare_short(str(number), str(number + 1), RULES)


@given(st.text("0123456789,.eE+-$% ", max_size=MAX_SHORT_CHARACTERS))
def test_what_looks_like_a_number_is_one_or_is_none(text: str) -> None:
    found = number_of(text)
    assert found is None or any(map(str.isdigit, text))


def test_a_text_of_many_characters_is_not_short() -> None:
    assert not is_short("x" * (MAX_SHORT_CHARACTERS + 1))
    assert is_short("\u306f\u3044") and not is_short("\u732b\u304c" * 6)
