"""Mistakes of a configuration, all at once."""

from __future__ import annotations

from proxy.contracts.settings import ConfigError, Problem


def test_a_problem_says_where_what_and_what_is_allowed() -> None:
    assert str(Problem("routes.r.primary", "'v9'", "a version")) == "routes.r.primary: found 'v9'; allowed: a version"
    assert str(Problem("", "a list", "a mapping")).startswith("(the whole file): found a list")


def test_an_error_has_every_problem_on_a_line_of_its_own() -> None:
    problems = Problem("a", "1", "2"), Problem("b", "3", "4")
    error = ConfigError(problems)
    assert error.problems == problems
    assert str(error).splitlines() == [str(problem) for problem in problems]
