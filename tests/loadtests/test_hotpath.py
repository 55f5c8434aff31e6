"""Own time is taken from the leaf of each folded stack."""

import pytest

from loadtests.hotpath import heaviest, hottest


def test_own_time_by_function() -> None:
    folded = "main;loop;parse 6\nmain;loop 1\nmain;loop;parse;find 3\n"
    assert hottest(folded, 2) == [(pytest.approx(0.6), "parse"), (pytest.approx(0.3), "find")]


def test_no_samples() -> None:
    assert hottest("", 5) == []


def test_inclusive_time_counts_a_function_once_for_each_stack_whatever_the_line() -> None:
    folded = "main (a.py:1);parse (a.py:5) 6\nmain (a.py:2);walk (b.py:1);walk (b.py:2) 4\n"
    assert heaviest(folded, 3) == [
        (pytest.approx(1.0), "main (a.py"),
        (pytest.approx(0.6), "parse (a.py"),
        (pytest.approx(0.4), "walk (b.py"),
    ]
