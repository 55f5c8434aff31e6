"""What is said of a change before it is made is what comes of it, whatever the change and whatever came before.

And an undo: what a person changed last comes back, what a breach took off does not come back with it.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, note
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from proxy.contracts.record import Tick
from proxy.contracts.release import RouteState
from proxy.contracts.table import Sticky
from proxy.control.api.moves import MOVES
from proxy.control.api.problems import ApiError
from proxy.control.effects import Effect, Flow, effect_of
from proxy.control.route_control import live_split
from proxy.release import transitions
from proxy.release.phases import TransitionRefused
from tests.control.houses import House, arm, canary_release, section, settings, together
from tests.control.test_sequences import SECTIONS

versions = st.sampled_from(["v2", "v3"])


def effect(house: House, action: str, route: str = "cancer", **body: Any) -> Effect:
    move, _ = MOVES[action](house.engine, route, body, house.now)
    return effect_of(house.engine, route, action, move, house.now)


def act(house: House, action: str, route: str = "cancer", **body: Any) -> RouteState:
    house.now += 1.0
    move, why = MOVES[action](house.engine, route, body, house.now)
    return house.engine.command(route, action, move, "ops", why, house.now)


def test_a_rollback_says_who_goes_back_and_what_stays(house: House) -> None:
    house.engine.on_tick(Tick(0, "a", 1, 1, streams=[("cancer", "v2", "canary", 3)]), house.now)
    found = effect(house, "rollback", reason="bad")
    (route,) = found.routes
    assert (route.before.split, route.after.split) == ({"v1": 90.0, "v2": 10.0}, {"v1": 100.0})
    assert (route.moved, route.sticky) == ((Flow("v2", "v1", 10.0),), False)
    assert (route.streams, route.resets, route.rolled_back) == ({"v2": 3}, (), ("v2",))
    assert (route.evidence, found.gives, found.changes) == ({"v2": "ends"}, False, True)
    assert house.split() == {"v2": 10.0}


def test_streams_that_a_rollback_ends_are_told() -> None:
    house = House(settings(section(on_rollback="reset", sticky=Sticky("header", "x-user-id"))))
    house.engine.on_tick(Tick(0, "a", 1, 1, streams=[("cancer", "v2", "canary", 3)]), house.now)
    (route,) = effect(house, "rollback").routes
    assert (route.resets, route.sticky) == (("v2",), True)
    (route,) = effect(house, "split", v3=10.0).routes
    assert (route.streams, route.resets) == ({"v2": 3}, ())


def test_evidence_goes_on_where_the_comparison_is_the_same(house: House) -> None:
    (route,) = effect(house, "split", v2=25.0).routes
    assert route.evidence == {"v2": "goes on"}
    (route,) = effect(house, "split", v2=25.0, v3=5.0).routes
    assert route.evidence == {"v2": "goes on", "v3": "anew"}


def test_a_baseline_has_its_part_in_what_is_said() -> None:
    from proxy.contracts.settings import Baseline

    house = House(settings(section(split=(), baseline=Baseline("v3"), shadows=())))
    (route,) = effect(house, "split", v2=10.0).routes
    assert route.after.split == {"v1": 80.0, "v2": 10.0, "v3": 10.0}
    assert {(flow.target, flow.percent) for flow in route.moved} == {("v2", 10.0), ("v3", 10.0)}


def test_all_routes_of_a_release_have_their_effects() -> None:
    house = House(settings(*together()))
    found = effect(house, "promote", "predict")
    assert (found.release, [each.route for each in found.routes]) == ("fraud-2", ["features", "predict", "explain"])
    assert [each.after.primary for each in found.routes] == ["v2", "v3", "v2"]
    assert len(effect(house, "shadows", "predict", v2=5.0).routes) == 1


def test_a_guarded_promote_tells_its_window() -> None:
    house = House(settings(section(split=(), release=canary_release(rollback_window=60.0))))
    house.tick(arm("v1", "primary", 100), arm("v2", "shadow", 100))
    (route,) = effect(house, "promote").routes
    assert route.after.phase == "promoted"
    assert route.window in (0.0, 60.0)
    assert (route.window > 0) == (act(house, "promote").after is not None)


class Foreseen(RuleBasedStateMachine):
    """Every act is foreseen first. `bad`: versions that a breach took off, and nobody let in since."""

    @initialize(name=st.sampled_from(sorted(SECTIONS)))
    def begin(self, name: str) -> None:
        self.house = House(settings(SECTIONS[name]))
        self.bad: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.house.store.close()

    @property
    def state(self) -> RouteState:
        return self.house.engine.state("cancer")

    def act(self, action: str, **body: Any) -> bool:
        engine, before, tables = self.house.engine, self.state, len(self.house.tables)
        self.house.now += 0.01
        try:
            foreseen = effect(self.house, action, **body)
        except (TransitionRefused, ApiError) as refused:
            said = f"{type(refused).__name__}: {refused}"
            note(f"{action}: {said}")
            with pytest.raises((TransitionRefused, ApiError)) as again:
                self.command(action, body)
            assert f"{again.type.__name__}: {again.value}" == said
            return False
        assert (self.state, len(self.house.tables)) == (before, tables)
        failing = {line.version for line in engine.status("cancer").verdicts if line.outcome == "fail"}
        self.command(action, body)
        route, control = foreseen.routes[0], engine.route("cancer")
        assert route.after.split == {name: round(share, 9) for name, share in live_split(control).items()}
        assert (route.after.phase, route.after.primary) == (control.state.phase, control.state.primary)
        assert route.after.shadows == control.situation.shadows
        assert {*route.evidence} >= {*control.situation.candidates}
        assert foreseen.changes == (route.before != route.after or bool(route.let_in))
        moved = {name: percent - route.before.split.get(name, 0.0) for name, percent in route.after.split.items()}
        for name, change in moved.items():
            came = sum(flow.percent for flow in route.moved if flow.target == name)
            went = sum(flow.percent for flow in route.moved if flow.source == name)
            assert abs(came - went - change) < 1e-6
        self.bad -= {*self.live(), *transitions.candidates(self.state)} if action in ("split", "release") else set()
        if action == "rollback":
            self.bad |= failing & {*self.state.rolled_back}
        return True

    def command(self, action: str, body: dict[str, Any]) -> None:
        move, why = MOVES[action](self.house.engine, "cancer", body, self.house.now)
        self.house.engine.command("cancer", action, move, "ops", why, self.house.now)

    def live(self) -> set[str]:
        route = self.house.table.routes[0]
        return {route.primary, *(share.version for share in route.split)}

    @rule(shares=st.dictionaries(versions, st.sampled_from([0.0, 5.0, 50.0]), max_size=2))
    def split(self, shares: dict[str, float]) -> None:
        self.act("split", split=transitions.without(shares, (self.state.primary,)))

    @rule(shares=st.dictionaries(versions, st.sampled_from([0.0, 50.0]), max_size=2))
    def shadows(self, shares: dict[str, float]) -> None:
        self.act("shadows", shadows=transitions.without(shares, (self.state.primary,)))

    @rule(action=st.sampled_from(["pause", "resume", "promote", "rollback", "release"]))
    def simple(self, action: str) -> None:
        self.act(action, reason="why")

    @rule()
    def release(self) -> None:
        self.act("release", candidate="v2", strategy="canary", stages=[{"canary": 10, "requests": 10}])

    @rule(bad=st.sampled_from([0, 0, 40]))
    def traffic(self, bad: int) -> None:
        split, _ = transitions.weights(self.state)
        before = self.state
        arms = [arm(self.state.primary, "primary", 100, 0, 1.0 - sum(split.values()) / 100.0)]
        arms += [arm(version, "canary", 40, bad, percent / 100.0) for version, percent in split.items()]
        for _ in range(3):
            self.house.tick(*arms)
        if self.state.phase == "rolled_back" != before.phase:
            self.bad |= {*transitions.taken_off(before)}

    @rule(give=st.booleans())
    def undo(self, give: bool) -> None:
        before = self.state
        done = self.act("undo", reason="a mistake", give_traffic=give)
        if done and not give:
            more = {v for v, share in transitions.weights(self.state)[0].items() if share}
            assert not (more & self.bad) - {*transitions.weights(before)[0]}
        if done and give:
            self.bad -= self.live()

    @rule(shares=st.dictionaries(versions, st.sampled_from([5.0, 50.0]), min_size=1, max_size=2))
    def split_and_undo(self, shares: dict[str, float]) -> None:
        before, bad = self.state, self.bad
        if not self.act("split", split=transitions.without(shares, (self.state.primary,))) or before == self.state:
            return
        self.bad = bad
        if self.act("undo", reason="a mistake"):
            assert transitions.weights(self.state) == transitions.weights(before)
            assert (self.state.phase, self.state.primary) == (before.phase, before.primary)
            assert self.state.rolled_back == before.rolled_back

    @rule(version=versions, by_hand=st.booleans())
    def breach_and_undo(self, version: str, by_hand: bool) -> None:
        if version == self.state.primary or not self.act("split", split={version: 50.0}):
            return
        self.traffic(40)
        if by_hand:
            self.act("rollback", reason="worse")
        self.undo(give=False)


Foreseen.TestCase.settings = effort(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestForeseen = Foreseen.TestCase
