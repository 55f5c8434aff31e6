"""What control gathers between changes, kept beside the live states so that a restart goes on where this process was.

Without it `false_alarm` would hold for one life of control only, and every stage would begin anew. It is written each
`EVERY` seconds, and with the next look after a change; what came since is not counted (a tick that a worker had no
answer to, a tenth of a second, may count twice). It is of the state that it was gathered in: a release that was started
anew, or another candidate, begins with nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from proxy.contracts.release import RouteState, Verdict
from proxy.control.state.store import Store, StoreError
from proxy.stats.board import Board
from proxy.stats.snapshot import SnapshotError

log = logging.getLogger("penumbra.engine")

EVERY = 5.0
"""Seconds of evidence that a kill may cost. A write takes a few milliseconds and waits for no disk."""

States = Mapping[str, RouteState]


class Standing(Struct):
    """What the engine knows of a route beside its state.

    `legs`: the candidate's finished legs in the stage that began at `stage_since`; `told`: breaches that were told and
    not acted upon, so that each is told once; `at_rollback`: the last verdicts, while the route is rolled back.
    """

    verdicts: tuple[Verdict, ...] = ()
    at_rollback: tuple[Verdict, ...] = ()
    legs: int = 0
    told: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


class Kept(Struct):
    """What is stored of a route. `since` and `stage_since` are those of the state that it was gathered in."""

    since: float
    stage_since: float
    legs: int
    told: frozenset[str]
    evidence: list[bytes]


class Memory:
    """Keeps and recalls; a disk that refuses costs no more than the evidence, and is told once."""

    __slots__ = ("_due", "_failing", "_moments", "_store", "errors")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._due = 0.0
        self._moments: dict[str, tuple[float, float]] = {}
        self._failing = False
        self.errors = 0

    def keep(
        self, states: Mapping[str, RouteState], standings: Mapping[str, Standing], board: Board, now: float
    ) -> None:
        """Writes everything that is gathered, if it is time."""
        moments = {route: (state.since, state.stage_since) for route, state in states.items()}
        if not self._store.durable or (now < self._due and moments == self._moments):
            return
        self._due, self._moments = now + EVERY, moments
        rows = {
            route: msgspec.msgpack.encode(Kept(*moment, standing.legs, standing.told, board.snapshot(route)))
            for route, moment in moments.items()
            for standing in (standings[route],)
        }
        try:
            self._store.remember(rows)
        except StoreError as error:
            self.errors += 1
            if not self._failing:
                log.error("%s; a restart would begin with less evidence", error)
            self._failing = True
        else:
            self._failing = False

    def recall(self, states: States, standings: Mapping[str, Standing], board: Board) -> None:
        """Takes up what was kept, where it is of the state that is in force."""
        for route, row in self._store.remembered().items():
            state = states.get(route)
            try:
                kept = msgspec.msgpack.decode(row, type=Kept)
                if state is None or kept.since != state.since:
                    continue
                board.restore(route, kept.evidence)
            except (msgspec.MsgspecError, SnapshotError) as error:
                log.warning("%s: evidence of the process before begins anew: %s", route, error)
                continue
            standings[route].told = kept.told
            if kept.stage_since == state.stage_since:
                standings[route].legs = kept.legs
