"""Stories as they happen: what each time under judgement touched, and that it outlives its process."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.record import LegFacts, Tick
from proxy.contracts.story import StoryFacts
from proxy.contracts.table import Sticky
from proxy.control.state.evidence_snapshots import WRITE_SECONDS
from proxy.control.state.store import Store
from proxy.control.stories.archive import Archive
from proxy.control.stories.chronicle import LATE_SECONDS, MAX_MOMENTS, Chronicle
from proxy.control.stories.told import facts_told, touched
from proxy.release import transitions
from proxy.release.telling import touched_sentence
from tests.control.houses import GUARD, House, arm, canary_release, section, settings
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
    assert (len(facts.keys), facts.keyed, facts.seen, len(facts.failed)) == (3, 10, 11, 1)


def test_what_is_wrong_by_its_body_alone_went_wrong_too(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v2", "canary", 10, 2)), 101.0)
    of = leg("canary", 3)
    seen = Observation(**{name: getattr(of, name) for name in LegFacts.__struct_fields__} | {"content": "no_json"})
    known.on_observations([seen, replace(seen, content="", exchange=4)])
    facts = only(known)
    assert ([row.bad for row in facts.touched], facts.bad) == ([3], 3)
    told = touched(facts)
    assert told is not None and (told["live"]["bad"], told["live"]["invalid"]) == (3, 1)
    assert "3 went wrong there (8 good, 2 failed, 1 of the good ones no answer" in touched_sentence(told)
    assert facts_told(facts)["failed_total"] == told["live"]["bad"]


def test_a_kill_takes_counts_back_to_the_moment_of_the_evidence(tmp_path: Path) -> None:
    path, configured, known = str(tmp_path / "state.db"), settings(section()), chronicle(tmp_path)
    house = House(configured, Store(path), beside=known)
    known.follow(house.engine.routes, 100.0)

    def count(n: int) -> None:
        house.tick(arm("v1", "primary", 9 * n), arm("v2", "canary", n, share=0.1))
        known.on_tick(tick(("v1", "primary", 9 * n, 0), ("v2", "canary", n, 0)), 101.0)

    count(50)
    house.now += WRITE_SECONDS
    house.engine.on_time(house.now)
    count(10)
    known.close()  # the story has been written, the evidence not
    house.store.close()
    known = chronicle(tmp_path)
    assert [row.legs for row in only(known).touched] == [60]
    again = House(configured, Store(path), beside=known)
    (line,) = (each for each in again.engine.status("cancer").verdicts if each.metric == "error_rate")
    assert [row.legs for row in only(known).touched] == [line.n] == [50]


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


def test_another_plan_is_another_story_though_its_candidate_stays(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v2", "canary", 4, 1)), 101.0)
    plan = canary_release(guard=replace(GUARD, false_alarm=0.01))
    changed = settings(section(release=plan, sticky=Sticky("header", "x-user-id")))
    assert house.engine.reload(lambda: changed, house.now)
    known.follow(house.engine.routes, 110.0)
    known.on_tick(tick(("v2", "canary", 2, 0)), 111.0)
    assert [(each.began, each.ended, sum(row.legs for row in each.touched)) for each in known.facts("cancer")] == [
        (100.0, 110.0, 4),
        (110.0, None, 2),
    ]


@pytest.mark.parametrize("known_before", [True, False])
def test_nor_does_a_story_go_on_whose_plan_changed_while_nobody_told_it(
    house: House, tmp_path: Path, known_before: bool
) -> None:
    """Control was down, and comes back with another plan for the same candidate."""
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v2", "canary", 4, 1)), 101.0)
    if not known_before:
        known._open["cancer"].plan = ""  # as an earlier version wrote it: what it was of is not known
    known.close()
    plan = canary_release(guard=replace(GUARD, false_alarm=0.01))
    changed = settings(section(release=plan, sticky=Sticky("header", "x-user-id")))
    assert house.engine.reload(lambda: changed, house.now)
    again = chronicle(tmp_path)
    again.follow(house.engine.routes, 150.0)
    again.on_tick(tick(("v2", "canary", 2, 0)), 151.0)
    told = [(each.began, each.ended, sum(row.legs for row in each.touched)) for each in again.facts("cancer")]
    assert told == ([(100.0, 150.0, 4), (150.0, None, 2)] if known_before else [(100.0, None, 6)])


def test_the_same_plan_goes_on_over_a_restart(house: House, tmp_path: Path) -> None:
    known = chronicle(tmp_path)
    known.follow(house.engine.routes, 100.0)
    known.on_tick(tick(("v2", "canary", 4, 1)), 101.0)
    known.close()
    again = chronicle(tmp_path)
    again.follow(house.engine.routes, 150.0)
    assert [(each.began, each.ended) for each in again.facts("cancer")] == [(100.0, None)]
