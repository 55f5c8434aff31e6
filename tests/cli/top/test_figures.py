"""Rates and evidence, each by hand."""

from __future__ import annotations

from math import log

import pytest

from proxy.cli.top import all_routes, figures, one_route
from proxy.cli.top.documents import LineDoc, PastDoc, Seen, read
from proxy.stats.counts.latency_window import RECENT_SECONDS
from tests.support.top_pictures import NOW, arm, line, past, picture, scorecard, traffic


def rate(given: Seen, version: str = "v2") -> float | None:
    return next(figures.rate(given, "fraud", each) for each in given.traffic["fraud"].arms if each.version == version)


def test_a_rate_is_of_whole_seconds_that_are_known() -> None:
    known = picture(past=past("fraud", {"name": "requests", "values": [4, None, 8, 6, 999]}))
    assert rate(known) == 6.0, "of three seconds; the last is not over"
    assert rate(known, "v1") == 0.0, "a version without a series had no request"
    assert rate(picture(past=past("fraud", {"name": "requests", "values": [None] * 5}))) is None


def test_without_a_history_a_rate_is_the_mean_of_the_window() -> None:
    assert rate(picture()) == 10.0


def test_sums_tell_nothing_from_not_known() -> None:
    assert figures.total([]) == 0.0
    assert figures.total([None, 2.0]) == 2.0
    assert figures.total([None]) is None


def test_failed_is_of_inferences_alone() -> None:
    arms = traffic(arm("v1", "primary", good=1_200, failed=3, refused=1, limited=50, not_an_inference=70)).arms
    assert figures.failed(arms) == "3 of 1,204"


def test_the_way_to_a_breach_is_in_logarithms() -> None:
    card = scorecard(line("error_rate", log(1000.0) / 2), line("latency_p99", log(1000.0) * 1.1))
    assert [figures.progress(each, card.chance) for each in card.lines] == pytest.approx([0.5, 1.1])
    near = figures.nearest(card)
    assert near is not None
    assert near[1].metric == "latency_p99"
    assert figures.nearest(None) is None
    assert figures.nearest(scorecard()) is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"value": None, "reference": 0.0}, "both 0"),
        ({"value": None, "reference": None}, "no ratio"),
        ({"value": "inf"}, "infinite"),
        ({"n": 0, "value": None}, "no data"),
        ({"bound": "max", "value": 0.0, "unit": "fraction"}, "zero"),
        ({"bound": "max", "value": 0.25, "unit": "seconds"}, "250 ms"),
        ({"value": "what"}, "what"),
    ],
)
def test_a_value_is_a_number_or_says_what_it_is(given: dict[str, object], shown: str) -> None:
    assert figures.value(read(line("error_rate", 0.0, **given), LineDoc)) == shown


def test_a_limit_is_written_as_it_is_held() -> None:
    shown = {bound: figures.limit(read(line("x", 0.0, bound=bound, limit=0.5), LineDoc)) for bound in figures.LIMITS}
    assert shown == {
        "max": "<= 0.5",
        "min": ">= 0.5",
        "max_ratio": "<= 0.5 x",
        "max_increase": "<= +0.5",
        "max_drop": "<= -0.5",
        "max_psi": "<= 0.5",
        "min_gain": ">= +0.5",
    }


def test_disagreement_and_drift_say_of_how_many() -> None:
    told = past(
        "fraud",
        {"name": "disagreement", "values": [0.5] * 5, "counts": [1, None, 2, 0, 0], "pairs": [2, None, 4, 0, 0]},
        {"name": "drift", "values": [0.1, 0.3, 0.31, None, None], "feature": "age", "side": "input", "drifted": True},
        {"name": "drift", "values": [0.1] * 5, "feature": "sex", "side": "input"},
    )
    assert figures.differing(picture(past=told), "fraud") == ["v2 as canary: 3 of 6 answers differ in a minute"]
    assert figures.drifted(picture(past=told), "fraud") == ["drifted: age (input of v2), PSI 0.31"]


def test_times_are_told_of_another_day_with_their_date() -> None:
    assert figures.moment(NOW, NOW) == "13:46:40"
    assert figures.moment(NOW - 86_400.0, NOW) == "01-11 13:46:40"
    assert figures.moment(1e300, NOW) == "?"


def test_what_has_stopped_is_said_to_have_stopped() -> None:
    def after(*values: float | None) -> str:
        seconds = [*values, 0.0]
        series = {"name": "requests", "version": "v1", "role": "primary", "values": seconds}
        start = NOW - len(seconds)
        document = {"from": start, "step": 1, "until": NOW - 1.0, "routes": [{"route": "fraud", "series": [series]}]}
        return figures.silence(picture(past=read(document, PastDoc)), "fraud")

    assert after(*[0.0] * 40, 5.0, *[0.0] * 20) == "no requests for 20 s"
    assert after(*[0.0] * 60) == "no requests for at least 1 min"
    assert after(5.0, *[0.0] * 3) == "" == after(*[0.0] * 3)
    assert figures.silence(picture(), "fraud") == "", "nobody knows"


def test_the_span_of_counts_is_what_the_columns_say() -> None:
    assert RECENT_SECONDS == 60.0
    for columns in (all_routes.COLUMNS, one_route.ARMS):
        assert any(column.title == "failed, 1 min" for column in columns)
