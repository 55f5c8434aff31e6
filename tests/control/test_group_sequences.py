"""Any sequence of events on a release over several routes, restarts, lost writes and reloads: what must always hold.

- All of its routes stand at the same place of the same release, and give their candidates the same percent.
- A breach on any of them leads all to their primaries.
- A version that was rolled back gets live traffic only after an explicit change.
- Each change of theirs is one table; the audit chain holds, and what it ends with are the live states.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Release, RouteSettings, Settings, Stage
from proxy.control.api.moves import MOVES
from proxy.control.api.problems import ApiError
from proxy.control.engine_errors import NotStoredYetError
from proxy.control.state.recovery import chain_states
from proxy.control.state.state_file import StoreError
from proxy.release import transitions
from proxy.release.audit import verify
from proxy.release.phases import TransitionRefused, legal
from tests.control.houses import GUARD, House, arm, canary_release, section, settings, together
from tests.control.test_sequences import FailingStore

STAGES = (Stage(shadow=100.0, requests=10), Stage(canary=10.0, requests=10), Stage(canary=50.0, requests=10))
COURSE = canary_release(stages=STAGES, rollback_window=60.0)
TWO = {"features": "v2", "predict": "v3"}
PAUSES = replace(COURSE, guard=replace(GUARD, on_breach="pause"))

FILES: dict[str, tuple[RouteSettings, ...]] = {
    "three": together(COURSE),
    "at once": together(replace(COURSE, stages=STAGES[1:])),
    "two": (*together(COURSE, TWO), section("explain", split=())),
    "others": together(COURSE, {"features": "v3", "predict": "v3", "explain": "v2"}),
    "pauses": together(PAUSES),
    "blue-green": together(Release("v2", "blue-green", STAGES[:1], guard=GUARD, rollback_window=60.0)),
    "apart": tuple(section(name, split=()) for name in ("features", "predict", "explain")),
}
members = st.sampled_from(["features", "predict", "explain"])


class Together(RuleBasedStateMachine):
    """`condemned`: (route, version) that was rolled back and that nobody has let in again since."""

    @initialize(name=st.sampled_from(sorted(FILES)))
    def begin(self, name: str) -> None:
        self.store = FailingStore(":memory:")
        self.settings: Settings = settings(*FILES[name])
        self.house = House(self.settings, self.store)
        self.condemned: set[tuple[str, str]] = set()
        self.tables = len(self.house.tables)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    @property
    def states(self) -> dict[str, RouteState]:
        return self.house.engine.states

    def of(self, route: str) -> list[RouteState]:
        return list(self.house.engine.release_of(route).states)

    def after_a_change(self) -> None:
        self.condemned |= {(s.route, version) for s in self.states.values() for version in s.rolled_back}
        self.house.now += 0.01

    def by_hand(self, route: str, action: str, body: dict[str, Any], frees: bool = False) -> None:
        engine, before, tables = self.house.engine, self.states, len(self.house.tables)
        try:
            move, why = MOVES[action](engine, route, body, self.house.now)
            engine.command(route, action, move, "ops", why, self.house.now)
        except (ApiError, TransitionRefused, StoreError):
            assert self.states == before
            assert len(self.house.tables) == tables
            return
        except NotStoredYetError:
            assert self.store.full
        assert len(self.house.tables) == tables + 1
        live = {(s.route, version) for s in self.of(route) for version in transitions.candidates(s)}
        self.condemned -= live if frees else set()
        self.after_a_change()

    @rule(route=members, action=st.sampled_from(["pause", "resume", "promote", "rollback"]))
    def command(self, route: str, action: str) -> None:
        self.by_hand(route, action, {})

    @rule(route=members)
    def release(self, route: str) -> None:
        self.by_hand(route, "release", {}, frees=True)

    @rule(route=members, percent=st.sampled_from([0, 5, 50, 100]))
    def split(self, route: str, percent: int) -> None:
        release = self.states[route].release
        other = next(
            (v for v in (release.candidate if release else "v2", "v1") if v != self.states[route].primary), "v2"
        )
        self.by_hand(route, "split", {other: percent}, frees=True)

    @rule(route=members, version=st.sampled_from(["v2", "v3"]))
    def shadows(self, route: str, version: str) -> None:
        self.by_hand(route, "shadows", {version: 10})

    @rule(route=members, bad=st.sampled_from([0, 0, 0, 30]))
    def traffic(self, route: str, bad: int) -> None:
        for state in self.of(route):
            now = self.states[state.route]
            split, shadows = transitions.weights(now)
            ill = bad if state.route == route else 0
            share = 1.0 - sum(split.values()) / 100.0
            arms = [arm(now.primary, "primary", 100, ill if not split else 0, share, state.route)]
            arms += [arm(v, "canary", 30, ill, percent / 100.0, state.route) for v, percent in split.items()]
            arms += [arm(v, "shadow", 30, 0, percent / 100.0, state.route) for v, percent in shadows.items()]
            before, guard = self.of(route), self.house.engine.route(route).guard
            self.house.tick(*arms)
            compared = 0.0 < sum(split.values()) < 100.0  # else nobody is left to be compared with
            if ill and compared and legal(now.phase, "rollback") and guard.on_breach == "rollback":
                assert {each.phase for each in self.of(route)} == {"rolled_back"}
                assert len(before) == len(self.of(route))
        self.after_a_change()

    @rule(seconds=st.sampled_from([1.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.house.now += seconds
        self.house.engine.on_time(self.house.now)
        self.after_a_change()

    @rule(name=st.sampled_from(sorted(FILES)))
    def reload(self, name: str) -> None:
        self.settings = settings(*FILES[name])
        assert self.house.engine.reload(lambda: self.settings, self.house.now)
        self.after_a_change()

    @rule()
    def restart(self) -> None:
        states, old = self.states, self.house
        stored = self.store.head.revision == old.table.revision
        self.house = House(self.settings, self.store, old.table)
        self.house.now = old.now
        if stored:
            assert self.states == states
        self.after_a_change()

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:
        self.store.full = full
        self.house.engine.on_time(self.house.now)
        self.after_a_change()

    @invariant()
    def routes_of_one_release_stand_together(self) -> None:
        for release in self.house.engine.releases.values() if hasattr(self, "house") else ():
            states = release.states
            assert len({state.phase for state in states}) == 1, states
            assert len({(s.stage, s.stage_since) for s in states if transitions.releasing(s)}) <= 1
            assert len({tuple(transitions.weights(state)[0].values()) for state in states}) == 1

    @invariant()
    def no_rolled_back_version_has_traffic(self) -> None:
        for route in self.house.table.routes if hasattr(self, "house") else ():
            live = {(route.name, version) for version in (route.primary, *(share.version for share in route.split))}
            assert not self.condemned & live, (self.condemned, self.states[route.name])

    @invariant()
    def the_chain_holds_and_ends_with_the_states(self) -> None:
        if hasattr(self, "house"):
            assert verify(self.store.chain(), self.store.head.count, self.store.head.hash) is None
            if not self.house.engine.unsaved:
                ends = chain_states(self.store.end_of_chain(1000), self.store.head)
                assert ends.whole
                assert {name: ends.states[name] for name in self.states} == self.states


Together.TestCase.settings = effort(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTogether = pytest.mark.filterwarnings("ignore::ResourceWarning")(Together.TestCase)
