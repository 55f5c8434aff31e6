"""The single writer of live states: ticks and commands in, tables out.

    tick → board.on_tick → evidence → scorecard.judge → decide → transitions → store → publish
    command (who, why) ───────────────────────────────────────→ transitions → store → publish
    reload ───────────────────────────────────────────── plan.merge ───────→ store → publish

- A command is acknowledged after it is proved durable; when it cannot be it is refused and changes nothing.
- What only takes traffic off does not wait for a full disk: it is published, kept, and stored as soon as that works
  (`NotStoredYetError` tells who asked for it by hand).
- A configuration that cannot be used leaves the one in force; its problems are kept and shown until a good one comes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from proxy.contracts.identity import IdentityChange
from proxy.contracts.notices import Notice, texts
from proxy.contracts.record import MAX_FAILED_KEYS, Record, Tick
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import ConfigError, Problem, RouteSettings, Settings
from proxy.contracts.table import Protocol, Table
from proxy.control.acts import acted, tell
from proxy.control.adoption import Merged, adopted, merged
from proxy.control.changes import Changes
from proxy.control.engine_errors import NotStoredYetError, UnknownReleaseError, UnknownRouteError
from proxy.control.judgement import judge
from proxy.control.packages import admit, refusals, withheld
from proxy.control.primary_figures import figures_of
from proxy.control.release_control import ReleaseControl, commanded, releases_of
from proxy.control.route_control import RouteControl, RouteStatus, followed
from proxy.control.standstill import Standstills
from proxy.control.state.keeper import Keeper
from proxy.control.state.recovery import Recovered
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.control.warnings import Warnings
from proxy.release import decide, plan, scorecard, transitions
from proxy.release.audit import Change, Link
from proxy.release.baseline import judged_by
from proxy.release.post_promotion import guard_after
from proxy.stats.board import Board
from proxy.stats.look import Look

log = logging.getLogger("penumbra.engine")

LOOK_SECONDS = 0.25
"""Seconds between calls of `on_time`, in production and in a rehearsal."""

Move = Callable[[RouteState], RouteState]
States = tuple[RouteState, ...]


class Engine:
    """`publish` takes each new table; `listen` hears of each change after it is in force."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        board: Board,
        publish: Callable[[Table], None],
        listen: Callable[[Change, float], None] = lambda change, now: None,
        clock: SteadyClock | None = None,
    ) -> None:
        self.settings = settings
        self.board = board
        self.routes: dict[str, RouteControl] = {}
        self.releases: dict[str, ReleaseControl] = {}
        self.problems: tuple[Problem, ...] = ()
        self.reloaded = 0.0
        self.spoken: Mapping[str, Protocol] = {}
        self.held: Mapping[str, str] = {}
        """Routes whose releases do not go forward, and why; `unpackaged`: do not begin, for want of a package."""
        self.unpackaged: Mapping[str, str] = {}
        self.rollbacks: Counter[tuple[str, str]] = Counter()
        self.identity_changes: Counter[tuple[str, str, str]] = Counter()
        self.revision = store.head.revision
        self.keeper = Keeper(store, settings.anchor, clock)
        self._warnings, self._changes, self._standstills = Warnings(), Changes(board), Standstills()
        self._publish, self._listen = publish, listen
        self._full_ticks = 0

    # -- what is

    def route(self, name: str) -> RouteControl:
        """Section, state, situation and status of a route. Raises UnknownRouteError."""
        try:
            return self.routes[name]
        except KeyError:
            raise UnknownRouteError(name) from None

    def release_of(self, route: str) -> ReleaseControl:
        """The release that a route is part of, which may be its own. Raises UnknownRouteError."""
        section = self.route(route).section
        return self.releases[section.group.name if section.group else route]

    def release(self, name: str) -> ReleaseControl:
        """A release by its name: that over several routes, or that of a route. Raises UnknownReleaseError."""
        try:
            return self.releases[name]
        except KeyError:
            raise UnknownReleaseError(name) from None

    @property
    def states(self) -> dict[str, RouteState]:
        """The live state of every route."""
        return {name: route.state for name, route in self.routes.items()}

    def state(self, name: str) -> RouteState:
        """The live state of a route. Raises UnknownRouteError."""
        return self.route(name).state

    def status(self, name: str) -> RouteStatus:
        """Verdicts, legs of the stage and warnings of a route. Raises UnknownRouteError."""
        return self.route(name).status

    def verdict(self, name: str) -> Verdict:
        """The verdict on all limits of a route's scorecard, as of the last tick. Raises UnknownRouteError."""
        return scorecard.overall(self.status(name).verdicts)

    def notices(self, name: str) -> list[Notice]:
        """Options of a route without effect, and why its stage does not end. Raises UnknownRouteError."""
        lacks = self.unpackaged.get(name) or withheld(self.settings, self.release_of(name).states, self.board)
        own = self.route(name).notices(self.held.get(name, ""), lacks)
        others = self._warnings.of(name, self.settings, self.route(name).gone)
        return [*own, *others, *self._standstills.of(name), *self.keeper.notices(name)]

    def warnings(self, name: str) -> list[str]:
        """What the notices of a route say. Raises UnknownRouteError."""
        return texts(self.notices(name))

    def audit(self, limit: int, after: int = -1, route: str | None = None, store: Store | None = None) -> list[Link]:
        """The newest entries, newest first, or those after a number, oldest first; of one or all; of another chain in
        `store`. Raises StoreError."""
        names = (route, self.release_of(route).name) if route in self.routes else (route,) if route else ()
        if store is None:
            return self.keeper.ledger.audit(limit, after, *names)
        return store.newest(limit, *names) if after < 0 else store.audit(after, limit, *names)

    @property
    def unsaved(self) -> int:
        """Changes in force that the disk has not taken; 0 is healthy."""
        return self.keeper.ledger.unsaved

    @property
    def store_errors(self) -> int:
        """Changes, evidence and looks at the audit that the state file has refused, whoever was told. Monotone."""
        return self.keeper.errors

    def bounds_reached(self) -> dict[str, int]:
        """Changes that were never written, and ticks with more failed sticky keys than one holds. Monotone."""
        return {"unsaved_changes": self.keeper.ledger.discarded, "failed_keys": self._full_ticks}

    # -- the journeys

    def begin(self, now: float, published: Table | None = None, found: Recovered | None = None) -> None:
        """Takes up the stored states (`found`, where they were looked at already) and publishes the first table.
        `published` is the last table of the control process before this one: where it is newer than the store, a
        rollback could not be stored. Raises StoreError.
        """
        self.keeper.begin([section.name for section in self.settings.routes], found)
        newer = published if published is not None and published.revision > self.revision else None
        self.revision = max(self.revision, newer.revision if newer else 0)
        self._adopt(self.settings, "start", now, newer)
        self.keeper.snapshots.recall(self.routes, self.board, now)
        for name, route in self.routes.items():
            route.status.verdicts = self._verdicts(route, now)
            if route.state.phase == "rolled_back" and not route.status.at_rollback:
                route.status.at_rollback = self.keeper.ledger.at_rollback(name, self.release_of(name).name)

    def on_tick(self, tick: Tick, now: float) -> None:
        """Counts a tick and judges the routes that it speaks about."""
        self.board.on_tick(tick, now)
        self._count(tick)
        for name in {self.release_of(arm.route).name for arm in tick.arms if arm.route in self.routes}:
            self._judge(self.releases[name], now)

    def on_look(self, look: Look, now: float) -> None:
        """Counts what the sidecars of a fleet counted; `on_time` judges."""
        self.board.on_look(look, now)
        self._count(look.tick)

    def _count(self, tick: Tick) -> None:
        for arm in tick.arms:
            self._full_ticks += sum(len(keys) >= MAX_FAILED_KEYS for keys in arm.keys.values())
            if arm.route in self.routes:
                self.routes[arm.route].count(arm.role, arm.version, arm.counted(), arm.share)

    def on_records(self, records: Iterable[Record]) -> None:
        """Remembers the requests that failed, for the audit."""
        self._changes.failed.update(records)

    def on_profile_faults(self, faults: Mapping[str, str]) -> None:
        """Reference profiles that cannot be used, by route; shown as warnings."""
        self._warnings.profile_faults = dict(faults)

    def on_protocols(self, spoken: Mapping[str, Protocol], faults: Mapping[str, Mapping[str, str]]) -> None:
        """The protocols that routes of protocol `auto` speak, and faults by route that others know of, each with its
        kind of notice; all are live."""
        self.spoken, self._warnings.live_faults = spoken, faults

    def on_time(self, now: float) -> None:
        """Does what time alone brings: stages whose duration is over, evidence from records and labels, a disk that
        works again. To be called every `LOOK_SECONDS`."""
        self.board.on_time(now)
        self._warnings.update({name: tuple(r.situation.shadows) for name, r in self.routes.items()}, self.board, now)
        for release in tuple(self.releases.values()):
            self._judge(release, now)
        self._standstills.update(self.routes, self.board, now)
        self.keeper.ledger.look(self.revision, now)
        self.keeper.snapshots.keep(self.routes, self.board, now)

    def foreseen(self, route: str, action: str, move: Move, now: float) -> tuple[States, States]:
        """The states before and after a change by hand. Raises as `command` does, and changes nothing."""
        routes = (self.route(route),) if action == "shadows" else self.release_of(route).routes
        before = tuple(each.state for each in routes)
        pairs = zip(before, commanded(routes, action, move), strict=True)
        after = tuple(self._guarded(was, state, now) for was, state in pairs)
        admit(self.settings, action, before, after, self.board)
        return before, after

    def command(self, route: str, action: str, move: Move, who: str, why: str, now: float) -> RouteState:
        """Makes a change by hand, on all routes of a release; shadows are of one. Raises UnknownRouteError,
        TransitionRefused, StoreError (not stored, not made), NotStoredYetError (in force, not stored: it takes off)."""
        (before, after), release = self.foreseen(route, action, move, now), self.release_of(route)
        change = self._changes.entry(self.settings, release, who, action, {s.route: s for s in before}, after, why)
        stored = self.keeper.record(before, after, change, self.revision + 1, now)
        if action == "rollback":
            self.rollbacks.update((each.route, "manual") for each in after)
        self._enforce(after, (change,), now)
        if not stored:
            fault = self.keeper.ledger.fault
            raise NotStoredYetError(f"{action} of {change.route} is in force, but not stored: {fault}")
        return self.state(route)

    def reload(self, load: Callable[[], Settings], now: float) -> bool:
        """Takes up a new configuration, or keeps the one in force and says why."""
        self.reloaded = now
        try:
            settings = load()
        except ConfigError as error:
            self.problems = error.problems
            log.error("the new configuration is not used, the old one stays in force:\n%s", error)
            return False
        self.problems = ()
        if settings != self.settings:
            self._adopt(settings, "reload", now)
            log.info("a new configuration is in force")
        return True

    def renew(self, settings: Settings, now: float) -> None:
        """Takes up settings that differ from those in force in what files of certificates hold, and in nothing else."""
        self._adopt(settings, "reload", now)

    # -- how

    def _adopt(self, settings: Settings, action: str, now: float, published: Table | None = None) -> None:
        self.settings, self.board.prices, stored = settings, settings.prices, self.keeper.known
        self.unpackaged = refusals(settings)
        before = self.keeper.stored
        merge = lambda section: self._merged(section, published, now)  # noqa: E731
        sections = adopted(settings, self.unpackaged, before, merge, now)
        states = {section.name: self._guarded(before.get(section.name), state, now) for section, state, _ in sections}
        for warning in (warning for _, _, warnings in sections for warning in warnings):
            log.warning("%s", warning)
        self.routes = {
            section.name: followed(self.routes.get(section.name), section, states[section.name], warnings, now)
            for section, _, warnings in sections
        }
        self.releases = releases_of(self.routes.values())
        changed = [each for each in self.releases.values() if any(s != stored.get(s.route) for s in each.states)]
        changes = [self._adopted(each, action, stored) for each in changed]
        self.keeper.recovered = self.keeper.recovered.settled()
        kept = states.values() if action == "start" else [each for one in changed for each in one.states]
        self.keeper.ledger.keep(kept, changes, self.revision + 1, now)  # no state without its entry: some are followed
        self._enforce(states.values(), changes, now)

    def _adopted(self, release: ReleaseControl, action: str, stored: Mapping[str, RouteState]) -> Change:
        why = next(self.keeper.why(s, stored.get(s.route)) for s in release.states if s != stored.get(s.route))
        return self._changes.entry(self.settings, release, "configuration", action, stored, release.states, why)

    def _merged(self, section: RouteSettings, published: Table | None, now: float) -> Merged:
        stored, found = self.keeper.stored.get(section.name), self.keeper.recovered
        return merged(section, stored, self.settings.versions, found, published, now)

    def _guarded(self, before: RouteState | None, after: RouteState, now: float) -> RouteState:
        """Puts a release that has just been promoted under the guard of its rollback window."""
        if after.phase != "promoted" or after.release is None or (before and before.phase == "promoted"):
            return after
        return transitions.guarded(after, guard_after(after.release.guard, figures_of(self.board, after, now)), now)

    def _judge(self, release: ReleaseControl, now: float) -> None:
        for route in release.routes:
            route.status.verdicts = self._verdicts(route, now)
        asked = release.breaches()
        if all(action.act == "notify" for _, action in asked):
            changed = [self._on_identities(release, route, now) for route in release.routes]
            if any(changed):
                return
            asked = release.on_baselines(self.board) or asked
        if not asked and not self._waits(release, now):
            asked = release.passed(now)
        for route, action in asked or release.settled(now):
            self._act(release, route, action, now)

    def _waits(self, release: ReleaseControl, now: float) -> bool:
        """Whether a stage that has what it needs does not end yet on one of the routes."""
        await_legs = any(route.awaits_legs(self._oldest(route, now), now) for route in release.routes)
        waits = any(state.route in self.held or self.board.wavering(state.route) for state in release.states)
        return await_legs or waits or bool(withheld(self.settings, release.states, self.board))

    def _oldest(self, route: RouteControl, now: float) -> float | None:
        """When the oldest leg of a candidate began; workers tell it by the wall clock."""
        role, of = route.judged_role, (route.state.route, route.situation.candidates)
        since = self.board.counters.oldest(*of, role, now) if role else None
        return None if since is None else since - self.keeper.skew

    def _verdicts(self, route: RouteControl, now: float) -> tuple[Verdict, ...]:
        verdicts, route.status.baseline = judge(route, self.board, now)
        return verdicts

    def _on_identities(self, release: ReleaseControl, route: RouteControl, now: float) -> bool:
        """Follows changes of the models that answer; whether anything did."""
        changes = self.board.identity_changes(route.section.name)
        for change in changes:
            state, status, version = route.state, route.status, change.version
            may = self.board.may_begin_anew(state.route, version)
            action = decide.on_identity_change(state, change, status.verdicts, route.guard.on_identity_change, may)
            self.identity_changes[state.route, version, action.act] += 1
            if action.act in ("restart", "pause"):
                self.board.begin_anew(state.route, version)
                status.legs, status.notified, status.anew = 0, frozenset(), now
            if transitions.candidates(state):
                self._act(release, route, action, now, change)
            else:
                log.info("%s: %s", state.route, action.reason)
            status.verdicts = self._verdicts(route, now)
        return bool(changes)

    def _act(
        self,
        release: ReleaseControl,
        route: RouteControl,
        action: decide.Action,
        now: float,
        identity: IdentityChange | None = None,
    ) -> None:
        state, status = route.state, route.status
        before = tuple(each.state for each in release.concerned(route, action.act))
        pairs = zip(before, acted(before, action, now), strict=True)
        after = tuple(self._guarded(was, state, now) for was, state in pairs)
        if action.act in ("notify", "keep"):
            if decide.told_as(state, action) in status.notified:
                return
            status.notified |= {decide.told_as(state, action)}
        tell(release, state.route, state.candidate, action)
        who = action.cause if identity else "scorecard"
        known = {each.route: each for each in before}
        change = self._changes.entry(self.settings, release, who, action.act, known, after, action.reason)
        evidence = status.baseline if action.act == "drop" else change.evidence
        change = replace(change, identity=identity, evidence=evidence)
        if action.act in ("rollback", "leave"):
            self.rollbacks.update((each.route, action.cause) for each in after)
        if after == before:
            self.keeper.ledger.keep((), (change,), self.revision, now)
            self._listen(change, self.keeper.unix(now))
        else:
            self.keeper.ledger.keep(after, (change,), self.revision + 1, now)
            self._enforce(after, (change,), now)

    def _enforce(self, states: Iterable[RouteState], changes: Iterable[Change], now: float) -> None:
        for state in tuple(states):
            route = self.routes[state.route]
            route.enter(self.keeper.stored.get(state.route), state, self.revision + 1)
            if state.phase == "rolled_back" and any(each.action == "undo" for each in changes):
                route.status.at_rollback = self.keeper.ledger.at_rollback(
                    state.route, self.release_of(state.route).name
                )
            self.keeper.stored[state.route] = state
            self._watch(route, now)
            route.status.verdicts = self._verdicts(route, now)
        self.revision += 1
        self._publish(self._table(self.states, self.revision))
        for change in changes:
            self._listen(change, self.keeper.unix(now))

    def _table(self, states: Mapping[str, RouteState], revision: int) -> Table:
        return plan.table_of(self.settings, states, revision)

    def _watch(self, route: RouteControl, now: float) -> None:
        state, section, versions = route.state, route.section, route.situation.candidates
        baseline = (route.baseline.version, judged_by(route.guard)) if route.baseline else None
        self.board.use_baseline(state.route, baseline)
        self.board.watch(state.route, versions, state.primary, route.guard, section.reading, now, section.analysis)
