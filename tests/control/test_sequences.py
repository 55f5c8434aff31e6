"""Any sequence of events, restarts, lost writes and reloads: what must always hold.

- A version that was rolled back gets live traffic only after an explicit change (a split or a release by hand).
- A breach leads to the primary alone, from every phase in which a candidate can have traffic.
- What was acknowledged is there after a restart; the audit chain holds; table revisions grow.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, note
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.contracts.release import RouteState
from proxy.contracts.settings import ConfigError, Guard, Problem, Release, RouteSettings, Settings, Stage
from proxy.contracts.table import Share, Table
from proxy.control.engine_errors import NotStoredYetError
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import verify
from proxy.release.phases import TransitionRefused, legal
from tests.control.houses import House, arm, section, settings

STAGES = (Stage(shadow=100.0, requests=10), Stage(canary=10.0, requests=10), Stage(canary=50.0, requests=10))

SECTIONS: dict[str, RouteSettings] = {
    "canary": section(),
    "more": section(split=(Share("v2", 40.0),)),
    "two": section(split=(Share("v2", 20.0), Share("v3", 20.0)), shadows=()),
    "other primary": section(primary="v2", split=(Share("v3", 5.0),), shadows=()),
    "release": section(split=(), release=Release("v2", "canary", STAGES)),
    "release v3": section(split=(), shadows=(), release=Release("v3", "blue-green", STAGES[:1], rollback_window=60.0)),
    "all at once": section(split=(), release=Release("v2", "big-bang", accept_risk=True, rollback_window=60.0)),
    "pauses": section(guard=Guard(on_breach="pause")),
    "nothing": section(split=(), shadows=()),
}

versions = st.sampled_from(["v1", "v2", "v3"])


class FailingStore(Store):
    """A store on a disk that is full while `full` is set."""

    full = False

    def save(self, *args: Any) -> None:
        if self.full:
            raise StoreError("the disk is full")
        super().save(*args)


class Releases(RuleBasedStateMachine):
    """`condemned`: versions that were rolled back and that nobody has let in again since."""

    @initialize(name=st.sampled_from(sorted(SECTIONS)))
    def begin(self, name: str) -> None:
        self.store = FailingStore(":memory:")
        self.settings: Settings = settings(SECTIONS[name])
        self.house = House(self.settings, self.store)
        self.condemned: set[str] = set()
        self.revision = 0
        self.acknowledged: RouteState | None = None

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    @property
    def state(self) -> RouteState:
        return self.house.engine.state("cancer")

    def live(self, table: Table | None = None) -> set[str]:
        route = (table or self.house.table).routes[0]
        return {route.primary, *(share.version for share in route.split)}

    def after_a_change(self) -> None:
        self.condemned |= {*self.state.rolled_back}
        self.house.now += 0.01

    def by_hand(self, action: str, move: Any, frees: set[str]) -> None:
        before, table = self.state, self.house.table
        try:
            after = self.house.engine.command("cancer", action, move, "ops", "", self.house.now)
        except (TransitionRefused, StoreError) as refused:
            note(f"{action}: {refused}")
            assert self.state is before
            assert self.house.table is table
            return
        except NotStoredYetError:
            after = self.state
            assert self.store.full
            assert transitions.takes_off(before, after)
        self.condemned -= frees
        self.acknowledged = after
        self.after_a_change()

    @rule(shares=st.dictionaries(versions, st.sampled_from([0.0, 5.0, 50.0]), max_size=2))
    def split(self, shares: dict[str, float]) -> None:
        percents = transitions.without(shares, (self.state.primary,))
        given = {version for version, percent in percents.items() if percent}
        self.by_hand("split", lambda s: transitions.split(s, percents, "", self.house.now), given)

    @rule(shares=st.dictionaries(versions, st.sampled_from([0.0, 50.0]), max_size=2))
    def shadows(self, shares: dict[str, float]) -> None:
        self.by_hand(
            "shadows", lambda s: transitions.shadows(s, transitions.without(shares, (s.primary,)), "", 0.0), set()
        )

    @rule()
    def pause(self) -> None:
        self.by_hand("pause", lambda s: transitions.pause(s, "", self.house.now), set())

    @rule()
    def resume(self) -> None:
        self.by_hand("resume", lambda s: transitions.resume(s, "", self.house.now), set())

    @rule(version=st.none() | versions)
    def promote(self, version: str | None) -> None:
        self.by_hand("promote", lambda s: transitions.promote(s, version, "", self.house.now), set())

    @rule()
    def rollback(self) -> None:
        self.by_hand("rollback", lambda s: transitions.rollback(s, (), "", self.house.now), set())

    @rule(candidate=versions, strategy=st.sampled_from(["canary", "shadow", "blue-green"]))
    def release(self, candidate: str, strategy: Any) -> None:
        plan = Release(candidate, strategy, STAGES, rollback_window=30.0)
        self.by_hand("release", lambda s: transitions.start(s, plan, "", self.house.now), {candidate})

    @rule(bad=st.sampled_from([0, 0, 30]), worker=st.integers(0, 1))
    def traffic(self, bad: int, worker: int) -> None:
        split, shadows = transitions.weights(self.state)
        before = self.state
        arms = [arm(self.state.primary, "primary", 100, bad if not split else 0, 1.0 - sum(split.values()) / 100.0)]
        arms += [arm(version, "canary", 30, bad, percent / 100.0) for version, percent in split.items()]
        arms += [arm(version, "shadow", 30, 0, percent / 100.0) for version, percent in shadows.items()]
        self.house.tick(*arms)
        if bad and split and legal(before.phase, "rollback") and self.guard(before).on_breach == "rollback":
            assert self.state.phase == "rolled_back"
            assert self.live() == {self.state.primary}
        self.after_a_change()

    def guard(self, state: RouteState) -> Guard:
        from proxy.release.plan import guard_of

        return guard_of(self.house.engine.route("cancer").section, state)

    @rule(seconds=st.sampled_from([1.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.house.now += seconds
        self.house.engine.on_time(self.house.now)
        self.after_a_change()

    @rule(name=st.sampled_from(sorted(SECTIONS)))
    def reload(self, name: str) -> None:
        self.settings = settings(SECTIONS[name])
        assert self.house.engine.reload(lambda: self.settings, self.house.now)
        self.acknowledged = None
        self.after_a_change()

    @rule()
    def reload_broken(self) -> None:
        def broken() -> Settings:
            raise ConfigError((Problem("routes", "nothing", "something"),))

        table = self.house.table
        assert not self.house.engine.reload(broken, self.house.now)
        assert self.house.table is table

    @rule()
    def restart(self) -> None:
        """Control is killed; the next one has the store and the last published table."""
        state, old = self.state, self.house
        stored = self.store.head.revision == old.table.revision
        self.house = House(self.settings, self.store, old.table)
        self.house.now = old.now
        if stored:
            assert self.state == state
        self.after_a_change()

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:
        self.store.full = full
        self.house.engine.on_time(self.house.now)
        self.after_a_change()

    @invariant()
    def no_rolled_back_version_has_traffic(self) -> None:
        if hasattr(self, "house"):
            assert not self.condemned & self.live(), (self.condemned, self.state)

    @invariant()
    def a_rolled_back_route_has_its_primary_alone(self) -> None:
        if hasattr(self, "house") and self.state.phase == "rolled_back":
            assert self.live() == {self.state.primary}

    @invariant()
    def the_table_is_what_the_state_says(self) -> None:
        if hasattr(self, "house"):
            split, _ = transitions.weights(self.state)
            assert self.live() == {self.state.primary, *split}
            assert sum(split.values()) <= 100.0 + 1e-9
            assert self.state.primary not in split

    @invariant()
    def revisions_grow_and_the_chain_holds(self) -> None:
        if hasattr(self, "house"):
            assert self.house.table.revision >= self.revision
            self.revision = self.house.table.revision
            assert verify(self.store.chain(), self.store.head.count, self.store.head.hash) is None


def machine(begin: str) -> Releases:
    told = Releases()
    told.begin(begin)
    return told


def checked(told: Releases) -> None:
    told.no_rolled_back_version_has_traffic()
    told.a_rolled_back_route_has_its_primary_alone()
    told.the_table_is_what_the_state_says()
    told.teardown()


def test_a_primary_of_before_that_was_rolled_back_unstored_stays_so_under_another_section() -> None:
    """The store still gave it a part of the traffic, and the new section would make it the primary again."""
    told = machine("all at once")
    told.split({"v1": 5.0})
    told.disk(True)
    told.rollback()
    told.reload("canary")
    told.restart()
    assert told.condemned == {"v1"} and told.state.primary == "v2"
    checked(told)


def test_a_version_that_the_store_never_knew_stays_rolled_back() -> None:
    told = machine("nothing")
    told.disk(True)
    told.reload("canary")
    told.rollback()
    told.reload("other primary")
    told.restart()
    assert told.condemned == {"v2"} and told.state.primary == "v1"
    checked(told)


@pytest.mark.parametrize("full", [False, True])
def test_a_primary_that_was_changed_in_the_file_while_control_was_down_is_the_primary(full: bool) -> None:
    told = machine("canary")
    told.disk(full)
    told.reload("nothing")
    told.house = House(settings(SECTIONS["other primary"]), told.store, told.house.table)
    assert told.state.primary == "v2"
    checked(told)


Releases.TestCase.settings = effort(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestReleases = pytest.mark.filterwarnings("ignore::ResourceWarning")(Releases.TestCase)
