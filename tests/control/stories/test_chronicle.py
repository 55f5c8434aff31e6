"""Stories as they happen: what each time under judgement touched, and that it outlives its process."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.contracts.record import Tick
from proxy.contracts.story import StoryFacts
from proxy.contracts.table import Sticky
from proxy.control.stories.archive import Archive
from proxy.control.stories.chronicle import LATE_SECONDS, MAX_MOMENTS, Chronicle
from proxy.release import transitions
from tests.control.houses import House, arm, canary_release, section, settings
from tests.control.records import SOURCE, failure, leg


@pytest.fixture
def house() -> House:
    return House(settings(section(release=canary_release(), sticky=Sticky("header", "x-user-id"))))


def chronicle(tmp_path: Path) -> Chronicle:
    made = Chronicle(Archive(str(tmp_path / "state.db")), lambda route, version: [])
    made.begin()
    return made


def only(known: Chronicle) -> StoryFacts:
    (facts,) = known.facts("cancer")
    return facts


def tick(*rows: tuple[str, str, int, int], rescued: int = 0) -> Tick:
    arms = [arm(version, role, n, bad) for version, role, n, bad in rows]
    return Tick(0, "a", 1, 1, arms=arms, rescued=[("cancer", "v2", "connect_failed", rescued)] if rescued else [])


def test_legs_and_rescues_are_counted_exactly(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v1", "primary", 90, 3), ("v2", "canary", 10, 4), ("v1", "rescue", 4, 0), rescued=4), 101.0)
    known.on_tick(tick(("v2", "canary", 5, 0), ("v2", "shadow", 7, 1)), 102.0)
    facts = only(known)
    assert {(row.version, row.role): row.outcomes for row in facts.touched} == {
        ("v2", "canary"): {"good": 11, "failed": 4},
        ("v2", "shadow"): {"good": 6, "failed": 1},
    }
    assert (facts.requests, facts.rescued) == (105, {"connect_failed": 4})
    assert (facts.first_bad, facts.last_bad) == (101.0, 102.0)


def test_users_are_distinct_keys_of_requests_that_met_the_candidate(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    records = [leg("canary", n, key=n % 3 + 1) for n in range(9)]
    known.on_records(
        [*records, leg("canary", 10), leg("primary", 11, key=77), failure("canary", 12, key=1)], SOURCE, 101.0
    )
    facts = only(known)
    assert (len(facts.keys), facts.keyed, facts.seen, facts.bad) == (3, 10, 11, 1)


def test_a_story_ends_with_its_release_counts_what_was_under_way_and_stays(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    house.engine.command("cancer", "rollback", lambda s: transitions.rollback(s, (), "no", 0.0), "me", "no", house.now)
    known.follow(house.engine.routes, 110.0)
    known.on_tick(tick(("v2", "canary", 1, 1)), 111.0)
    known.on_tick(tick(("v2", "canary", 1, 1)), 111.0 + LATE_SECONDS)
    known.on_time(house.engine.routes, house.engine.notices, 111.0 + LATE_SECONDS)
    assert only(known).ended == 110.0
    assert sum(row.legs for row in only(known).touched) == 1
    assert list(chronicle(tmp_path).facts("cancer")) == list(known.facts("cancer"))


def test_a_killed_process_leaves_what_the_next_one_goes_on_with(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v2", "canary", 4, 1)), 101.0)
    known.on_time(house.engine.routes, house.engine.notices, 101.0)
    after = chronicle(tmp_path)
    after.follow(house.engine.routes, 200.0)
    after.on_tick(tick(("v2", "canary", 2, 1)), 201.0)
    facts = only(after)
    assert (facts.began, sum(row.legs for row in facts.touched)) == (100.0, 6)


def test_a_release_that_begins_again_is_another_story(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    house.engine.command("cancer", "rollback", lambda s: transitions.rollback(s, (), "no", 0.0), "me", "no", house.now)
    known.follow(house.engine.routes, 110.0)
    plan = canary_release()
    house.engine.command("cancer", "release", lambda s: transitions.start(s, plan, "", 0.0), "me", "again", house.now)
    known.follow(house.engine.routes, 120.0)
    assert [(each.began, each.ended) for each in known.facts("cancer")] == [(100.0, 110.0), (120.0, None)]


def test_verdicts_come_at_even_distances_and_are_thinned(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    for second in range(4 * MAX_MOMENTS * 5):
        known.on_time(house.engine.routes, house.engine.notices, 100.0 + second)
    facts = only(known)
    assert MAX_MOMENTS // 2 <= len(facts.moments) <= MAX_MOMENTS
    steps = {later.at - sooner.at for sooner, later in zip(facts.moments, facts.moments[1:], strict=False)}
    assert max(steps) <= 2 * facts.every
    assert {line.metric for line in facts.moments[-1].lines} == {
        v.metric for v in house.engine.status("cancer").verdicts
    }


def test_nothing_under_judgement_makes_no_story(tmp_path: Path) -> None:
    house, known = House(settings(section(split=()))), chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v1", "primary", 90, 3)), 101.0)
    known.on_time(house.engine.routes, house.engine.notices, 101.0)
    assert list(known.facts("cancer")) == []
