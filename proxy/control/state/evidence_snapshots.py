"""Snapshots of evidence, kept beside the live states, so that a restart of control goes on with the same evidence.

Without it `false_alarm` would hold for one life of control only, and every stage would begin anew. It is written each
`WRITE_SECONDS`, and with the next look after a change; what came since is not counted (a tick that a worker had no
answer to, a tenth of a second, may count twice). It is of the state that it was gathered in: a release that was started
anew, or another candidate, begins with nothing.

What others count of the same requests stands in the same row (`Beside`): figures that are shown beside each other go
back to the same moment, however this process ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol

import msgspec
from msgspec import Struct

from proxy.control.route_control import RouteControl
from proxy.control.state.patient_store import PatientStore
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


class Beside(Protocol):
    """Whoever counts the same requests as the evidence, and shows counts beside it."""

    def counted(self, route: str) -> bytes:
        """Its counts of a route; b"": there are none."""

    def recall(self, route: str, counts: bytes) -> None:
        """Takes up what `counted` gave an earlier process, when the evidence beside it was written."""


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
    anew: float = 0.0
    """As `RouteStatus` has it, by the clock of `since`."""
    beside: bytes = b""
    """As `Beside` gives it."""


class EvidenceSnapshots:
    """Keeps and recalls; a disk that refuses costs no more than the evidence, and is logged once."""

    __slots__ = ("_due", "_failing", "_moments", "_reading", "_store", "beside", "errors")

    def __init__(self, store: Store, reading: Reading = lambda: None) -> None:
        self._store, self._reading = store, reading
        self._due = 0.0
        self._moments: dict[str, tuple[float, float, tuple[str, ...]]] = {}
        self._failing = False
        self.errors = 0
        self.beside: Beside | None = None

    def keep(self, routes: Routes, board: Board, now: float) -> None:
        """Writes everything that is gathered, if it is time."""
        moments = {name: _moment(route) for name, route in routes.items()}
        if not self._store.durable or (now < self._due and moments == self._moments):
            return
        self._due, self._moments = now + WRITE_SECONDS, moments
        try:
            self._store.remember(rows_of(routes, board, self.beside), self._reading())
        except StoreError as error:
            self.errors += 1
            if not self._failing:
                log.error("%s; a restart would begin with less evidence", error)
            self._failing = True
        else:
            self._failing = False

    def close(self, routes: Routes, board: Board) -> None:
        """Writes everything once more: an orderly end costs no evidence."""
        self._due = 0.0
        if isinstance(self._store, PatientStore):
            self._store.settle()  # so that this is begun
        self.keep(routes, board, 0.0)

    def recall(self, routes: Routes, board: Board, now: float) -> None:
        """Takes up what was kept, where it is of the state that is in force."""
        rows = self._store.remembered()
        for name, route in routes.items():
            if not (name in rows and self._resume(name, route, rows[name], board)) and route.situation.candidates:
                route.status.anew = now

    def _resume(self, name: str, route: RouteControl, row: bytes, board: Board) -> bool:
        state, status = route.state, route.status
        try:
            stored = unsealed(row)
            if stored.since != state.since:
                return False
            board.restore(name, stored.evidence)
        except SnapshotError as error:
            log.warning(
                "%s: evidence begins anew, release and split go on; what is stored cannot be taken up: %s", name, error
            )
            return False
        status.notified, status.anew = stored.told, stored.anew
        if self.beside is not None and stored.beside:
            self.beside.recall(name, stored.beside)
        if stored.stage_since == state.stage_since:
            status.legs = stored.legs
        return True


def _moment(route: RouteControl) -> tuple[float, float, tuple[str, ...]]:
    return route.state.since, route.state.stage_since, route.situation.candidates


def rows_of(routes: Routes, board: Board, beside: Beside | None = None) -> dict[str, bytes]:
    """Route to the row of what is gathered of it."""
    return {name: sealed(_stored(name, route, board, beside)) for name, route in routes.items()}


def _stored(name: str, route: RouteControl, board: Board, beside: Beside | None) -> StoredEvidence:
    (since, stage_since, _), status = _moment(route), route.status
    counts = beside.counted(name) if beside is not None else b""
    evidence = board.snapshot(name)
    return StoredEvidence(since, stage_since, status.legs, status.notified, evidence, status.anew, counts)


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
