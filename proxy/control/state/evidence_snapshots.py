"""Snapshots of evidence, kept beside the live states, so that a restart of control goes on with the same evidence.

Without it `false_alarm` would hold for one life of control only, and every stage would begin anew. It is written each
`WRITE_SECONDS`, and with the next look after a change; what came since is not counted (a tick that a worker had no
answer to, a tenth of a second, may count twice). It is of the state that it was gathered in: a release that was started
anew, or another candidate, begins with nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct

from proxy.control.route_control import RouteControl
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.stats.board import Board
from proxy.stats.snapshot import SnapshotError

log = logging.getLogger("penumbra.engine")

WRITE_SECONDS = 5.0
"""Seconds of evidence that a kill may cost. A write takes a few milliseconds and waits for no disk."""

Routes = Mapping[str, RouteControl]
Reading = Callable[[], tuple[float, float, str] | None]
"""The clock's reading, which is kept with the evidence."""


class StoredEvidence(Struct):
    """A row of the store: what was gathered of a route. The names of the members are part of the file."""

    since: float
    """Beginning (Unix seconds) of the state that the evidence was gathered in."""
    stage_since: float
    """Beginning (Unix seconds) of the stage of that state."""
    legs: int
    """Finished legs of the candidates in that stage."""
    told: frozenset[str]
    """Causes of breaches that were notified."""
    evidence: list[bytes]
    """One snapshot for each candidate."""


class EvidenceSnapshots:
    """Keeps and recalls; a disk that refuses costs no more than the evidence, and is logged once."""

    __slots__ = ("_due", "_failing", "_moments", "_reading", "_store", "errors")

    def __init__(self, store: Store, reading: Reading = lambda: None) -> None:
        self._store, self._reading = store, reading
        self._due = 0.0
        self._moments: dict[str, tuple[float, float, tuple[str, ...]]] = {}
        self._failing = False
        self.errors = 0

    def keep(self, routes: Routes, board: Board, now: float) -> None:
        """Writes everything that is gathered, if it is time."""
        moments = {name: _moment(route) for name, route in routes.items()}
        if not self._store.durable or (now < self._due and moments == self._moments):
            return
        self._due, self._moments = now + WRITE_SECONDS, moments
        try:
            self._store.remember(rows_of(routes, board), self._reading())
        except StoreError as error:
            self.errors += 1
            if not self._failing:
                log.error("%s; a restart would begin with less evidence", error)
            self._failing = True
        else:
            self._failing = False

    def recall(self, routes: Routes, board: Board) -> None:
        """Takes up what was kept, where it is of the state that is in force."""
        for name, row in self._store.remembered().items():
            if name in routes:
                self._resume(name, routes[name], row, board)

    def _resume(self, name: str, route: RouteControl, row: bytes, board: Board) -> None:
        state, status = route.state, route.status
        try:
            stored = unsealed(row)
            if stored.since != state.since:
                return
            board.restore(name, stored.evidence)
        except SnapshotError as error:
            log.warning(
                "%s: evidence begins anew, release and split go on; what is stored cannot be taken up: %s", name, error
            )
            return
        status.notified = stored.told
        if stored.stage_since == state.stage_since:
            status.legs = stored.legs


def _moment(route: RouteControl) -> tuple[float, float, tuple[str, ...]]:
    return route.state.since, route.state.stage_since, route.situation.candidates


def rows_of(routes: Routes, board: Board) -> dict[str, bytes]:
    """Route to the row of what is gathered of it."""
    return {
        name: sealed(
            StoredEvidence(*_moment(route)[:2], route.status.legs, route.status.notified, board.snapshot(name))
        )
        for name, route in routes.items()
    }


MARK = b"PE1"
"""Stands before a row and its digest; a row of 0.2.0 has none."""
DIGEST_BYTES = 16


def sealed(stored: StoredEvidence) -> bytes:
    """The row of what is stored: a mark, a digest, and the content."""
    body = msgspec.msgpack.encode(stored)
    return MARK + sha256(body).digest()[:DIGEST_BYTES] + body


def unsealed(row: bytes) -> StoredEvidence:
    """What a row holds. Raises SnapshotError on damage: a figure that changed by one bit looks like any other."""
    if row.startswith(MARK):
        digest, row = row[len(MARK) :][:DIGEST_BYTES], row[len(MARK) + DIGEST_BYTES :]
        if sha256(row).digest()[:DIGEST_BYTES] != digest:
            raise SnapshotError("it is damaged")
    try:
        return msgspec.msgpack.decode(row, type=StoredEvidence)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(str(error)) from error
