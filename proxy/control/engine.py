"""The single writer of live states: ticks and commands in, tables out.

    tick → board.on_tick → evidence → scorecard.judge → decide → transitions → store → publish
    command (who, why) ───────────────────────────────────────→ transitions → store → publish
    reload ───────────────────────────────────────────── plan.merge ───────→ store → publish

- A command is acknowledged after it is durable; when it cannot be stored it is refused and changes nothing.
- An automatic rollback does not wait for a full disk: it is published, kept, and stored as soon as that works.
- A configuration that cannot be used leaves the one in force; its problems are kept and shown until a good one comes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from proxy.contracts.record import Tick
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import ConfigError, Problem, RouteSettings, Settings
from proxy.contracts.table import Table
from proxy.control.failed_requests import Culprits
from proxy.control.primary_figures import figures_of
from proxy.control.state.evidence_snapshots import Memory, Standing
from proxy.control.state.ledger import Ledger
from proxy.control.state.store import Store
from proxy.control.warnings import Warnings
from proxy.release import decide, plan, scorecard, transitions
from proxy.release.audit import Change
from proxy.release.post_promotion import guard_after
from proxy.stats.board import Board

log = logging.getLogger("penumbra.engine")

MAX_EXAMPLES = 20
"""Request ids that an audit entry keeps."""

Move = Callable[[RouteState], RouteState]


class UnknownRouteError(Exception):
    """No route of this name is configured."""


class Engine:
    """`publish` takes each new table; `listen` hears of each change after it is in force."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        board: Board,
        publish: Callable[[Table], None],
        listen: Callable[[Change, float], None] = lambda change, now: None,
    ) -> None:
        self.settings = settings
        self.board = board
        self.states: dict[str, RouteState] = {}
        self.problems: tuple[Problem, ...] = ()
        self.reloaded = 0.0
        self.warnings, self.culprits = Warnings(), Culprits()
        self.rollbacks: Counter[tuple[str, str]] = Counter()
        self.revision = store.head.revision
        self.ledger, self.memory = Ledger(store), Memory(store)
        self._publish = publish
        self._listen = listen
        self._sections = {section.name: section for section in settings.routes}
        self._standing: dict[str, Standing] = {}
        self._known: dict[str, RouteState] = {}

    # -- what is

    def state(self, route: str) -> RouteState:
        """The live state of a route. Raises UnknownRouteError."""
        try:
            return self.states[route]
        except KeyError:
            raise UnknownRouteError(route) from None

    def section(self, route: str) -> RouteSettings:
        """What the configuration says of a route. Raises UnknownRouteError."""
        self.state(route)
        return self._sections[route]

    def standing(self, route: str) -> Standing:
        """Verdicts, legs of the stage and warnings of a route."""
        self.state(route)
        return self._standing[route]

    def verdict(self, route: str) -> Verdict:
        """The verdict on all limits of a route's scorecard, as of the last tick."""
        return scorecard.overall(self.standing(route).verdicts)

    # -- the journeys

    def begin(self, now: float, published: Table | None = None) -> None:
        """Takes up the stored states and publishes the first table. `published` is the last table of the control
        process before this one: where it is newer than the store, a rollback could not be stored. Raises StoreError.
        """
        self._known = self.ledger.store.states()
        newer = published if published is not None and published.revision > self.revision else None
        self.revision = max(self.revision, newer.revision if newer else 0)
        self._adopt(self.settings, "start", now, newer)
        self.memory.recall(self.states, self._standing, self.board)
        for route, state in self.states.items():
            self._standing[route].verdicts = self._verdicts(state, now)
            if state.phase == "rolled_back" and not self._standing[route].at_rollback:
                self._standing[route].at_rollback = self.ledger.at_rollback(route)

    def absorb(self, tick: Tick, now: float) -> None:
        """Counts a tick and judges the routes that it speaks about."""
        self.board.on_tick(tick, now)
        self._count(tick)
        for route in {arm.route for arm in tick.arms}:
            if route in self.states:
                self._judge(route, now)

    def look(self, now: float) -> None:
        """What time alone can bring: stages whose duration is over, evidence from records and labels, a disk that
        works again. To be called about each second."""
        self.board.on_time(now)
        self.warnings.look(self.states.values(), self.board.counters, now)
        for route in tuple(self.states):
            self._judge(route, now)
        if self.ledger.unsaved:
            self.ledger.keep((), (), self.revision, now)
        self.memory.keep(self.states, self._standing, self.board, now)

    def command(self, route: str, action: str, move: Move, who: str, why: str, now: float) -> RouteState:
        """Makes a change by hand. Raises UnknownRouteError, TransitionRefused (impossible in this phase) or
        StoreError (not stored)."""
        before = self.state(route)
        after = self._guarded(before, move(before), now)
        change = self._change(who, action, before, after, why)
        self.ledger.record(after, change, self.revision + 1, now)
        if action == "rollback":
            self.rollbacks[route, "manual"] += 1
        self._enforce((after,), (change,), now)
        return after

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

    # -- how

    def _adopt(self, settings: Settings, action: str, now: float, heeded: Table | None = None) -> None:
        self.settings, known = settings, self._known
        self._sections = {section.name: section for section in settings.routes}
        merged = {s.name: self._merged(s, heeded, now) for s in settings.routes}
        changed = [state for name, (state, _) in merged.items() if state != known.get(name)]
        changes = [
            self._change("configuration", action, known.get(s.route), s, _why(known.get(s.route))) for s in changed
        ]
        self.states = {name: state for name, (state, _) in merged.items()}
        old = self._standing
        self._standing = {name: _warned(old.get(name), warnings) for name, (_, warnings) in merged.items()}
        for warning in (w for _, warnings in merged.values() for w in warnings):
            log.warning("%s", warning)
        self.ledger.keep(self.states.values(), changes, self.revision + 1, now)
        self._enforce(self.states.values(), changes, now)

    def _merged(self, section: RouteSettings, heeded: Table | None, now: float) -> tuple[RouteState, tuple[str, ...]]:
        known = self._known.get(section.name)
        state, warnings = plan.merge(section, known, self.settings.versions, now)
        state = self._guarded(known, state, now)
        return plan.honour_published(state, heeded, now) if heeded else state, warnings

    def _guarded(self, before: RouteState | None, after: RouteState, now: float) -> RouteState:
        """Puts a release that has just been promoted under the guard of its rollback window."""
        if after.phase != "promoted" or after.release is None or (before and before.phase == "promoted"):
            return after
        return transitions.guarded(after, guard_after(after.release.guard, figures_of(self.board, after, now)), now)

    def _count(self, tick: Tick) -> None:
        for arm in tick.arms:
            state = self.states.get(arm.route)
            stage = transitions.stage_of(state) if state else None
            if state is None or stage is None or arm.version not in transitions.candidates(state):
                continue
            if arm.role == ("canary" if stage.canary else "shadow"):
                self._standing[arm.route].legs += arm.finished

    def _judge(self, route: str, now: float) -> None:
        state, standing = self.states[route], self._standing[route]
        standing.verdicts = self._verdicts(state, now)
        guard = plan.guard_of(self._sections[route], state)
        action = decide.on_breach(state, standing.verdicts, guard.on_breach)
        action = action or decide.on_pass(state, standing.verdicts, standing.legs, now)
        if action is None and state.after is not None and now >= state.until:
            action = decide.Action(
                "settle", f"the rollback window is over: {scorecard.overall(standing.verdicts).sentence}"
            )
        if action is not None:
            self._act(state, standing, action, now)

    def _verdicts(self, state: RouteState, now: float) -> tuple[Verdict, ...]:
        versions = transitions.candidates(state)
        if not versions:
            return ()
        guard = plan.guard_of(self._sections[state.route], state)
        evidence = self.board.evidence(state.route, now)
        lines = (scorecard.judge(evidence, guard, version, _enough(state)) for version in versions)
        return tuple(verdict for verdicts in lines for verdict in verdicts)

    def _act(self, state: RouteState, standing: Standing, action: decide.Action, now: float) -> None:
        after = self._guarded(state, _ACTS[action.act](state, action, now), now)
        if action.act == "notify":
            if action.cause in standing.told:
                return
            standing.told |= {action.cause}
        level = logging.WARNING if action.act in _ALARMS else logging.INFO
        log.log(level, "%s: %s: %s", state.route, action.act, action.reason)
        change = self._change("scorecard", action.act, state, after, action.reason)
        if action.act == "rollback":
            self.rollbacks[state.route, action.cause] += 1
        if after == state:
            self.ledger.keep((), (change,), self.revision, now)
            self._listen(change, now)
        else:
            self.ledger.keep((after,), (change,), self.revision + 1, now)
            self._enforce((after,), (change,), now)

    def _enforce(self, states: Iterable[RouteState], changes: Iterable[Change], now: float) -> None:
        for state in tuple(states):
            self._stand(self._known.get(state.route), state)
            self.states[state.route] = self._known[state.route] = state
            self._watch(state, now)
            self._standing[state.route].verdicts = self._verdicts(state, now)
        self.revision += 1
        self._publish(plan.table_of(self.settings, self.states, self.revision))
        for change in changes:
            self._listen(change, now)

    def _stand(self, before: RouteState | None, after: RouteState) -> None:
        standing = self._standing[after.route]
        if before is None or transitions.candidates(before) != transitions.candidates(after):
            standing.told = frozenset()
        if before is None or (before.stage, before.stage_since) != (after.stage, after.stage_since):
            standing.legs = 0
        if after.phase != "rolled_back":
            standing.at_rollback = ()
        elif before is None or before.phase != "rolled_back":
            standing.at_rollback = standing.verdicts

    def _watch(self, state: RouteState, now: float) -> None:
        section = self._sections[state.route]
        guard = plan.guard_of(section, state)
        versions = transitions.candidates(state)
        self.board.watch(state.route, versions, state.primary, guard, section.protocol, now, section.analysis)

    def _change(self, who: str, action: str, before: RouteState | None, after: RouteState, why: str) -> Change:
        standing = self._standing.get(after.route)
        return Change(
            who=who,
            action=action,
            route=after.route,
            why=why,
            before=before,
            after=after,
            evidence=standing.verdicts if standing else (),
            lineage=self._lineage(after),
            examples=self._examples(before),
        )

    def _examples(self, before: RouteState | None) -> tuple[str, ...]:
        """Failed requests of the candidates, then those with the worst disagreements."""
        if before is None:
            return ()
        versions = transitions.candidates(before)
        worst = [kept.request_id for version in versions for kept in self.board.examples(before.route, version)]
        found = dict.fromkeys((*self.culprits.of(before.route, versions), *worst))
        return tuple(found)[:MAX_EXAMPLES]

    def _lineage(self, state: RouteState) -> dict[str, Any]:
        versions = self.settings.versions
        named = [v for v in (state.primary, state.candidate, *state.split) if v is not None and v in versions]
        return {
            name: {"endpoint": versions[name].authority + versions[name].base_path, "lineage": self._said(name)}
            for name in dict.fromkeys(named)
        }

    def _said(self, version: str) -> Any:
        return self.settings.lineage.get(version)


def _warned(standing: Standing | None, warnings: tuple[str, ...]) -> Standing:
    return replace(standing, warnings=warnings) if standing else Standing(warnings=warnings)


def _why(known: RouteState | None) -> str:
    return "configured" if known is None else "its section of the configuration changed"


def _enough(state: RouteState) -> int:
    stage = transitions.stage_of(state)
    return min(stage.requests, scorecard.ENOUGH) if stage and stage.requests else scorecard.ENOUGH


_ALARMS = frozenset({"rollback", "pause", "notify"})

_ACTS: dict[decide.Act, Callable[[RouteState, decide.Action, float], RouteState]] = {
    "rollback": lambda s, a, now: transitions.rollback(s, (a.version,) if a.version else (), a.reason, now),
    "pause": lambda s, a, now: transitions.pause(s, a.reason, now),
    "notify": lambda s, a, now: s,
    "advance": lambda s, a, now: transitions.enter(s, s.stage + 1, a.reason, now),
    "promote": lambda s, a, now: transitions.promote(s, a.version or s.candidate, a.reason, now),
    "settle": lambda s, a, now: transitions.unguarded(s),
}
