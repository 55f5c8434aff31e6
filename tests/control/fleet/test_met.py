"""Whom candidates met in a whole fleet, counted from its looks."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.record import ArmTick, Tick
from proxy.control.fleet.met import FleetStories
from proxy.release import transitions
from proxy.stats.counts.content import ContentCounts
from proxy.stats.look import Look, RouteLook
from proxy.stats.snapshot import SnapshotError
from tests.control.houses import GUARD, House, arm, canary_release, section, settings


def look(*arms: ArmTick, rescued: int = 0, invalid: int = 0) -> Look:
    rows = [("cancer", "v2", "reset", rescued), ("cancer", "v9", "reset", 7)] if rescued else []
    contents = [ContentCounts("v2", "canary", 0.1, 10, invalid, ()), ContentCounts("v1", "primary", 0.9, 10, 5, ())]
    return Look(Tick(0, "fleet", 1, 1, arms=list(arms), rescued=rows), {"cancer": RouteLook(contents=contents)})


def test_looks_add_up_until_the_judgement_is_over_and_the_next_is_another_story() -> None:
    house, stories = House(settings(section())), FleetStories()
    stories.count(look(arm("v2", "canary", 3)), 90.0)
    assert stories.told == {}, "nothing is under judgement yet"
    stories.follow(house.engine.routes, 100.0)
    stories.count(look(arm("v1", "primary", 90), arm("v2", "canary", 10, 4), rescued=4, invalid=1), 101.0)
    stories.follow(house.engine.routes, 101.0)
    stories.count(look(arm("v2", "canary", 5)), 102.0)
    counts = stories.told["cancer"].counts
    assert (counts.began, counts.requests, counts.rescued) == (100.0, 105, {"reset": 4})
    assert [(row.legs, row.bad, row.invalid) for row in counts.touched] == [(15, 5, 1)]
    move = lambda state: transitions.rollback(state, (), "no", house.now)  # noqa: E731
    house.engine.command("cancer", "rollback", move, "me", "no", house.now)
    stories.follow(house.engine.routes, 103.0)
    stories.count(look(arm("v2", "canary", 5)), 104.0)
    assert stories.told["cancer"].over and stories.told["cancer"].counts == counts
    again = lambda state: transitions.split(state, {"v2": 10.0}, "again", house.now)  # noqa: E731
    house.engine.command("cancer", "split", again, "me", "again", house.now)
    stories.follow(house.engine.routes, 105.0)
    assert stories.told["cancer"].counts.touched == []


def test_they_outlive_their_judge_with_its_evidence() -> None:
    house, stories, others = House(settings(section())), FleetStories(), FleetStories()
    stories.follow(house.engine.routes, 100.0)
    stories.count(look(arm("v2", "canary", 10, 4)), 101.0)
    others.recall("cancer", stories.counted("cancer"))
    assert others.told == stories.told and stories.counted("elsewhere") == b""
    with pytest.raises(SnapshotError):
        others.recall("cancer", b"damage")


def test_another_plan_is_another_story_of_the_fleet_too() -> None:
    house, stories = House(settings(section(release=canary_release()))), FleetStories()
    stories.follow(house.engine.routes, 100.0)
    stories.count(look(arm("v2", "canary", 10, 4)), 101.0)
    plan = canary_release(guard=replace(GUARD, false_alarm=0.01))
    assert house.engine.reload(lambda: settings(section(release=plan)), house.now)
    stories.follow(house.engine.routes, 110.0)
    assert (stories.told["cancer"].counts.began, stories.told["cancer"].counts.touched) == (110.0, [])
    stories.follow(house.engine.routes, 120.0)
    assert stories.told["cancer"].counts.began == 110.0
