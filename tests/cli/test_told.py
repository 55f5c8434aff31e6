"""What happened, at 80 columns."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.told import COLUMNS, columns, explanation, releases, time_of

parts = st.one_of(st.text(max_size=400), st.text("wide 模型\u0301", max_size=400))


@given(parts, parts, parts, st.lists(parts, max_size=3))
def test_lines_are_short_and_hold_no_control_characters(what: str, why: str, whom: str, now: list[str]) -> None:
    told: dict[str, Any] = {
        "route": "r",
        "at": 0.0,
        "facts_scope": "sidecar",
        "release": "r@1",
        "when": "then",
        "summary": what,
    }
    told |= {"what": what, "why": why, "to_whom": whom, "is_it_over": "Yes.", "done": "rollback", "now": now}
    for line in explanation(told).splitlines():
        assert columns(line) <= COLUMNS
        assert line.isprintable()


def test_each_limit_is_told() -> None:
    words = {"says": "error rate: pass.", "on": "9 requests of b", "changes": "It fails once there is more."}
    told: dict[str, Any] = {
        "route": "r",
        "at": 0.0,
        "facts_scope": "sidecar",
        "release": None,
        "now": ["Nothing to do."],
    }
    told |= dict.fromkeys(("summary", "what", "when", "to_whom", "why", "is_it_over", "done"), "said.")
    told["verdicts"] = [{"n": 9, "words": words}, {"n": 0, "words": words}]
    said = explanation(told)
    assert said.count("limits   error rate: pass. On 9 requests of b. It fails once there is more.") == 2


def test_a_word_that_is_too_long_is_broken_and_nothing_is_lost() -> None:
    over = {"id": "r@9", "phase": "promoted", "began": 0.0, "ended": 60.0, "sentence": "x" * 1000}
    said = releases({"route": "r", "releases": [over], "truncated": False})
    assert all(columns(line) <= COLUMNS for line in said.splitlines()) and said.count("x") == 1000


def test_releases_are_told_newest_first_with_their_ends() -> None:
    over = {"id": "r@9", "phase": "rolled_back", "began": 0.0, "ended": 60.0, "sentence": "b in place of a: why"}
    going = over | {"id": "r@12", "phase": "ramping", "ended": None}
    said = releases({"route": "r", "releases": [going, over], "truncated": True})
    assert said.splitlines()[0] == "r@12 ramping 1970-01-01 00:00:00 UTC to under way"
    assert "r@9 rolled back 1970-01-01 00:00:00 UTC to 1970-01-01 00:01:00 UTC" in said
    assert "older" in said
    assert releases({"route": "r", "releases": [], "truncated": False}) == "r has had no release."


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12.5", 12.5), ("1970-01-01T00:00:05Z", 5.0), ("1970-01-01 01:00:05+01:00", 5.0), ("1970-01-01T00:00:05", 5.0)],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert time_of(text) == seconds


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(typer.BadParameter):
        time_of("yesterday")
