"""The write-behind queue of the state file: changes in force, and which of them the disk has not taken yet. What the
file refuses is counted here, once, for reads and writes.

- A change by hand is `record`ed: written, or refused with everything as it was. One that only takes traffic off is in
  force whatever the disk says: it is `keep`t, and whoever asked for it is told.
- An automatic change is `keep`t: in force whatever the disk says, and written with the next write that works.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from proxy.contracts.release import RouteState, Verdict
from proxy.control.state.anchor import Anchor
from proxy.control.state.patient_store import PatientStore
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release import history
from proxy.release.audit import Change, Link, entry_of

log = logging.getLogger("penumbra.engine")

MAX_UNSAVED = 1000
"""Changes kept while the disk refuses them; phases allow few, so more means notices: the oldest go."""

LOOK_SECONDS = 1.0
"""Seconds between two looks at whether the state file is still there: four system calls."""

MAX_ENTRIES = 100
"""Audit entries of a route that are searched for its last rollback: more changes after it hide it."""


class Ledger:
    """The changes that a store has not taken yet.

    - `errors`: reads and writes that failed, whoever was told.
    - `discarded`: changes that went because `MAX_UNSAVED` newer ones waited.

    `anchor` notes the end of the chain outside; `skew` is by how many seconds the wall clock, which the audit shows, is
    ahead of the `now` of these methods.
    """

    __slots__ = ("_anchor", "_changes", "_looked", "_skew", "_states", "_store", "discarded", "errors", "fault")

    def __init__(self, store: Store, anchor: Anchor | None = None, skew: float = 0.0) -> None:
        self._store, self._anchor, self._skew = store, anchor or Anchor(""), skew
        self._looked = 0.0
        self.fault = ""
        """Why the disk takes no changes at present; "" where it does."""
        self.errors = self.discarded = 0
        self._changes: list[Change] = []
        self._states: dict[str, RouteState] = {}

    @property
    def unsaved(self) -> int:
        """Changes in force that the disk has not taken; 0 is healthy."""
        return len(self._changes)

    @property
    def pending(self) -> tuple[Change, ...]:
        """Those changes, oldest first."""
        return tuple(self._changes)

    def record(self, after: Iterable[RouteState], change: Change, revision: int, now: float) -> None:
        """Writes a change, and what was not saved before. Raises StoreError: nothing was written."""
        self._settle(now)
        states = self._states | {state.route: state for state in after}
        with self._counted():
            self._save(states.values(), (*self._changes, change), revision, now)
        self._clear()

    def _save(
        self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float, in_force: bool = False
    ) -> None:
        states = tuple(states)
        if isinstance(self._store, PatientStore):
            self._store.withdraws = not in_force
        self._store.save(states, changes, revision, now + self._skew)
        self._anchor.note(self._store.head, states, now + self._skew)

    def look(self, revision: int, now: float) -> None:
        """Writes what waits, and sees to it that the file is still the open one: a file that was deleted is written
        anew before anybody needs it."""
        self._settle(now)
        if self._changes:
            self.keep((), (), revision, now)
        elif now - self._looked >= LOOK_SECONDS:
            self._looked = now
            try:
                with self._counted():
                    self._store.attend()
            except StoreError as error:
                self._failed(error, "changes by hand are refused until that works again")
            else:
                self._works_again()

    def keep(self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float) -> None:
        """Writes changes now, or with the next write that works."""
        self._settle(now)
        self._states |= {state.route: state for state in states}
        self._changes = [*self._changes, *changes]
        self.discarded += max(len(self._changes) - MAX_UNSAVED, 0)
        self._changes = self._changes[-MAX_UNSAVED:]
        try:
            with self._counted():
                self._save(self._states.values(), self._changes, revision, now, True)
        except StoreError as error:
            self._failed(error, "the change is in force and will be stored when that works again")
        else:
            self._clear()

    def _settle(self, now: float) -> None:
        """What a disk that hung has taken in the end is not written again."""
        landed = self._store.take_landed() if isinstance(self._store, PatientStore) else []
        if landed:
            self._anchor.note(self._store.head, self._states.values(), now + self._skew)
            self._changes = [each for each in self._changes if all(each is not one for one in landed)]
            if not self._changes:
                self._clear()

    def _failed(self, error: StoreError, then: str) -> None:
        if not self.fault:
            log.error("%s; %s", error, then)
        self.fault = str(error)

    def _works_again(self) -> None:
        if self.fault:
            log.info("the state file works again, everything is stored")
        self.fault = ""

    def at_rollback(self, route: str, release: str = "") -> tuple[Verdict, ...]:
        """Evidence at the last rollback of a route, or of its release over several; () where the audit does not say, or
        cannot be read."""
        try:
            with self._counted():
                entries = self._store.newest(MAX_ENTRIES, route, release or route)
                return history.at_rollback(map(entry_of, entries), route)
        except (StoreError, msgspec.MsgspecError):
            return ()

    def audit(self, limit: int, after: int, *names: str) -> list[Link]:
        """The newest entries, newest first, or those after a number, oldest first; of these routes and releases, or of
        all. Raises StoreError."""
        with self._counted():
            return self._store.newest(limit, *names) if after < 0 else self._store.audit(after, limit, *names)

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
        self._works_again()
