"""A stage that stands still says why: each cause, and its absence while something comes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.record import Tick
from proxy.contracts.settings import ASSUMED, Guard, Limit, Release, Stage
from proxy.contracts.table import Share, Sticky
from proxy.control.standstill import LEAST_SECONDS, _cause
from proxy.release import transitions
from tests.control.houses import GUARD, House, arm, canary_release, section, settings

PAIRED = Guard({"disagreement": Limit(max=0.05)} | GUARD.scorecard)
LABELLED = Guard({"accuracy": Limit(min=0.9)} | GUARD.scorecard)
DRIFT = Guard({"input_drift": Limit(max_psi=0.2)} | GUARD.scorecard)


def house_of(guard: Guard, *stages: Stage, **changes: Any) -> House:
    release = canary_release(guard=guard, stages=stages or (Stage(shadow=100.0, requests=50),), **changes)
    return House(settings(section(split=(), shadows=(), release=release)))


def copies(house: House, seconds: float, n: int = 20) -> None:
    """Copies of every request, once a second."""
    for _ in range(round(seconds)):
        house.tick(arm("v1", "primary", n, 0, 1.0), arm("v2", "shadow", n, 0, 1.0), after=1.0)
        house.engine.on_time(house.now)


def quiet(house: House, seconds: float) -> None:
    for _ in range(round(seconds)):
        house.now += 1.0
        house.engine.on_time(house.now)


def warned(house: House) -> str:
    return "; ".join(house.engine.warnings("cancer"))


def test_no_request_reaches_the_candidate(caplog: pytest.LogCaptureFixture) -> None:
    house = house_of(GUARD)
    quiet(house, LEAST_SECONDS)
    assert warned(house) == ""
    quiet(house, 5)
    assert warned(house).endswith("reaches v2: no inference comes to the route")
    for _ in range(10):
        house.tick(arm("v1", "primary", 20, 0, 1.0), after=1.0)
        house.engine.on_time(house.now)
    assert warned(house).endswith("reaches v2: the route has inferences, and its part gets none")
    assert sum("stands still" in record.message for record in caplog.records) == 1, "once in a stage"
    quiet(house, 60)
    assert warned(house).endswith("no inference comes to the route"), "none comes any more"
    copies(house, 1)
    assert warned(house) == ""


def test_a_quiet_route_is_no_warning() -> None:
    house = house_of(GUARD, Stage(shadow=100.0, requests=50))
    for _ in range(6):
        copies(house, 1, n=1)
        quiet(house, 12)
    quiet(house, 30)
    assert warned(house) == "", "two requests a minute, and half a minute without one"


@pytest.mark.parametrize(
    ("guard", "cause"),
    [
        (PAIRED, "nothing feeds disagreement of v2: no body of oip has what it needs"),
        (LABELLED, "nothing feeds accuracy of v2: no label comes to POST /v1/feedback"),
        (DRIFT, "nothing feeds input_drift of v2: no body of oip has what it needs"),
    ],
)
def test_a_line_that_nothing_feeds(guard: Guard, cause: str) -> None:
    house = house_of(guard)
    copies(house, LEAST_SECONDS + 5)
    assert cause in warned(house)


@pytest.mark.parametrize(
    ("counts", "cause"),
    [
        ({"records_dropped": {"sampled": 70}}, "nothing feeds disagreement of v2: analysis_cpu leaves bodies out, 70"),
        ({"shadow_dropped": [("cancer", "v2", "memory", 9)]}, "100% of disagreement of v2 is lost: copies are dropped"),
    ],
)
def test_copies_that_are_dropped_and_bodies_that_are_sampled_out(counts: dict[str, Any], cause: str) -> None:
    house = house_of(PAIRED)
    house.engine.on_time(house.now)
    house.board.on_tick(Tick(0, "b", 1, 1, **counts), house.now)
    copies(house, LEAST_SECONDS + 5)
    assert cause in warned(house)


def test_labels_that_depend_on_the_version_decide_nothing() -> None:
    house = house_of(LABELLED)
    copies(house, 1)
    (line,) = [verdict for verdict in house.engine.status("cancer").verdicts if verdict.metric == "accuracy"]
    lost = replace(line, n=500, lost=500)
    said = _cause(lost, False, house.engine.route("cancer"), {})
    assert said.kind == "line-lost"
    assert said.text.endswith("50% of accuracy of v2 is lost: whether a label comes depends on the version")


@pytest.mark.parametrize(
    ("needed", "n", "said"),
    [(99_999, 5000, ""), (100_001, 200, "about 100,001 more"), (None, 999, ""), (None, 1000, "no decision")],
)
def test_a_decision_that_is_too_far_away(needed: int | None, n: int, said: str) -> None:
    house = house_of(GUARD)
    copies(house, 1)
    line = replace(house.engine.status("cancer").verdicts[0], needed=needed, n=n, outcome="undecided")
    cause = _cause(line, False, house.engine.route("cancer"), {})
    assert said in cause.text and bool(said) == bool(cause.text)


def test_a_release_that_can_never_end_says_so_at_once(caplog: pytest.LogCaptureFixture) -> None:
    house = house_of(PAIRED, Stage(canary=10.0, requests=50))
    for _ in range(30):
        house.tick(arm("v1", "primary", 90, 0, 0.9), arm("v2", "canary", 10, 0, 0.1), after=1.0)
        house.engine.on_time(house.now)
        assert "stage 1 can never end: release.scorecard.disagreement: a line that nothing feeds" in warned(house)
    assert sum("can never end" in record.message for record in caplog.records) == 1, "once in a stage"


def test_a_line_that_the_protocol_never_feeds_is_a_warning_without_a_release_too() -> None:
    house = House(settings(replace(section(guard=PAIRED), protocol="opaque")))
    house.engine.on_time(house.now)
    assert "scorecard.disagreement: a line that protocol opaque never feeds" in warned(house)


def test_labels_of_unknown_requests_are_named() -> None:
    house = house_of(LABELLED)
    house.engine.on_time(house.now)
    for number in range(3):
        house.board.on_label(f"made-up-{number}", 1, house.now)
    copies(house, LEAST_SECONDS + 5)
    assert "3 labels are of requests that are unknown" in warned(house)


def test_a_proof_that_is_out_of_reach() -> None:
    """The candidate is as much worse as it may be: no number of requests proves that it is not."""
    guard = Guard({"error_rate": Limit(max_increase=0.02)}, false_alarm=1e-9)
    house = house_of(guard, Stage(canary=50.0, requests=50), require="proof")
    for _ in range(40):
        house.tick(arm("v1", "primary", 100, 1, 0.5), arm("v2", "canary", 100, 3, 0.5), after=1.0)
        house.engine.on_time(house.now)
    assert "stage 1 may never end" in warned(house) and "error_rate of v2" in warned(house)


def test_a_paused_stage_waits_for_somebody_and_not_for_traffic() -> None:
    house = house_of(GUARD)
    house.engine.command("cancer", "pause", lambda s: transitions.pause(s, "", house.now), "ops", "", house.now)
    quiet(house, 60)
    assert warned(house) == ""


def test_a_canary_without_copies_has_a_line_that_nothing_feeds() -> None:
    house = House(settings(section(guard=PAIRED, shadows=())))
    quiet(house, 1)
    assert warned(house) == "nothing feeds disagreement of v2: it gets no copies to compare"
    fed = House(settings(section(guard=PAIRED, shadows=(Share("v2", 100.0),))))
    quiet(fed, 1)
    assert warned(fed) == ""


def test_an_ab_test_waits_for_labels() -> None:
    plan = Release("v2", "ab-test", (Stage(canary=50.0),), LABELLED, arms={"v2": 50.0}, promote_winner=True)
    house = House(settings(section(split=(), shadows=(), release=plan, sticky=Sticky("header", "x"))))
    for _ in range(30):
        house.tick(arm("v1", "primary", 50, 0, 0.5), arm("v2", "canary", 50, 0, 0.5), after=1.0)
        house.engine.on_time(house.now)
    assert "nothing feeds accuracy of v2: no label comes" in warned(house)


def test_an_assumed_line_whose_answers_nobody_looks_at_holds_the_stage_and_says_so() -> None:
    house = house_of(Guard(dict(ASSUMED)), Stage(canary=50.0, requests=50))
    for _ in range(40):
        house.tick(arm("v1", "primary", 50, 0, 0.5), arm("v2", "canary", 50, 0, 0.5), after=1.0)
        house.engine.on_time(house.now)
    assert house.engine.state("cancer").phase == "ramping"
    assert "100% of invalid_rate of v2 is lost: no body of oip has what it needs" in warned(house)
