"""The report as JUnit XML: what a reader of it counts."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.cli.report.junit import junit
from proxy.contracts.replay import ReplayReport, settled
from tests.support.replays import failed


def suite(report: ReplayReport) -> ElementTree.Element:
    found = ElementTree.fromstring(junit(report)).find("testsuite")
    assert found is not None
    return found


def test_lines_are_tests() -> None:
    found = suite(failed())
    cases = {case.get("name"): [child.tag for child in case] for case in found.iter("testcase")}
    assert cases == {
        "verdict": ["failure"],
        "error_rate max_ratio": [],
        "disagreement max": ["failure"],
        "quality max_drop": ["skipped"],
        "latency_p99 max_ratio": [],
    }
    counts = {name: found.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "2", "errors": "0", "skipped": "1"}


@pytest.mark.parametrize(("verdict", "counts"), [("pass", (0, 0)), ("fail", (1, 0)), ("undecided", (0, 1))])
def test_what_was_not_decided_is_not_green(verdict: Any, counts: tuple[int, int]) -> None:
    found = suite(replace(failed(), verdict=verdict, lines=(), run=None))
    assert (int(found.get("failures", "")), int(found.get("errors", ""))) == counts


def test_a_line_without_data_is_skipped() -> None:
    moot = tuple(replace(line, moot=True) for line in failed().lines)
    found = suite(replace(failed(), lines=moot, verdict="pass", run=None))
    assert (found.get("failures"), found.get("skipped")) == ("0", "3")


def test_times_are_the_only_difference_between_runs() -> None:
    first, second = suite(failed()), suite(replace(failed(), run=replace(failed().run, began=9.0, seconds=9.0)))
    assert {key for key in first.attrib if first.get(key) != second.get(key)} == {"time", "timestamp"}
    assert junit(settled(failed())) == junit(replace(failed(), run=None))


@given(text=st.text(max_size=20))
def test_any_text_can_be_written(text: str) -> None:
    found = suite(replace(failed(), sentence=text, candidate=text, notes=(text,)))
    assert found.get("tests") == "5"
