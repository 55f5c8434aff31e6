"""The single writer: what ticks, commands, reloads and a full disk make of states and tables."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.record import ArmTick
from proxy.contracts.settings import ConfigError, Guard, Problem, Settings
from proxy.contracts.table import Share, Timeouts
from proxy.contracts.tls import ClientTls, TlsMaterial
from proxy.control.api import views
from proxy.control.engine import Move
from proxy.control.engine_errors import UnknownRouteError
from proxy.control.state.state_file import StoreError
from proxy.release import transitions
from proxy.release.audit import entry_of, verify
from proxy.release.phases import TransitionRefused
from tests.control.houses import House, arm, canary_release, section, settings


def by_hand(house: House, action: str, percents: Any = (), who: str = "ops") -> None:
    changes: dict[str, Move] = {
        "split": lambda s: transitions.split(s, percents, "by hand", house.now),
        "promote": lambda s: transitions.promote(s, None, "by hand", house.now),
        "rollback": lambda s: transitions.rollback(s, (), "by hand", house.now),
        "pause": lambda s: transitions.pause(s, "by hand", house.now),
        "resume": lambda s: transitions.resume(s, "by hand", house.now),
        "release": lambda s: transitions.start(s, house.engine.route(s.route).section.release, "by hand", house.now),
    }
    house.engine.command("cancer", action, changes[action], who, "by hand", house.now)


def test_the_first_table_is_what_the_configuration_says(house: House) -> None:
    assert house.table.revision == 1
    assert house.split() == {"v2": 10.0}
    assert house.shadows() == {"v3": 100.0}
    assert house.engine.state("cancer").phase == "steady"
    assert house.engine.state("cancer").candidate == "v2"


def test_the_log_says_of_which_version(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.traffic(primary=100, canary=20, bad=20)
    (told,) = [record for record in caplog.records if "rollback" in record.getMessage()]
    assert vars(told)["fields"] == {"route": "cancer", "version": "v2", "cause": "error_rate"}


def test_a_dead_canary_is_rolled_back_within_a_tick(house: House) -> None:
    house.traffic(primary=900, canary=100)
    assert house.split() == {"v2": 10.0}
    house.traffic(primary=100, canary=12, bad=12)
    assert house.split() == {}
    state = house.engine.state("cancer")
    assert (state.phase, state.rolled_back) == ("rolled_back", ("v2",))
    assert "error_rate" in state.reason and "n=12 of 112" in state.reason
    assert house.engine.rollbacks == {("cancer", "error_rate"): 1}
    assert house.heard[-1].action == "rollback"


def test_a_healthy_canary_stays(house: House) -> None:
    for _ in range(50):
        house.tick(arm("v1", "primary", 900, 9, 0.9), arm("v2", "canary", 100, 1, 0.1))
    assert house.split() == {"v2": 10.0}
    assert house.engine.verdict("cancer").outcome == "pass"


def test_shadows_stay_after_a_rollback(house: House) -> None:
    house.traffic(100, 20, bad=20)
    assert house.shadows() == {"v3": 100.0}


@pytest.mark.parametrize(("wanted", "phase"), [("pause", "paused"), ("notify", "steady")])
def test_a_breach_does_what_on_breach_says_and_once(wanted: Any, phase: str) -> None:
    house = House(settings(section(guard=Guard(on_breach=wanted))))
    for _ in range(5):
        house.traffic(100, 20, bad=20)
    assert house.split() == {"v2": 10.0}
    assert house.engine.state("cancer").phase == phase
    told = [change.action for change in house.heard if change.who == "scorecard"]
    assert told == (["pause", "notify"] if wanted == "pause" else ["notify"])


def test_a_paused_route_still_rolls_back(house: House) -> None:
    by_hand(house, "pause")
    house.traffic(100, 20, bad=20)
    assert house.engine.state("cancer").phase == "rolled_back"
    assert house.split() == {}


def test_a_restart_finds_everything_as_it_was(house: House) -> None:
    by_hand(house, "split", {"v2": 25.0})
    again = House(settings(), house.store)
    assert again.split() == {"v2": 25.0}
    assert again.table.revision > house.table.revision


def test_a_rolled_back_version_gets_nothing_by_restart_or_reload(house: House) -> None:
    house.traffic(100, 20, bad=20)
    again = House(settings(), house.store)
    assert again.split() == {}
    changed = settings(section(split=(Share("v2", 50.0),)))
    assert again.engine.reload(lambda: changed, again.now)
    assert again.split() == {}
    assert again.engine.state("cancer").phase == "rolled_back"
    assert "routes.cancer.canary: v2 was rolled back" in again.engine.status("cancer").warnings[0]


def test_what_was_known_at_a_rollback_stays_visible_until_something_else_is_judged(house: House) -> None:
    house.traffic(100, 20, bad=20)
    kept = views.scorecard(house.engine, "cancer")
    line, *_ = kept["at_rollback"]
    assert (kept["candidates"], kept["metrics"]) == ([], [])
    assert (line["metric"], line["version"], line["verdict"], line["n"]) == ("error_rate", "v2", "fail", 20)
    for _ in range(3):
        house.traffic(100, 0)
    house.engine.reload(lambda: settings(section(timeouts=Timeouts(connect=3.0))), house.now)
    assert views.scorecard(house.engine, "cancer") == kept
    again = House(settings(), house.store)
    assert views.scorecard(again.engine, "cancer") == kept
    by_hand(again, "split", {"v2": 5.0})
    assert views.scorecard(again.engine, "cancer")["at_rollback"] == []
    assert len(views.scorecard(again.engine, "cancer")["metrics"]) == 3


def test_a_split_by_hand_lets_a_rolled_back_version_in_again(house: House) -> None:
    house.traffic(100, 20, bad=20)
    by_hand(house, "split", {"v2": 5.0})
    state = house.engine.state("cancer")
    assert (state.phase, state.rolled_back, house.split()) == ("steady", (), {"v2": 5.0})
    house.traffic(100, 5, share=0.05)
    assert house.split() == {"v2": 5.0}, "evidence from before the rollback must not count again"


def test_promote_and_back(house: House) -> None:
    by_hand(house, "promote")
    state = house.engine.state("cancer")
    assert (state.phase, state.primary, state.previous, house.split()) == ("promoted", "v2", "v1", {})
    assert house.table.routes[0].primary == "v2"
    by_hand(house, "rollback")
    state = house.engine.state("cancer")
    assert (state.phase, state.primary, state.rolled_back) == ("rolled_back", "v1", ("v2",))


def test_what_is_refused_changes_nothing(house: House) -> None:
    before, table = house.engine.state("cancer"), house.table
    with pytest.raises(TransitionRefused, match="resume is not possible in phase steady"):
        by_hand(house, "resume")
    with pytest.raises(UnknownRouteError):
        house.engine.command("other", "pause", lambda s: s, "ops", "", 0.0)
    assert house.engine.state("cancer") is before
    assert house.table is table


def test_a_release_goes_through_its_stages_to_promoted() -> None:
    house = House(settings(section(split=(), shadows=(), release=canary_release())))
    assert (house.engine.state("cancer").phase, house.shadows(), house.split()) == ("shadowing", {"v2": 100.0}, {})
    by_hand(house, "pause")
    assert house.shadows() == {"v2": 100.0}
    by_hand(house, "resume")
    by_hand(house, "split", {"v2": 10.0})
    assert house.engine.state("cancer").phase == "steady"


def test_a_stage_is_left_with_its_requests_its_duration_and_a_pass() -> None:
    release = canary_release(stages=canary_release().stages[1:])
    house = House(settings(section(split=(), shadows=(), release=release)))
    assert (house.engine.state("cancer").phase, house.split()) == ("ramping", {"v2": 10.0})
    house.traffic(900, 99)
    assert house.split() == {"v2": 10.0}
    house.traffic(9, 1)
    assert house.split() == {"v2": 50.0}
    house.traffic(100, 100, share=0.5)
    assert house.split() == {"v2": 50.0}, "its 60 seconds are not over"
    house.now += 60.0
    house.engine.on_time(house.now)
    assert house.engine.state("cancer").phase == "ramping", "it is not proved yet"
    assert "not proved yet, about" in house.engine.verdict("cancer").sentence
    house.traffic(300, 300, share=0.5)
    state = house.engine.state("cancer")
    assert (state.phase, state.primary, house.split()) == ("promoted", "v2", {})


def test_a_stage_is_not_left_while_a_leg_hangs_that_began_before_its_last_request() -> None:
    house = House(settings(section(split=(), shadows=(), release=canary_release(stages=canary_release().stages[1:]))))
    house.under_way = [("cancer", "v2", "canary", 1.0)]
    house.traffic(909, 100)
    assert house.split() == {"v2": 10.0}
    house.under_way = [
        ("cancer", "v2", "shadow", 9.0),
        ("cancer", "v1", "primary", 9.0),
        ("cancer", "v2", "canary", 0.0),
    ]
    house.now += 1.0
    house.traffic(9, 1)
    assert house.split() == {"v2": 50.0}


def test_a_broken_file_leaves_the_old_configuration_in_force(house: House) -> None:
    problem = Problem("routes.cancer.primary", "'v9'", "v1 | v2 | v3")

    def broken() -> Settings:
        raise ConfigError((problem,))

    table = house.table
    assert not house.engine.reload(broken, house.now)
    assert house.engine.problems == (problem,)
    assert house.table is table
    assert house.engine.reload(lambda: house.engine.settings, house.now)
    assert house.engine.problems == ()


def test_a_reload_that_changes_no_traffic_keeps_the_live_split(house: House) -> None:
    by_hand(house, "split", {"v2": 25.0})
    assert house.engine.reload(lambda: settings(section(timeouts=Timeouts(connect=3.0))), house.now)
    assert house.split() == {"v2": 25.0}
    assert house.table.routes[0].timeouts.connect == 3.0


def test_a_changed_section_wins_over_the_live_split(house: House) -> None:
    by_hand(house, "split", {"v2": 25.0})
    assert house.engine.reload(lambda: settings(section(split=(Share("v3", 5.0),), shadows=())), house.now)
    assert house.split() == {"v3": 5.0}


def test_certificates_come_into_force_while_a_configuration_is_broken(house: House) -> None:
    def broken() -> Settings:
        raise ConfigError((Problem("routes", "nothing", "one"),))

    house.engine.reload(broken, house.now)
    before, reloaded = house.engine.states, house.engine.reloaded
    renewed = replace(house.engine.settings, tls={"v2": ClientTls("/ca", material=TlsMaterial(ca="new"))})
    house.engine.renew(renewed, house.now + 1)
    assert house.tables[-1].tls == renewed.tls and house.tables[-1].revision == house.engine.revision
    assert house.engine.states == before and house.engine.problems and house.engine.reloaded == reloaded


def test_routes_come_and_go_with_reloads(house: House) -> None:
    by_hand(house, "split", {"v2": 25.0})
    assert house.engine.reload(lambda: settings(section("other")), house.now)
    assert [route.name for route in house.table.routes] == ["other"]
    assert house.engine.reload(lambda: settings(), house.now)
    assert house.split() == {"v2": 25.0}, "a route that returns unchanged stands where it stood"


def test_every_change_is_in_the_audit_with_who_why_before_and_after(house: House) -> None:
    by_hand(house, "split", {"v2": 25.0}, who="alice")
    house.traffic(100, 20, bad=20, share=0.25)
    assert verify(house.store.chain(), house.store.head.count, house.store.head.hash) is None
    start, split, rollback = [entry_of(link) for link in house.store.chain()]
    assert (start.who, start.before) == ("configuration", None)
    assert (split.who, split.why, split.before["split"], split.after["split"]) == (
        "alice",
        "by hand",
        {"v2": 10.0},
        {"v2": 25.0},
    )
    assert (rollback.who, rollback.action, rollback.after["phase"]) == ("scorecard", "rollback", "rolled_back")
    assert rollback.evidence[0]["metric"] == "error_rate"
    assert rollback.lineage["v2"]["endpoint"] == "127.0.0.1:8082"


def test_a_full_disk_refuses_commands_but_not_rollbacks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(house.store, "save", _full)
        with pytest.raises(StoreError):
            by_hand(house, "split", {"v2": 25.0})
        assert house.split() == {"v2": 10.0}
        house.traffic(100, 20, bad=20)
        assert house.split() == {}
        assert (house.engine.unsaved, house.engine.store_errors) == (1, 2)  # the command counts as the rollback does
    house.engine.on_time(house.now)
    assert house.engine.unsaved == 0
    assert House(settings(), house.store).split() == {}
    assert verify(house.store.chain(), house.store.head.count, house.store.head.hash) is None


def test_a_tick_of_a_route_that_is_gone_is_counted_and_nothing_else(house: House) -> None:
    house.tick(arm("v2", "canary", 10, 10, 0.1, route="gone"))
    assert house.board.counters.arms["gone", "v2", "canary"].outcomes["failed"] == 10


def test_revisions_grow_above_what_was_published_before(house: House) -> None:
    other = House(settings())
    other.engine.begin(other.now, replace(other.table, revision=40))
    assert other.table.revision == 41


def test_commands_keep_a_paused_stage_counting_from_where_it_resumes() -> None:
    release = canary_release(stages=canary_release().stages[1:])
    house = House(settings(section(split=(), shadows=(), release=release)))
    house.traffic(900, 60)
    by_hand(house, "pause")
    house.traffic(900, 60)
    assert house.split() == {"v2": 10.0}
    assert house.engine.status("cancer").legs == 120
    by_hand(house, "resume")
    assert house.engine.status("cancer").legs == 0


def test_lease_travels_with_the_table() -> None:
    assert House(replace(settings(), lease=3.0)).table.lease == 3.0


def test_a_rollback_that_could_not_be_stored_outlives_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(settings())
    with monkeypatch.context() as patch:
        patch.setattr(house.store, "save", _full)
        house.traffic(100, 20, bad=20)
    again = House(settings(), house.store, house.table)
    assert again.split() == {}
    assert again.engine.state("cancer").rolled_back == ("v2",)
    assert House(settings(), again.store).split() == {}


def test_a_rollback_that_could_not_be_stored_outlives_a_restart_after_a_change_was_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The change had the number of the table that the rollback had then: it did not look newer than the store."""
    house = House(settings())
    with monkeypatch.context() as patch:
        patch.setattr(house.store, "_prove", _full)
        with pytest.raises(StoreError):
            by_hand(house, "split", {"v2": 25.0})
        patch.setattr(house.store, "save", _full)
        house.traffic(100, 20, bad=20)
    assert House(settings(), house.store, house.table).split() == {}


def _full(*args: object) -> None:
    raise StoreError("database or disk is full")


@pytest.mark.parametrize("both", [False, True])
def test_a_canary_that_misses_its_clients_deadlines_is_found_where_the_primary_meets_them(both: bool) -> None:
    house = House(settings())
    for _ in range(40):
        primary = ArmTick("cancer", "v1", "primary", 0.9, {"client_deadline" if both else "grpc:0": 18})
        house.tick(primary, ArmTick("cancer", "v2", "canary", 0.1, {"client_deadline": 2}))
    assert house.split() == ({"v2": 10.0} if both else {})
    assert ("abandonment" in house.engine.state("cancer").reason) == (not both)
    house.store.close()
