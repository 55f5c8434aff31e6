"""Actions of the scorecard on the states of a release: each with its own versions."""

from __future__ import annotations

import logging

import pytest

from proxy.control.acts import acted, tell
from proxy.control.release_control import ReleaseControl
from proxy.control.route_control import RouteControl, RouteStatus
from proxy.release import plan
from proxy.release.decide import Action
from tests.control.houses import CANDIDATES, together

SECTIONS = together()
BEGUN = tuple(plan.fresh(each, (), None, 5.0)[0] for each in SECTIONS)


def test_each_state_has_its_own_version() -> None:
    promoted = acted(BEGUN, Action("promote", "it passed", version="v3"), 6.0)
    assert [state.primary for state in promoted] == list(CANDIDATES.values())
    back = acted(BEGUN, Action("rollback", "it failed", "error_rate", "v3"), 6.0)
    assert [state.rolled_back for state in back] == [(version,) for version in CANDIDATES.values()]


def test_stages_are_entered_by_all_at_one_moment() -> None:
    after = acted(BEGUN, Action("advance", "it passed"), 6.0)
    assert {(state.stage, state.stage_since, state.phase) for state in after} == {(1, 6.0, "ramping")}
    assert {state.stage_since for state in acted(after, Action("restart", "another model"), 7.0)} == {7.0}


def test_they_are_logged_by_the_name_of_the_release(caplog: pytest.LogCaptureFixture) -> None:
    routes = [RouteControl(each, state, RouteStatus()) for each, state in zip(SECTIONS, BEGUN, strict=True)]
    release = ReleaseControl("fraud-2", routes)
    with caplog.at_level(logging.INFO, "penumbra.engine"):
        tell(release, "predict", "v3", Action("rollback", "it failed", "error_rate"))
        tell(release, "predict", "v3", Action("advance", "it passed"))
    assert [(each.levelname, each.message) for each in caplog.records] == [
        ("WARNING", "fraud-2: rollback: it failed"),
        ("INFO", "fraud-2: advance: it passed"),
    ]
