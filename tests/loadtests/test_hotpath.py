"""Own time is taken from the leaf of each folded stack."""

import pytest

from loadtests.hotpath import hottest


def test_own_time_by_function() -> None:
    folded = "main;loop;parse 6\nmain;loop 1\nmain;loop;parse;find 3\n"
    assert hottest(folded, 2) == [(pytest.approx(0.6), "parse"), (pytest.approx(0.3), "find")]


def test_no_samples() -> None:
    assert hottest("", 5) == []
