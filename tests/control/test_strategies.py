"""Each strategy from its start to its end, through the real board and the real rules, without sockets and clocks."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.histogram import bucket
from proxy.contracts.observation import Tensor
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Guard, Limit, Release, Stage
from proxy.contracts.table import Sticky
from proxy.control.notify import event_of
from proxy.release import transitions
from tests.control.houses import GUARD, House, arm, canary_release, section, settings
from tests.support.observed import observation


def house_of(release: Release, **changes: Any) -> House:
    return House(settings(section(**{"split": (), "shadows": (), "release": release, **changes})))


def phase(house: House) -> str:
    return house.engine.state("cancer").phase


def copies(house: House, n: int, bad: int = 0) -> None:
    house.tick(arm("v1", "primary", n, 0, 1.0), arm("v2", "shadow", n, bad, 1.0))


def timed(version: str, role: str, n: int, seconds: float, share: float) -> ArmTick:
    made = arm(version, role, n, 0, share)
    made.total = {bucket(seconds): n}
    made.total_sum = n * seconds
    return made


def test_canary_from_shadow_to_primary() -> None:
    house = house_of(canary_release())
    assert (phase(house), house.shadows(), house.split()) == ("shadowing", {"v2": 100.0}, {})
    copies(house, 49)
    assert phase(house) == "shadowing"
    copies(house, 1)
    assert (phase(house), house.shadows(), house.split()) == ("ramping", {}, {"v2": 10.0})
    house.traffic(900, 100)
    assert house.split() == {"v2": 50.0}
    house.traffic(300, 300, share=0.5)
    house.now += 60
    house.engine.on_time(house.now)
    state = house.engine.state("cancer")
    assert (state.phase, state.primary, state.previous, house.split()) == ("promoted", "v2", "v1", {})
    assert [change.action for change in house.heard] == ["start", "advance", "advance", "promote"]


def test_a_shadow_that_fails_never_gets_live_traffic() -> None:
    house = house_of(canary_release())
    copies(house, 60, bad=60)
    assert phase(house) == "rolled_back"
    assert all(not route.split for table in house.tables for route in table.routes)


def test_shadow_observes_and_never_switches() -> None:
    house = house_of(Release("v2", "shadow", (Stage(shadow=50.0, requests=10),), GUARD))
    for _ in range(20):
        copies(house, 100)
    house.now += 1e6
    house.engine.on_time(house.now)
    assert (phase(house), house.shadows(), house.split()) == ("shadowing", {"v2": 50.0}, {})
    assert house.engine.verdict("cancer").outcome == "pass"


BLUE_GREEN = Release("v2", "blue-green", (Stage(shadow=100.0, requests=100),), rollback_window=600.0)


def switched(guard: Guard | None = None) -> House:
    house = house_of(replace(BLUE_GREEN, guard=guard or GUARD))
    for _ in range(10):
        house.tick(timed("v1", "primary", 100, 0.010, 1.0), timed("v2", "shadow", 100, 0.010, 1.0))
    assert phase(house) == "promoted"
    assert house.table.routes[0].primary == "v2"
    return house


def test_blue_green_switches_at_once_after_its_checks_and_one_breach_leads_back() -> None:
    house = switched()
    assert house.engine.state("cancer").after is not None
    house.tick(arm("v2", "primary", 500, 0, 1.0))
    assert phase(house) == "promoted"
    house.tick(arm("v2", "primary", 100, 100, 1.0))
    state = house.engine.state("cancer")
    assert (state.phase, state.primary, state.rolled_back) == ("rolled_back", "v1", ("v2",))
    assert house.table.routes[0].primary == "v1"


def test_after_the_switch_latency_is_held_to_what_the_old_primary_had() -> None:
    house = switched(Guard({"latency_p99": Limit(max_ratio=1.25)}, warm_up=0))
    after = house.engine.state("cancer").after
    assert after is not None
    assert after.scorecard["latency_p99"].max == pytest.approx(0.010 * 1.25 * 1.1, rel=0.02)
    for _ in range(30):
        house.tick(timed("v2", "primary", 100, 0.050, 1.0))
    assert phase(house) == "rolled_back"


def test_the_window_ends_and_a_rollback_by_hand_is_still_possible() -> None:
    house = switched()
    house.tick(arm("v2", "primary", 500, 0, 1.0))
    house.now += 601
    house.engine.on_time(house.now)
    state = house.engine.state("cancer")
    assert (state.phase, state.after, house.heard[-1].action) == ("promoted", None, "settle")
    house.tick(arm("v2", "primary", 500, 500, 1.0))
    assert phase(house) == "promoted", "nobody watches any more, as was said"
    house.engine.command(
        "cancer", "rollback", lambda s: transitions.rollback(s, (), "", house.now), "ops", "", house.now
    )
    assert house.table.routes[0].primary == "v1"


def test_the_window_outlives_a_restart() -> None:
    house = switched()
    again = House(house.engine.settings, house.store)
    assert again.engine.state("cancer").after == house.engine.state("cancer").after
    again.tick(arm("v2", "primary", 100, 100, 1.0))
    assert phase(again) == "rolled_back"


def test_big_bang_gives_all_at_once_and_is_guarded_afterwards() -> None:
    house = house_of(Release("v2", "big-bang", accept_risk=True, rollback_window=600.0))
    assert (phase(house), house.table.routes[0].primary) == ("promoted", "v2")
    house.tick(arm("v2", "primary", 50, 50, 1.0))
    assert (phase(house), house.table.routes[0].primary) == ("rolled_back", "v1")


TEST = Release(
    "v2",
    "ab-test",
    (Stage(canary=60.0, requests=100),),
    Guard({"error_rate": Limit(max_ratio=1.5)}, false_alarm=0.01),
    arms={"v2": 30.0, "v3": 30.0},
)
STICKY = Sticky("header", "x-user-id")


def arms(house: House) -> None:
    """The primary and v3 fail alike, v2 never."""
    house.tick(arm("v1", "primary", 400, 8, 0.4), arm("v2", "canary", 300, 0, 0.3), arm("v3", "canary", 300, 6, 0.3))


def test_an_ab_test_keeps_its_arms_and_never_switches_by_itself() -> None:
    house = house_of(TEST, sticky=STICKY)
    assert (phase(house), house.split()) == ("ramping", {"v2": 30.0, "v3": 30.0})
    for _ in range(100):
        arms(house)
    assert (phase(house), house.split()) == ("ramping", {"v2": 30.0, "v3": 30.0})
    assert {verdict.version for verdict in house.engine.status("cancer").verdicts} == {"v2", "v3"}


def test_an_ab_test_promotes_the_arm_that_has_proved_itself_when_asked() -> None:
    house = house_of(replace(TEST, promote_winner=True), sticky=STICKY)
    for _ in range(40):
        arms(house)
    assert (phase(house), house.engine.state("cancer").primary) == ("promoted", "v2")
    assert "v2 has proved itself" in house.engine.state("cancer").reason


def worse(house: House, looks: int = 1, **failing: int) -> None:
    """Each arm gets 100 requests a look, and fails as often as is said."""
    for _ in range(looks):
        taken = house.split()
        left = 1.0 - sum(taken.values()) / 100.0
        legs = [arm(v, "canary", 100, failing.get(v, 1), part / 100.0) for v, part in taken.items()]
        house.tick(arm("v1", "primary", 200, 2, left), *legs)


def test_a_bad_arm_leaves_and_the_others_go_on() -> None:
    house = house_of(TEST, sticky=STICKY)
    worse(house, 5)
    had = next(v for v in house.engine.status("cancer").verdicts if v.version == "v3")
    worse(house, v2=90)
    state, change = house.engine.state("cancer"), house.heard[-1]
    assert (state.phase, state.left, state.rolled_back, state.candidate) == ("ramping", ("v2",), ("v2",), "v3")
    assert (change.action, event_of(change)) == ("leave", "rollback") and change.why.startswith("v2: error_rate")
    assert [(s.version, s.percent, s.vacant) for s in house.table.routes[0].split] == [
        ("v2", 30.0, True),
        ("v3", 30.0, False),
    ]
    assert house.engine.rollbacks == {("cancer", "error_rate"): 1}
    (line,) = {v.version: v for v in house.engine.status("cancer").verdicts if v.metric == "error_rate"}.values()
    assert (line.version, line.n) == ("v3", had.n + 100), "its evidence is untouched"
    assert house.engine.status("cancer").legs == 1200
    worse(house, v3=90)
    assert (phase(house), house.engine.state("cancer").rolled_back, house.split()) == ("rolled_back", ("v2", "v3"), {})


def test_an_arm_that_has_left_stays_away_over_restarts_and_reloads() -> None:
    house = house_of(TEST, sticky=STICKY)
    worse(house, v2=90)
    again = House(house.engine.settings, house.store)
    assert again.engine.state("cancer").left == ("v2",)
    changed = replace(TEST, arms={"v2": 20.0, "v3": 20.0})
    wider = settings(section(split=(), shadows=(), release=changed, sticky=STICKY))
    third = House(wider, house.store)
    assert (phase(third), third.engine.state("cancer").left) == ("ramping", ("v2",))
    third.engine.command("cancer", "rollback", lambda s: transitions.rollback(s, (), "", 0.0), "ops", "", 0.0)
    third.engine.command("cancer", "release", lambda s: transitions.start(s, changed, "", 0.0), "ops", "", 0.0)
    assert third.engine.state("cancer").left == (), "somebody wanted it back"


def test_each_arm_is_told_of_once() -> None:
    house = house_of(replace(TEST, guard=replace(TEST.guard, on_breach="notify")), sticky=STICKY)
    worse(house, 3, v2=90, v3=90)
    told = [change.why.split(":")[0] for change in house.heard if change.action == "notify"]
    assert told == ["v2", "v3"] and phase(house) == "ramping"


LABELLED = replace(
    TEST,
    guard=Guard({"accuracy": Limit(max_drop=0.1)} | GUARD.scorecard, false_alarm=0.01),
    promote_winner=True,
    require="no_breach",
)


def labelled(house: House, n: int, **right: float) -> None:
    """Answers of the primary and two arms in turn, each with its label at once; part of them is right."""
    parts: dict[str, tuple[Any, float]] = {"v1": ("primary", 0.4), "v2": ("canary", 0.3), "v3": ("canary", 0.3)}
    legs = []
    for at, (version, (role, share)) in enumerate(parts.items()):
        house.tick(arm(version, role, round(n * share / 0.3), 0, share))
        for i in range(round(n * share / 0.3)):
            guess = int((i * 37 + at * 11) % 100 < 100 * right[version])
            output = Tensor("p", 1, 1, "number", [float(guess)], integer=True)
            request, times = f"{house.seq}-{i}", (200, "", i / share, 0.0, 0.01)
            legs.append(observation((0, "a"), i, request, "cancer", version, role, share, *times, outputs=(output,)))
    for leg in sorted(legs, key=lambda leg: leg.started):
        house.board.on_observations([leg], house.now)
        house.board.on_label(leg.request_id, 1, house.now)
    house.engine.on_time(house.now)


def test_an_ab_test_by_labels_is_won_by_the_arm_that_is_better_and_by_no_other() -> None:
    house = house_of(LABELLED, sticky=STICKY)
    labelled(house, 300, v1=0.8, v2=0.79, v3=0.82)
    state = house.engine.state("cancer")
    assert state.phase == "ramping"
    aims = {v.version: v for v in house.engine.status("cancer").verdicts if v.aim}
    assert "not proved yet, not at the present rate" in aims["v2"].sentence
    assert "not proved yet, about" in aims["v3"].sentence and aims["v3"].needed
    assert house.engine.verdict("cancer").needed == aims["v3"].needed
    for _ in range(4):
        labelled(house, 300, v1=0.8, v2=0.79, v3=0.9)
    state = house.engine.state("cancer")
    assert (state.phase, state.primary) == ("promoted", "v3")
    assert "v3 has proved itself: accuracy gain" in state.reason and "proved: better than the primary" in state.reason


def test_no_arm_wins_by_less_than_the_gain_that_is_asked_for() -> None:
    house = house_of(replace(LABELLED, min_gain=0.15), sticky=STICKY)
    for _ in range(4):
        labelled(house, 300, v1=0.8, v2=0.79, v3=0.9)
    assert phase(house) == "ramping"


def test_every_canary_of_a_split_by_hand_is_judged() -> None:
    house = House(settings())
    house.engine.command(
        "cancer", "split", lambda s: transitions.split(s, {"v2": 30.0, "v3": 10.0}, "", 0.0), "ops", "", 0.0
    )
    house.tick(arm("v1", "primary", 60, 0, 0.6), arm("v2", "canary", 30, 0, 0.3), arm("v3", "canary", 20, 20, 0.1))
    state = house.engine.state("cancer")
    assert (state.phase, state.rolled_back, house.split()) == ("rolled_back", ("v3",), {})
