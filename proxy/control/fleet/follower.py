"""The engine of a sidecar in a fleet: it counts and shows as any other does, and follows what the judge decides.

- It decides nothing about releases. Whatever takes traffic off is done at once: a rollback by hand, and everything
  while it is apart from the fleet.
- A version that it knows as rolled back gets traffic again only by a table of a judge who knows that, too.
- A route whose section differs from what the judge judges by has its primary alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from proxy.contracts.notices import Notice
from proxy.contracts.release import RouteState
from proxy.contracts.settings import RouteSettings
from proxy.contracts.table import Table, primaries_only
from proxy.control.engine import Engine
from proxy.control.fleet.bodies import FleetTable
from proxy.control.fleet.store import NOWHERE, Place
from proxy.control.release_control import ReleaseControl
from proxy.release import plan, transitions
from proxy.release.phases import TransitionRefused

log = logging.getLogger("penumbra.fleet")

DIFFERS = (
    "routes.{}: the section is not the one that the fleet judges by, so its primary is alone here; "
    "where that is another service, each needs a fleet.name of its own"
)

APART = "apart from its fleet: all traffic to the primaries until the store answers again"


class Follower(Engine):
    """An `Engine` whose states come from a fleet. `fleet` is the table that is followed, None before the first."""

    fleet: FleetTable | None = None
    known_bad: Mapping[str, tuple[str, ...]] = {}
    """Route to the versions that were rolled back when this sidecar last followed a table."""
    apart: bool = True
    """Whether the fleet's store has been silent for longer than the lease, and the sidecar holds nothing then."""
    silence: str = "no table of the fleet has come yet"
    """Why the fleet is not heard at present; "" where it is."""
    alone: bool = False
    """Whether what is shown is of this sidecar's own requests: on a copy of the engine, for whoever asks for that."""
    troubles: Callable[[], list[Notice]] = staticmethod(list)
    """What is wrong with the fleet, as warnings of every route."""

    def _merged(
        self, section: RouteSettings, published: Table | None, now: float
    ) -> tuple[RouteState, tuple[str, ...]]:
        """Before the first table, and where sections changed, the primary alone: a fleet's states are in its store."""
        own = self.routes[section.name].state if section.name in self.routes else None
        if own is not None and self.fleet is not None and own.basis == plan.basis(section):
            return own, ()
        return primary_of(section, own.rolled_back if own else self.known_bad.get(section.name, ())), ()

    def _judge(self, release: ReleaseControl, now: float) -> None:
        """Nothing is decided here."""

    def notices(self, name: str) -> list[Notice]:
        """As an engine says; what the fleet's judge warns of is told at every sidecar. Why a stage does not end is the
        judge's to say, who sees all requests."""
        still = self._standstills.of(name)
        own = [notice for notice in super().notices(name) if notice not in still]
        apart = [Notice("fleet-apart", APART)] if self.apart else []
        theirs = self.fleet.notices(name) if self.fleet else []
        differs = [Notice("fleet-differs", DIFFERS.format(name))] if self.differs(name) else []
        said = {notice.text for notice in own}
        return [*apart, *self.troubles(), *differs, *own, *(notice for notice in theirs if notice.text not in said)]

    def unheard(self, name: str) -> str:
        """Why the fleet's verdict on a route is not known here; "" where it is."""
        return self.silence or (DIFFERS.format(name) if self.differs(name) else "")

    def differs(self, name: str) -> bool:
        """Whether there is a table, and none of its states is of this section."""
        basis = plan.basis(self.route(name).section)
        return self.fleet is not None and not any(
            state.route == name and state.basis == basis for state in self.fleet.states
        )

    def set_apart(self, apart: bool, now: float) -> None:
        """Begins or ends that only primaries have traffic."""
        if apart == self.apart:
            return
        self.apart = apart
        (log.warning if apart else log.info)(
            "%s", APART if apart else "the fleet's store answers: its table is followed"
        )
        self._enforce((), (), now)

    def _table(self, states: Mapping[str, RouteState], revision: int) -> Table:
        table = plan.table_of(self.settings, states, revision)
        return primaries_only(table) if self.apart or (self.fleet and self.fleet.settling) else table

    def follow(self, table: FleetTable, knows: Mapping[str, bool], now: float) -> None:
        """Takes up a table. `knows`: routes whose rollbacks here the judge knows of, when it made the table."""
        first, settling = self.fleet is None, self.fleet is not None and self.fleet.settling
        self.fleet = table
        found = {state.route: state for state in table.states}
        states = [self._state(route.section, found, knows.get(name, True)) for name, route in self.routes.items()]
        changed = [state for state in states if state != self.keeper.stored.get(state.route)]
        back = [state.route for state in changed if state.phase == "rolled_back" != self.state(state.route).phase]
        self.rollbacks.update((name, "fleet") for name in back if not first)
        if changed or settling != table.settling:
            self._enforce(changed, (), now)
        for name, route in self.routes.items():
            status = route.status
            status.verdicts = tuple(table.verdicts.get(name, ()))
            status.baseline = tuple(table.baselines.get(name, ()))
            status.legs = table.legs.get(name, 0)

    def _state(self, section: RouteSettings, found: Mapping[str, RouteState], knows: bool) -> RouteState:
        own = self.keeper.stored.get(section.name)
        state = found.get(section.name)
        if state is None or state.basis != plan.basis(section) or not self._has(state):
            held = own is not None and own.phase == "rolled_back" and own.basis == plan.basis(section)
            return own if own and held else primary_of(section, own.rolled_back if own else ())
        if own is not None and not knows:
            blamed = [version for version in own.rolled_back if version in transitions.candidates(state)]
            if blamed:
                return own
        return state

    def _has(self, state: RouteState) -> bool:
        named = {state.primary, *state.split, *state.shadows, *transitions.candidates(state)}
        return named <= {*self.settings.versions}

    def take_off(self, names: Iterable[str], why: str, now: float) -> dict[str, tuple[str, ...]]:
        """Rolls routes back here at once; the judge is told with the next report. Route to the versions that this took
        off, or would have: where the fleet's table does not have the route, those that are configured."""
        states, off = [], {}
        for name in names:
            state = self.state(name)
            if self.fleet is None or self.differs(name):
                state, _ = plan.fresh(self.route(name).section, state.rolled_back, None, now)
            with suppress(TransitionRefused):
                states.append(transitions.rollback(state, (), why, now))
                off[name] = transitions.taken_off(state)
        self.rollbacks.update((state.route, "manual") for state in states)
        if states:
            self._enforce(states, (), now)
        return off


def primary_of(section: RouteSettings, rolled_back: tuple[str, ...]) -> RouteState:
    """The state of a route of which the fleet's table says nothing that can be followed: its primary alone."""
    return RouteState(
        route=section.name,
        phase="steady",
        primary=section.primary,
        rolled_back=rolled_back,
        reason="its section differs from what the fleet judges by, or there is no judge yet: the primary alone",
        basis=plan.basis(section),
    )


def known_rollbacks(
    states: Mapping[str, RouteState], at: Mapping[str, Place]
) -> dict[str, tuple[Place, tuple[str, ...]]]:
    """What a report says of versions that are rolled back here; `at`: the look at which each route's were learnt."""
    return {
        name: (at.get(name, NOWHERE), state.rolled_back)
        for name, state in states.items()
        if state.rolled_back and at.get(name, NOWHERE) != NOWHERE
    }
