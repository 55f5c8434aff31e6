"""All routes as lines."""

from __future__ import annotations

from typing import Any

from proxy.cli.top import all_routes
from proxy.cli.top.tables import text_of
from tests.support.top_pictures import line, past, picture, route, routes, scorecard

NOTICE = {"kind": "no-memory", "severity": "critical", "text": "9 requests were refused"}


def shown(width: int = 80, chosen: str = "", **more: Any) -> list[str]:
    known = picture(**more)
    return [text_of(row) for row in all_routes.rows(known, all_routes.ordered(known), chosen, width)]


def test_a_route_says_who_gets_what_and_how_it_goes() -> None:
    assert shown() == [
        "  route        phase       live %           req/s failed, 1 min     p99 breach",
        "  fraud        ramping     10 v2              100   30 of 6,000  34.5ms   0.50",
    ]


def test_nothing_is_wider_than_the_terminal() -> None:
    for width in (20, 40, 80, 200):
        assert all(len(text) <= width for text in shown(width))


def test_what_needs_somebody_comes_first_and_has_a_mark() -> None:
    known = picture(
        routes=routes(
            route("a", phase="steady", candidates=[]),
            route("b", phase="ramping"),
            route("c", phase="steady", notices=[NOTICE]),
            route("d", phase="rolled_back"),
            route("e", phase="steady"),
        ),
        past=past("e", {"name": "drift", "values": [0.4] * 5, "feature": "x", "side": "input", "drifted": True}),
    )
    assert all_routes.ordered(known) == ["d", "c", "e", "b", "a"]
    marks = [text_of(row)[:3] for row in all_routes.rows(known, all_routes.ordered(known), "d", 80)]
    assert marks == ["  r", "> d", "! c", "! e", "  b", "  a"]


def test_a_route_without_traffic_and_one_of_which_none_is_known_differ() -> None:
    assert shown(traffic={})[1].split()[-1] == "0.50"
    assert "of" not in shown(traffic={})[1]


def test_below_stand_why_the_worst_warnings_and_the_last_changes() -> None:
    minor = {"kind": "line-unfed", "severity": "warning", "text": "no labels"}
    known = picture(routes=routes(route("fraud", notices=[minor, minor, NOTICE])))
    assert [text_of(row) for row in all_routes.below(known, "fraud", 80)] == [
        "",
        "fraud: about 400 more inferences of the candidate",
        "  no-memory (critical): 9 requests were refused",
        "  line-unfed (warning): no labels",
        "  and 1 more",
        "",
        "last changes (UTC)",
        "13:45:40 split of fraud by ann: ten percent",
    ]


def test_of_a_rollback_the_reason_is_said() -> None:
    back = picture(routes=routes(route("fraud", phase="rolled_back", reason="error_rate 0.5 > limit 0.1")), changes=[])
    text = [text_of(row) for row in all_routes.below(back, "fraud", 80)]
    assert "fraud: error_rate 0.5 > limit 0.1" in text
    assert text[-1] == "  none is known of"


def test_a_breach_is_said_by_a_number_and_by_a_colour() -> None:
    known = picture(scorecards={"fraud": scorecard(line("error_rate", 9.0))})
    row = all_routes.rows(known, ["fraud"], "", 80)[1]
    assert row[-1] == ("  1.30 ", "bad")
