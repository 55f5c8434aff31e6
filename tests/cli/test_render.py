"""Tables of the command line: what a person reads, on a terminal and in a log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.cli.render import put, show_problems, show_route, show_routes, table
from proxy.contracts.settings import Problem

ROUTE: dict[str, Any] = {
    "route": "r", "phase": "steady", "primary": "a", "split": {"a": 97.5, "b": 2.5}, "shadows": {"c": 100},
}  # fmt: skip


def test_a_cell_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    put(table(None, ("what",), [("[bold]x[/bold]",), ("[red",)]))
    assert capsys.readouterr().out.splitlines() == ["what", "[bold]x[/bold]", "[red"]


def test_a_pipe_gets_lines_of_any_length(capsys: pytest.CaptureFixture[str]) -> None:
    put(table(None, ("a", "b"), [("x" * 400, "y" * 400)]), stderr=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 2


def test_problems_go_to_stderr_and_as_json_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("workers", "'no'", "auto")
    show_problems("file.yaml", [problem], as_json=False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()[0]) == ("", "file.yaml: 1 problem")
    show_problems("file.yaml", [problem, problem], as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], len(answer["problems"])) == (False, 2)


def test_routes_with_what_is_wrong_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"path": "workers", "found": "'no'", "allowed": "auto"}
    workers = [{"worker": 0, "up": True}, {"worker": 1, "up": False}, {"worker": 2, "up": False}]
    show_routes({"routes": [ROUTE], "configuration": {"problems": [problem]}, "workers": workers})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["route", "phase", "primary", "split", "shadows", "verdict"]
    assert "a 97.5 %, b 2.5 %" in lines[1]
    assert lines[2].endswith("workers: found 'no'; allowed: auto")
    assert lines[3:] == ["workers not up: 1, 2"]


def test_each_warning_is_shown_once_with_its_routes(capsys: pytest.CaptureFixture[str]) -> None:
    other = ROUTE | {"route": "s", "warnings": ["the disk is full"]}
    show_routes({"routes": [ROUTE | {"warnings": ["c gets nothing", "the disk is full"]}, other]})
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:] == ["warning of r: c gets nothing", "warning of r, s: the disk is full"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"active": False}, ""),
        (
            {"strategy": "canary", "candidate": "b", "arms": {}, "stages": [{"requests": 1500}], "require": "proof"},
            "canary of b, stage 1 of 1: 1,200 of 1,500 requests, ends by proof",
        ),
        (
            {"strategy": "ab-test", "arms": {"b": 30, "c": 30}, "stages": [{"requests": 0}], "require": "no_breach"},
            "ab-test of b, c, stage 1 of 1: 1,200 requests, ends without a breach",
        ),
    ],
)
def test_a_release_says_what_its_stage_waits_for(
    capsys: pytest.CaptureFixture[str], given: dict[str, object], shown: str
) -> None:
    show_route(ROUTE | {"release": {"active": True, "stage": 1, "requests": 1200, "left": []} | given})
    rows = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines() if " " in line.strip())
    assert rows.get("release", "").strip() == shown


def test_a_route_shows_its_baseline_who_left_and_who_answers(capsys: pytest.CaptureFixture[str]) -> None:
    baseline = {"version": "a-small", "percent": 0.0, "reason": "baseline a-small is broken"}
    identities = [{"version": "a", "identity": "m@1", "asked": "", "n": 5}]
    release = {"active": True, "left": ["c"], "strategy": "ab-test", "arms": {"b": 30}, "stage": 1, "requests": 9}
    release |= {"stages": [{"requests": 0}], "require": "no_breach"}
    show_route(ROUTE | {"baseline": baseline, "release": release, "identities": identities})
    shown = capsys.readouterr().out
    for each in ("a-small 0 % (baseline a-small is broken)", "left the test  c", "a: m@1"):
        assert each in shown
    show_route(ROUTE | {"release": release | {"active": False}})
    assert "left the test" not in capsys.readouterr().out, "a test that is over has no arms"


def test_a_route_shows_the_facts_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    show_route(ROUTE | {"reason": "", "warnings": ["c gets nothing", "b neither"]})
    rows = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines() if " " in line.strip())
    assert (rows["shadows"], rows["primary"]) == ("c 100 %", "a")
    assert "reason" not in rows and "verdict" not in rows
    assert rows["warning"] == "2  b neither"


def test_what_a_route_of_protocol_auto_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    auto = ROUTE | {"protocol": "auto", "speaks": "openai"}
    show_route(auto)
    assert "speaks   openai, by its first requests" in capsys.readouterr().out.splitlines()
    routes = [auto, auto | {"route": "s", "speaks": "auto"}, ROUTE | {"protocol": "oip", "speaks": "oip"}]
    show_routes({"routes": routes})
    told = capsys.readouterr().out.splitlines()[4:]
    assert told == ["r speaks openai, by its first requests", "s speaks nothing that is known yet"]


FLEET: dict[str, Any] = {
    "fleet": "fraud", "instance": "a", "judge": "b", "lost": False, "apart": False, "term": 4, "revision": 9,
    "heard_seconds_ago": 0.4, "fault": None,
    "members": [
        {"instance": "a", "report_seconds_ago": 0.2, "behind": 1, "late": False, "differs": [], "version": "1"},
        {"instance": "b", "report_seconds_ago": 0.0, "behind": 7, "late": True, "differs": ["r"], "version": "1"},
        {"instance": "c", "report_seconds_ago": 3.5, "behind": None, "late": True, "differs": [], "version": "2"},
    ],
}  # fmt: skip


def test_a_fleet_stands_below_the_routes(capsys: pytest.CaptureFixture[str]) -> None:
    show_routes({"routes": [ROUTE], "fleet": FLEET})
    lines = capsys.readouterr().out.splitlines()[3:]
    assert lines[0] == "fleet fraud, here a: 3 members, judge b, term 4, table 9; the store answered 400 ms ago"
    assert lines[2].split() == ["a", "200", "ms", "the", "newest", "table", "1"]
    assert lines[3].split() == ["b", "judge", "0", "s", "7", "looks", "behind", "r", "1"]
    assert lines[4].split() == ["c", "3.5", "s", "another", "term", "2"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lost": True, "apart": True}, "apart from it, all traffic to the primaries; the store answered 400 ms ago"),
        ({"lost": True}, "apart from it, the split is held; the store answered 400 ms ago"),
        ({"judge": None, "heard_seconds_ago": None}, "no judge; the store never answered"),
    ],
)
def test_what_is_wrong_with_a_fleet_is_said_first(
    capsys: pytest.CaptureFixture[str], given: dict[str, Any], said: str
) -> None:
    show_routes({"routes": [ROUTE], "fleet": FLEET | given | {"fault": "wrong password"}})
    lines = capsys.readouterr().out.splitlines()[3:]
    assert lines[:2] == [f"fleet fraud, here a: {said}", "the fleet's store cannot be used: wrong password"]
