"""What range and step a query asks for, and what an answer says of itself."""

from __future__ import annotations

import asyncio
import json

import pytest

from proxy.control.api.history_view import OVERVIEW, OVERVIEW_POINTS, asked, etag, history, overview
from proxy.control.api.problems import ApiError
from proxy.control.history.series import FAMILIES
from proxy.control.history.tiers import MAX_POINTS
from proxy.release import transitions
from tests.control.history.pasts import BEGAN, Recorded, legs

START = int(BEGAN)


@pytest.mark.parametrize(
    ("query", "start", "end", "step"),
    [
        ({}, 1_196_400, 1_200_010, 10),
        ({"from": "1199990"}, 1_199_990, 1_200_001, 1),
        ({"from": "1199990.5", "to": "1199995.25"}, 1_199_990, 1_199_996, 1),
        ({"from": "1199990", "step": "2.5"}, 1_199_990, 1_200_005, 5),
        ({"from": "1196300", "to": "1196360"}, 1_196_280, 1_196_400, 60),
        ({"from": "1200000", "to": "1200600"}, 1_200_000, 1_200_001, 1),
        ({"from": "0", "to": "86400"}, 0, 86_400, 300),
        ({"from": "1200100", "to": "1200160"}, 1_200_100, 1_200_101, 1),
    ],
)
def test_a_range_is_on_the_bounds_of_steps_and_ends_now(query: dict[str, str], start: int, end: int, step: int) -> None:
    past = Recorded()
    past.tick(after=0.0)
    what = asked(query, past.past, MAX_POINTS, FAMILIES, BEGAN + 0.5)
    assert (what.start, what.end, what.step) == (start, end, step)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(({"from": text}, "from") for text in ("x", "-1", "nan", "inf", "1_0", "", "9e99", "9" * 41)),
        *(({"to": text}, "to") for text in ("x", "-1e-9", "1e12")),
        *(({"step": text}, "step") for text in ("x", "86401")),
        ({"from": "10", "to": "10"}, "from"),
        ({"series": "requests,bogus"}, "series"),
        ({"series": ""}, "series"),
    ],
)
def test_what_cannot_be_is_refused_by_name(query: dict[str, str], field: str) -> None:
    past = Recorded()
    with pytest.raises(ApiError) as refused:
        asked(query, past.past, MAX_POINTS, FAMILIES, BEGAN)
    assert refused.value.field == field


def test_an_answer_has_its_axis_its_series_and_its_changes() -> None:
    past = Recorded()
    past.tick(legs(5, 1), after=0.5)
    past.engine.command(
        "cancer", "split", lambda s: transitions.split(s, {"v2": 20.0}, "x", past.now), "ann", "x", past.now
    )
    past.tick(legs(4), after=1.0)
    what = asked({"from": str(START), "series": "requests,share"}, past.past, MAX_POINTS, FAMILIES, past.now)
    shown = json.loads(asyncio.run(history(past.engine, past.past, what, "cancer")))
    assert (shown["from"], shown["to"], shown["until"]) == (START, START + 2, START + 1)
    assert shown["times"] == {"start": START, "step": 1, "n": 2}
    assert {each["name"]: each["values"] for each in shown["series"]} == {"share": [20.0, None], "requests": [5, None]}
    assert [mark["action"] for mark in shown["changes"]] == ["start", "split"]


def test_all_routes_have_few_series() -> None:
    past = Recorded()
    past.tick(legs(5, 1), after=0.5)
    past.tick(after=1.0)
    what = asked({}, past.past, OVERVIEW_POINTS, OVERVIEW, past.now)
    shown = json.loads(asyncio.run(overview(past.engine, past.past, what)))
    (route,) = shown["routes"]
    assert what.step == 60 and what.n <= OVERVIEW_POINTS + 1
    assert [each["name"] for each in route["series"]] == ["requests", "outcome.failed", "latency.p99"]
    assert [mark["route"] for mark in shown["changes"]] == ["cancer"]


def test_a_tag_changes_with_time_with_changes_and_with_what_is_asked() -> None:
    past = Recorded()
    past.tick(after=0.5)

    def tag(subject: str = "cancer", **query: str) -> str:
        what = asked({"from": str(START - 60), **query}, past.past, MAX_POINTS, FAMILIES, past.now)
        return etag(past.engine, past.past, what, subject)

    first = tag()
    assert first == tag() and len({first, tag("other"), tag(step="60"), tag(series="share")}) == 4
    past.tick(after=1.0)
    second = tag()
    past.engine.command(
        "cancer", "split", lambda s: transitions.split(s, {"v2": 20.0}, "x", past.now), "ann", "x", past.now
    )
    assert len({first, second, tag()}) == 3
