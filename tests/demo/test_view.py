"""A view says what the API, the scrape and the client say, and nothing else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from proxy.demo.admin import Metrics
from proxy.demo.checks import Check
from proxy.demo.display import LINE_EVERY, Display, line, milliseconds, panel, percent
from proxy.demo.traffic import ClientCounts
from proxy.demo.view import View, look

ROUTE = {"route": "cancer", "phase": "steady", "primary": "v1", "split": {"v2": 10}, "shadows": {"v3": 100}}
METRICS = Metrics(
    (
        ("penumbra_requests_total", {"route": "cancer", "version": "v3", "role": "shadow", "code": "200"}, 7.0),
        ("penumbra_requests_total", {"route": "cancer", "version": "v3", "role": "shadow", "code": "500"}, 2.0),
        ("penumbra_requests_total", {"route": "other", "version": "v3", "role": "shadow", "code": "200"}, 90.0),
        ("penumbra_requests_total", {"route": "cancer", "version": "v2", "role": "canary", "code": "200"}, 50.0),
        ("penumbra_shadow_coverage_ratio", {"route": "cancer", "version": "v3"}, 0.9),
        ("penumbra_disagreement_ratio", {"route": "cancer", "version": "v3"}, 0.25),
        ("penumbra_rescued_total", {"route": "cancer", "version": "v2", "reason": "reset"}, 3.0),
        ("penumbra_overhead_seconds_sum", {"route": "cancer"}, 0.1),
        ("penumbra_overhead_seconds_count", {"route": "cancer"}, 1000.0),
    )
)


@pytest.fixture
def view() -> View:
    counts = ClientCounts(0.0)
    for number in range(9):
        counts.note(f"user-{number}", "v1", 0.010, "")
    counts.note("user-9", "v2", 0.030, "")
    return look("the act", ("v1", "v2", "v3"), ROUTE, METRICS, counts)


def test_roles_and_split_come_from_the_route(view: View) -> None:
    assert [(row.version, row.role, row.percent) for row in view.rows] == [
        ("v1", "primary", 90.0),
        ("v2", "canary", 10.0),
        ("v3", "shadow", 0.0),
    ]


def test_a_split_that_names_the_primary_is_not_counted_twice() -> None:
    route = ROUTE | {"split": {"v1": 75, "v2": 25}}
    view = look("the act", ("v1", "v2"), route, METRICS, ClientCounts(0.0))
    assert [row.percent for row in view.rows] == [75.0, 25.0]


def test_counts_come_from_where_they_were_made(view: View) -> None:
    shadow, canary = view.of("v3"), view.of("v2")
    assert (shadow.copies, shadow.coverage, shadow.disagreement) == (9, 0.9, 0.25)
    assert (canary.requests, canary.rescued, canary.copies, canary.coverage) == (1, 3, 0, None)
    assert view.overhead == pytest.approx(0.0001)
    assert (view.requests, view.errors) == (10, 0)


def test_an_unknown_figure_is_a_dash() -> None:
    assert (milliseconds(None), percent(None), percent(float("nan"))) == ("-", "-", "-")
    assert (milliseconds(0.01234), percent(0.256)) == ("12.3 ms", "25.6%")


def test_the_panel_and_the_line_show_the_same_figures(view: View) -> None:
    """Also where the terminal has only 80 columns."""
    out = io.StringIO()
    Console(file=out, width=80).print(panel(view))
    for text in (out.getvalue(), line(view)):
        for figure in ("phase steady", "25.0%", "90.0%", "10 %", "30", "0 client errors"):
            assert figure in text


def test_a_log_gets_a_line_now_and_then_and_the_summary(view: View) -> None:
    out = io.StringIO()
    display = Display(Console(file=out, width=200))
    with display.busy("Training"), display.live():
        for _ in range(3):
            display.show(view)
        display.show(view, last=True)
    display.summary([Check("no errors", "0 of 10", True), Check("rolled back", "not", False)])
    text = out.getvalue()
    assert view.seconds > LINE_EVERY
    assert text.count("phase steady") == 2
    assert "Training" in text
    assert "held" in text
    assert "BROKEN" in text
    assert "\x1b" not in text


def test_a_terminal_is_redrawn_in_place(view: View) -> None:
    out = io.StringIO()
    display = Display(Console(file=out, width=160, force_terminal=True))
    with display.live():
        display.show(view)
        display.show(view)
        display.say("a line above the table")
    assert "a line above the table" in out.getvalue()
    assert out.getvalue().count("the act") >= 2
