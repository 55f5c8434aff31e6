"""What captured records cannot tell about a configuration."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.config.load import parse
from proxy.contracts.record import Record
from proxy.control.capture.format import Captured, captured
from proxy.control.capture.gaps import CaptureGaps, lacks_bodies
from proxy.control.capture.replay import replay
from tests.control.capture.test_replay import traffic
from tests.support.records import record

SETTINGS = parse(
    """
listen: 127.0.0.1:0
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:2"}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1, canary: {version: v2, percent: 10}}}
""",
    {},
)


def leg(**facts: Any) -> Captured:
    usual: dict[str, Any] = {"path": "/v1", "request": b"{}", "response": b"[1]", "route": "cancer", "version": "v2"}
    return captured(record(**usual | facts), (0, "a"), True)


def told(*legs: Captured) -> tuple[str, ...]:
    gaps = CaptureGaps(SETTINGS)
    for each in legs:
        gaps.take(each)
    rehearsal = replay(SETTINGS, traffic(1, 10, 0.0))
    rehearsal.close()
    return gaps.told([], rehearsal.verdicts())


def test_nothing_is_missing_where_all_is_there() -> None:
    assert told(leg()) == ()


@pytest.mark.parametrize(
    ("legs", "sentence"),
    [
        ([leg(), leg(response=None)], "1 of 2 records of cancer have no bodies, which invalid_rate cannot do without"),
        ([leg(request=None)], "1 of 1 records of cancer have no bodies, which invalid_rate cannot do without"),
        ([replace(leg(response=None), withheld={"response": "grpc"})], "(1 were withheld by redaction)"),
        ([leg(), leg(route="gone")], "1 records are of routes that the configuration has not: gone"),
        ([leg(version="v1")], "no record is of v2, which cancer would judge"),
        ([], "no record is of v2"),
    ],
)
def test_what_is_missing_is_named(legs: list[Captured], sentence: str) -> None:
    (said,) = told(*legs)
    assert sentence in said


def test_a_configuration_that_judges_nobody_is_no_answer() -> None:
    gaps = CaptureGaps(SETTINGS)
    (said,) = gaps.told([], {"cancer": ()})
    assert said.endswith("gives a candidate live traffic")
    assert gaps.told([], {}, acted=True) == (), "who was rolled back is judged no more at the end"


def test_what_never_had_a_body_lacks_none() -> None:
    for facts in ({"failure": "reset"}, {"status": 404}, {"path": "", "request": None}):
        assert not lacks_bodies(leg(**{"response": None} | facts)) or facts.get("path") == ""
    assert not lacks_bodies(leg(path="", request=None))
    assert isinstance(leg(), Record)


def test_what_was_left_out_on_purpose_is_noted() -> None:
    gaps = CaptureGaps(SETTINGS)
    gaps.take(replace(leg(), extra=True))
    gaps.take(replace(leg(), redacted=("/request/age",)))
    assert gaps.noted() == (
        "1 records were captured for being rare and are no evidence",
        "redacted before they were captured: /request/age",
    )
