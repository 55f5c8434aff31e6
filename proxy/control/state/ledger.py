"""The write-behind queue of the state file: changes in force, and which of them the disk has not taken yet. What the
file refuses is counted here, once, for reads and writes.

- A change by hand is `record`ed: written, or refused with everything as it was.
- An automatic change is `keep`t: in force whatever the disk says, and written with the next write that works.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from proxy.contracts.release import RouteState, Verdict
from proxy.control.state.store import Store, StoreError
from proxy.release import history
from proxy.release.audit import Change, Link, entry_of

log = logging.getLogger("penumbra.engine")

MAX_UNSAVED = 1000
"""Changes kept while the disk refuses them; phases allow few, so more means notices: the oldest go."""

MAX_ENTRIES = 100
"""Audit entries of a route that are searched for its last rollback: more changes after it hide it."""


class Ledger:
    """The changes that a store has not taken yet.

    - `errors`: reads and writes that failed, whoever was told.
    - `discarded`: changes that went because `MAX_UNSAVED` newer ones waited.
    """

    __slots__ = ("_changes", "_states", "_store", "discarded", "errors")

    def __init__(self, store: Store) -> None:
        self._store = store
        self.errors = self.discarded = 0
        self._changes: list[Change] = []
        self._states: dict[str, RouteState] = {}

    @property
    def unsaved(self) -> int:
        """Changes in force that the disk has not taken; 0 is healthy."""
        return len(self._changes)

    def record(self, state: RouteState, change: Change, revision: int, now: float) -> None:
        """Writes a change, and what was not saved before. Raises StoreError: nothing was written."""
        states = self._states | {state.route: state}
        with self._counted():
            self._store.save(states.values(), (*self._changes, change), revision, now)
        self._clear()

    def keep(self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float) -> None:
        """Writes changes now, or with the next write that works."""
        waiting = bool(self._changes)
        self._states |= {state.route: state for state in states}
        self._changes = [*self._changes, *changes]
        self.discarded += max(len(self._changes) - MAX_UNSAVED, 0)
        self._changes = self._changes[-MAX_UNSAVED:]
        try:
            with self._counted():
                self._store.save(self._states.values(), self._changes, revision, now)
        except StoreError as error:
            if not waiting:
                log.error("%s; the change is in force and will be stored when that works again", error)
        else:
            self._clear()
            if waiting:
                log.info("the state file works again, everything is stored")

    def at_rollback(self, route: str) -> tuple[Verdict, ...]:
        """Evidence at the last rollback of a route; () where the audit does not say, or cannot be read."""
        try:
            with self._counted():
                return history.at_rollback(map(entry_of, self._store.newest(MAX_ENTRIES, route)))
        except (StoreError, msgspec.MsgspecError):
            return ()

    def audit(self, limit: int, after: int, route: str | None) -> list[Link]:
        """The newest entries, newest first, or those after a number, oldest first; of one route, or of all. Raises
        StoreError."""
        with self._counted():
            return self._store.newest(limit, route) if after < 0 else self._store.audit(after, limit, route)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Counts what the state file refuses, whoever hears of it."""
        try:
            yield
        except (StoreError, msgspec.MsgspecError):
            self.errors += 1
            raise

    def _clear(self) -> None:
        self._changes, self._states = [], {}
