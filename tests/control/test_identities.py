"""Another model under the name of a version, in the middle of a judgement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.contracts.observation import Observation
from proxy.contracts.settings import Guard, Limit, OnIdentityChange, Stage
from proxy.control.api import views
from proxy.control.notify import event_of
from proxy.control.state.store import Store
from proxy.release.audit import entry_of
from proxy.stats.comparison import MAX_RESTARTS
from tests.control.houses import GUARD, House, arm, canary_release, section, settings

STAGE = (Stage(canary=50.0, requests=100),)


def house(store: Store | None = None, now: float = 1000.0, **guard: Any) -> House:
    judge = Guard(GUARD.scorecard, **guard)
    release = canary_release(stages=STAGE, guard=judge, require="no_breach")
    return House(settings(section(split=(), shadows=(), release=release)), store, now=now)


def answers(house: House, version: str, identity: str, n: int = 20) -> None:
    """Analysed answers of a version; the next look sees to what they say."""
    role = "primary" if version == "v1" else "canary"
    legs = [
        Observation(at, "cancer", version, role, 0.5, 0.0, 0.01, 200, analysed=True, identity=identity)  # type: ignore[arg-type]
        for at in range(n)
    ]
    house.board.on_observations(legs, house.now)


def look(house: House) -> None:
    house.now += 0.25
    house.engine.on_time(house.now)


def legs(house: House) -> int:
    return house.engine.status("cancer").legs


def entries(house: House) -> list[Any]:
    return [entry_of(link) for link in house.engine.audit(100)]


def n_of(house: House, metric: str = "error_rate") -> int:
    return next(v.n for v in house.engine.status("cancer").verdicts if v.metric == metric)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_evidence_and_stage_begin_anew(version: str) -> None:
    one = house()
    answers(one, "v1", "build=1")
    answers(one, "v2", "build=1")
    one.traffic(60, 60, share=0.5)
    assert (legs(one), n_of(one)) == (60, 60)
    answers(one, version, "build=2")
    look(one)
    assert (legs(one), n_of(one)) == (0, 0)
    assert one.engine.state("cancer").phase == "ramping"
    one.traffic(60, 60, share=0.5)
    assert (legs(one), one.engine.state("cancer").phase) == (60, "ramping")
    one.traffic(60, 60, share=0.5)
    assert one.engine.state("cancer").phase == "promoted"


def test_the_change_is_told_once_and_everywhere() -> None:
    one = house()
    answers(one, "v2", "build=1")
    one.traffic(60, 60, share=0.5)
    answers(one, "v2", "build=2")
    for _ in range(5):
        look(one)
    told = [entry for entry in entries(one) if entry.who == "identity"]
    assert [entry.action for entry in told] == ["restart"]
    assert told[0].why == (
        "another model answers as v2: build=2 in place of build=1; the evidence begins anew"
    )  # fmt: skip
    assert told[0].identity == {"version": "v2", "before": ["build=1"], "after": ["build=2"]}
    assert told[0].lineage["v2"]["identity"] == ["build=2", "build=1"]
    assert next(v for v in told[0].evidence if v["metric"] == "error_rate")["n"] == 60
    assert [event_of(change) for change in one.heard if change.who == "identity"] == ["identity"]
    assert one.engine.identity_changes == {("cancer", "v2", "restart"): 1}
    shown = views.route(one.engine, "cancer")
    assert [(row["version"], row["identity"]) for row in shown["identities"]] == [("v2", "build=2"), ("v2", "build=1")]


@pytest.mark.parametrize(("wanted", "phase"), [("rollback", "rolled_back"), ("pause", "paused")])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_by_option_it_ends_the_release(wanted: OnIdentityChange, phase: str, version: str) -> None:
    one = house(on_identity_change=wanted)
    answers(one, version, "build=1")
    one.traffic(60, 60, share=0.5)
    answers(one, version, "build=2")
    look(one)
    assert one.engine.state("cancer").phase == phase
    assert one.engine.state("cancer").reason.startswith(f"another model answers as {version}: build=2")
    assert one.split() == ({} if phase == "rolled_back" else {"v2": 50.0})


def test_what_has_breached_stays_breached() -> None:
    one = house(on_breach="notify")
    answers(one, "v2", "build=1")
    one.traffic(60, 60, 60, share=0.5)
    assert one.engine.verdict("cancer").outcome == "fail"
    for build in range(2, 20):
        answers(one, "v2", f"build={build}")
        look(one)
    assert one.engine.verdict("cancer").outcome == "fail"
    assert [entry.action for entry in entries(one) if entry.who == "identity"] == ["keep"]


def test_a_bad_candidate_does_not_escape_by_other_names() -> None:
    one, bad, build = house(), 0, 0
    while one.engine.state("cancer").phase == "ramping" and bad < 2000:
        build += 1
        answers(one, "v2", f"build={build}", 5)
        one.traffic(5, 5, 2, share=0.5)
        bad += 5
        look(one)
    assert one.engine.state("cancer").phase == "rolled_back"
    assert sum(entry.action == "restart" for entry in entries(one)) == MAX_RESTARTS
    assert sum(entry.action == "keep" for entry in entries(one)) == 1


def test_a_bad_candidate_with_a_name_for_each_answer_does_not_escape() -> None:
    one, bad = house(), 0
    while one.engine.state("cancer").phase == "ramping" and bad < 2000:
        for at in range(5):
            answers(one, "v2", f"build={bad + at}", 1)
        one.traffic(5, 5, 2, share=0.5)
        bad += 5
        look(one)
    assert one.engine.state("cancer").phase == "rolled_back"
    assert not [entry for entry in entries(one) if entry.who == "identity"]


def test_an_odd_answer_and_a_rollout_do_not_begin_anew_for_ever() -> None:
    one = house()
    answers(one, "v2", "build=1", 300)
    answers(one, "v2", "odd", 1)
    look(one)
    assert not one.engine.identity_changes
    for _ in range(100):
        answers(one, "v2", "build=1", 3)
        answers(one, "v2", "build=2", 3)
        look(one)
    assert one.engine.identity_changes.total() == 1
    warnings = one.engine.warnings("cancer")
    assert "2 models answer under the name of v2: build=1 and build=2" in warnings


def test_no_stage_ends_while_a_model_is_unknown() -> None:
    one = house()
    answers(one, "v2", "build=1")
    one.traffic(90, 90, share=0.5)
    answers(one, "v2", "build=2", 1)
    one.traffic(20, 20, share=0.5)
    assert one.engine.state("cancer").phase == "ramping"
    answers(one, "v2", "build=1", 1)
    look(one)
    assert one.engine.state("cancer").phase == "promoted"


def test_errors_name_nobody_and_that_is_no_change() -> None:
    one = house()
    answers(one, "v2", "build=1")
    answers(one, "v2", "", 50)
    answers(one, "v2", "build=1")
    look(one)
    assert not one.engine.identity_changes


def test_a_header_is_heard_of_by_ticks() -> None:
    one = house()

    def traffic(build: str) -> None:
        ticked = arm("v2", "canary", 20, 0, 0.5)
        ticked.identities = {f"x-build={build}": 20}
        one.tick(arm("v1", "primary", 20, 0, 0.5), ticked)

    traffic("1")
    traffic("2")
    assert one.engine.identity_changes == {("cancer", "v2", "restart"): 1}


def test_without_a_judgement_nothing_is_told_and_the_history_begins_anew() -> None:
    one = House(settings(section(split=(), shadows=())))
    before = one.board._comparisons["cancer"][0]
    for build in range(20):
        answers(one, "v1", f"build={build}")
        look(one)
    assert not [entry for entry in entries(one) if entry.who == "identity"]
    assert one.engine.identity_changes == {("cancer", "v1", "restart"): 19}
    assert one.board._comparisons["cancer"][0]._history is not before._history


def test_a_change_while_control_was_gone_is_noticed(tmp_path: Path) -> None:
    store = Store(f"{tmp_path}/p.db")
    one = house(store)
    answers(one, "v2", "build=1")
    one.traffic(60, 60, share=0.5)
    one.now += 10
    look(one)
    store.close()
    store = Store(f"{tmp_path}/p.db")
    two = house(store, now=one.now + 5)
    assert (legs(two), n_of(two)) == (60, 60)
    assert [row["identity"] for row in views.route(two.engine, "cancer")["identities"]] == ["build=1"]
    answers(two, "v2", "build=2")
    look(two)
    assert (legs(two), n_of(two)) == (0, 0)
    assert two.engine.identity_changes == {("cancer", "v2", "restart"): 1}
    store.close()


def test_the_arms_of_a_fixed_split_are_watched_as_well() -> None:
    one = House(settings(section(guard=Guard({"error_rate": Limit(max_ratio=1.5)}))))
    answers(one, "v2", "build=1")
    one.traffic(90, 10)
    answers(one, "v2", "build=2")
    look(one)
    assert n_of(one) == 0
    assert [entry.action for entry in entries(one) if entry.who == "identity"] == ["restart"]
    assert one.split() == {"v2": 10.0}
