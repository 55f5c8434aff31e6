"""What is shown, and what keys change of it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.top.documents import Seen
from proxy.cli.top.keys import Key
from proxy.cli.top.screen import Screen
from proxy.cli.top.tables import text_of
from tests.support.top_pictures import NOW, picture, route, routes

HEAD = "penumbra top here  13:46:40 UTC  table 7  2 of 2 workers"


def many(count: int = 30, **more: Any) -> Seen:
    return picture(routes=routes(*(route(f"r{n:02}") for n in range(count)), **more))


def shown(screen: Screen, width: int = 80, height: int = 24, now: float = NOW) -> list[str]:
    lines = [text_of(row) for row in screen.lines(width, height, now)]
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    return lines


def screen_of(known: Seen, only: str = "") -> Screen:
    screen = Screen("here", only)
    screen.took(known)
    return screen


def chosen(screen: Screen) -> str:
    """The route that has the mark."""
    return next(line[2:5] for line in shown(screen) if line.startswith("> "))


def test_the_head_says_what_is_looked_at_and_the_foot_what_can_be_pressed() -> None:
    lines = shown(screen_of(many()))
    assert lines[0] == HEAD
    assert lines[-1].startswith("q quit") and lines[-1].endswith(" of 30")
    listed = [line for line in lines if line[2:3] == "r" and line[2:7] != "route"]
    assert f"routes 1-{len(listed)} of 30" in lines[-1]
    assert "routes" not in shown(screen_of(many(3)))[-1].partition("|")[2]
    low = shown(screen_of(picture(), "fraud"), height=8)
    assert "lines 1-" in low[-1]
    assert len(lines) == 24


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (["down", "down", "up"], "r01"),
        (["up"], "r00"),
        (["last"], "r29"),
        (["last", "first"], "r00"),
        (["page down", "page down", "page down", "page down"], "r29"),
        (["last", "page up", "page up", "page up"], "r00"),
        (["look"], "r00"),
    ],
)
def test_keys_choose_a_route_which_is_always_seen(keys: list[Key], name: str) -> None:
    screen = screen_of(many())
    for key in keys:
        shown(screen)
        screen.press(key)
    assert chosen(screen) == name


def test_a_route_is_chosen_by_its_name_though_another_comes_before_it() -> None:
    screen = screen_of(many(3))
    screen.press("down")
    screen.took(picture(routes=routes(route("r00"), route("r01"), route("r02", phase="rolled_back"))))
    assert chosen(screen) == "r01"
    screen.took(picture(routes=routes(route("r00"))))
    assert chosen(screen) == "r00", "one that is gone is not chosen any more"


def test_a_route_opens_scrolls_and_closes() -> None:
    screen = screen_of(many(2))
    screen.press("down")
    screen.press("open")
    assert shown(screen)[1].startswith("r01: ramping")
    assert screen.wanted(20) == ["r01"]
    screen.press("last")
    assert shown(screen, height=8)[1] != "r01: ramping since 13:45:40"
    screen.press("first")
    assert shown(screen, height=8)[1].startswith("r01: ramping")
    screen.press("back")
    assert chosen(screen) == "r01"


def test_only_what_is_shown_is_asked_for() -> None:
    screen = screen_of(many())
    assert screen.wanted(5) == [f"r{n:02}" for n in range(5)]
    screen.press("last")
    assert screen.wanted(5) == [f"r{n:02}" for n in range(25, 30)]


def test_an_api_that_is_away_is_said_to_be_so_since_then_and_its_figures_stay() -> None:
    screen = screen_of(many())
    screen.missed("Connection refused", NOW + 2.0)
    screen.missed("Connection refused", NOW + 4.0)
    lines = shown(screen, width=110, now=NOW + 5.0)
    assert lines[1] == (
        "no figures of the admin API since 13:46:42 UTC (3 s ago): Connection refused; these are of 13:46:40"
    )
    assert any("r00" in line for line in lines)
    screen.took(many())
    assert not screen.away
    assert "no figures" not in "\n".join(shown(screen))


def test_before_there_is_a_picture_there_is_nothing_but_why() -> None:
    screen = Screen("here")
    assert shown(screen)[0] == "penumbra top here"
    screen.missed("Connection refused", NOW)
    screen.press("down")
    assert "no figures" in shown(screen)[1]
    assert screen.wanted(20) == []


def test_what_is_wrong_with_the_sidecar_itself_is_below_its_name() -> None:
    wrong = {"workers": [{"worker": 0, "up": True}, {"worker": 1, "up": False}], "unsaved": 2, "fleet": "prod"}
    wrong |= {"configuration": {"problems": [{"path": "routes.r"}]}}
    lines = shown(screen_of(many(1, **wrong)), width=100)
    assert lines[0].endswith("1 of 2 workers  fleet prod")
    assert lines[1] == ("workers not up: 1; 2 changes are not stored; the configuration file is not in force: routes.r")


def test_without_a_terminal_all_of_it_is_there() -> None:
    text = [text_of(row) for row in screen_of(many(50)).whole(80, NOW)]
    assert sum(line[2:3] == "r" and line[3:5].isdigit() for line in text) == 50
    assert text[-1].startswith("13:45:40 split")


@pytest.mark.parametrize("size", [(1, 1), (10, 2), (20, 5), (80, 3), (300, 100)])
@pytest.mark.parametrize("only", ["", "r00"])
def test_any_size_of_a_terminal_will_do(size: tuple[int, int], only: str) -> None:
    shown(screen_of(many(), only), *size)


def test_no_route_and_a_route_that_is_not_there() -> None:
    assert "no route yet" in "\n".join(shown(screen_of(picture(routes=routes()))))
    assert "there is no route gone" in "\n".join(shown(screen_of(many(), "gone")))
    empty = screen_of(picture(routes=routes()))
    empty.press("down")
    assert empty.chosen == ""


def test_in_a_fleet_it_is_said_whose_figures_they_are() -> None:
    text = shown(screen_of(many(1, scope="fleet", fleet="prod")))
    assert text[1] == "traffic, rates and latencies of this sidecar; verdicts and evidence of its fleet"
    assert not any(line.startswith("traffic, rates") for line in shown(screen_of(many(1))))
