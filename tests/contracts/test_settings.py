"""Mistakes of a configuration, all at once."""

from __future__ import annotations

import pytest

from proxy.contracts.settings import ConfigError, Problem, RouteSettings, Settings
from proxy.contracts.table import Match, Timeouts


def test_a_problem_says_where_what_and_what_is_allowed() -> None:
    assert str(Problem("routes.r.primary", "'v9'", "a version")) == "routes.r.primary: found 'v9'; allowed: a version"
    assert str(Problem("", "a list", "a mapping")).startswith("(the whole file): found a list")


def test_an_error_has_every_problem_on_a_line_of_its_own() -> None:
    problems = Problem("a", "1", "2"), Problem("b", "3", "4")
    error = ConfigError(problems)
    assert error.problems == problems
    assert str(error).splitlines() == [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("said", "responses", "seconds"),
    [(None, (30.0,), 60.0), (None, (30.0, 600.0), 630.0), (5.0, (600.0,), 5.0), (None, (), 60.0)],
)
def test_answers_wait_for_each_other_as_long_as_one_may_take(
    said: float | None, responses: tuple[float, ...], seconds: float
) -> None:
    routes = [RouteSettings("r", Match("/"), "json", "a", timeouts=Timeouts(response=each)) for each in responses]
    assert Settings((), {}, tuple(routes), pair_wait=said).pairing == seconds
