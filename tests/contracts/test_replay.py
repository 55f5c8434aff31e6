"""The report of a replay as a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from json import dumps, loads
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.replay import SCHEMA, Run, UnreadableReportError, decode, digest_of, encode, settled
from tests.support import replays


def test_a_report_comes_back_as_it_was() -> None:
    report = replays.failed()
    assert decode(encode(report)) == report


def test_all_lines_are_those_of_the_answers_and_those_of_times() -> None:
    assert [line.metric for line in replays.failed().verdicts] == [
        "error_rate", "disagreement", "quality", "latency_p99",
    ]  # fmt: skip


def test_without_its_run_a_report_is_the_same_at_any_time() -> None:
    report = replays.failed()
    assert report.run is not None
    later = replace(report, run=replace(report.run, began=report.run.began + 60.0, cpu=9.0))
    assert encode(later) != encode(report)
    assert encode(settled(later)) == encode(settled(report))
    assert settled(report).verdicts == report.lines


def test_an_infinite_ratio_is_null() -> None:
    report = replays.failed()
    document = encode(replace(report, lines=(replace(report.lines[0], value=inf),)))
    assert loads(document)["lines"][0]["value"] is None
    assert decode(document).lines[0].value is None


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"\xff", b'{"schema": "1"}'])
def test_what_is_no_report_is_refused(document: bytes) -> None:
    with pytest.raises(UnreadableReportError):
        decode(document)


def test_a_report_of_a_later_form_is_refused() -> None:
    with pytest.raises(UnreadableReportError, match=f"schema {SCHEMA + 1}"):
        decode(encode(replace(replays.failed(), schema=SCHEMA + 1)))


def test_fields_of_later_programs_are_passed_over() -> None:
    tree = loads(encode(replays.failed())) | {"later": 1}
    tree["run"]["digest"] = digest_of(tree)
    assert decode(dumps(tree).encode()) == replays.failed()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a document at which something is."""
    yield path
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in below:
        yield from places(each, (*path, key))


PLACES = [place for place in places(loads(encode(replays.failed()))) if place]


@given(st.sampled_from(PLACES), st.sampled_from(["pass", "", 0, 1, 0.5, None, True]))
def test_no_edit_stays_unseen(place: tuple[Any, ...], value: object) -> None:
    tree: Any = loads(encode(replays.failed()))
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    before = inner[place[-1]]
    inner[place[-1]] = value
    if type(before) is type(value) and before == value:
        assert decode(dumps(tree).encode()) == replays.failed()
        return
    with suppress(UnreadableReportError):
        assert decode(dumps(tree).encode()).run is None  # without its run nothing vouches for a report


def test_a_member_stands_once() -> None:
    document = encode(replays.failed()).replace(b'"verdict"', b'"verdict": "fail", "verdict"', 1)
    with pytest.raises(UnreadableReportError, match="twice"):
        decode(document)


def test_every_field_of_the_golden_example_says_something() -> None:
    report = replays.failed()
    assert isinstance(report.run, Run)
    empty = [n for n in report.__struct_fields__ if getattr(report, n) in ((), "", {})]
    assert not empty
