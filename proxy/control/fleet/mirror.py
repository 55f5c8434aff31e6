"""A sidecar's own copy of the fleet's audit chain, in a state file beside its own (`<state>.fleet`).

It grows by the entries that come with tables. A chain that does not go on from what is here is another one (the store
lost some of its past), or has gone on for so long that the store has dropped what comes next: the file so far is kept
under another name, and a new copy begins with the first entry that there is.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import msgspec

from proxy.control.disk_thread import DiskThread
from proxy.control.fleet.store import Place
from proxy.control.state.patient_store import PatientStore
from proxy.control.state.state_file import StoreError
from proxy.release.audit import Link, entry_of

log = logging.getLogger("penumbra.fleet")

SUFFIX = ".fleet"

ASKED = "\n"
"""Before the id of what was asked for, among rows of routes: no route has a name with a line end."""

MAX_FORKS = 1000
"""Earlier copies that can stand beside the present one."""


def mirror_of(state: str) -> str:
    """Path of the copy beside the state file at `state`."""
    return state if state == ":memory:" else state + SUFFIX


class Mirror:
    """The copy at `path`. Raises StoreError where it cannot be opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.store = PatientStore(path)
        self._noted, self._owed = self.store.remembered(), False
        self._disk: DiskThread | None = None
        self.fault = ""
        """Why the newest entries are not in it; "" where they are, or come with the next tables."""
        self.lacks = False
        """Whether the store has further entries."""

    def use(self, disk: DiskThread) -> None:
        """From now on the file is used in this thread: what is followed does not wait for a disk that hangs."""
        self._disk = disk
        self.store.use(disk)

    @property
    def count(self) -> int:
        """Number of the last entry."""
        return self.store.head.count

    def learnt(self) -> dict[str, tuple[Place, tuple[str, ...]]]:
        """Route to the versions that were rolled back, and the look by which that was known; as it was noted last,
        whether or not a disk has it yet."""
        found = {}
        for route, body in self._noted.items():
            if route.startswith(ASKED):
                continue
            with suppress(msgspec.MsgspecError):
                found[route] = msgspec.msgpack.decode(body, type=tuple[Place, tuple[str, ...]])
        return found

    def asked(self) -> dict[str, bytes]:
        """The rollbacks that were asked for here and are not answered, by id, as they were noted last (`intents`)."""
        return {id.removeprefix(ASKED): body for id, body in self._noted.items() if id.startswith(ASKED)}

    def note(
        self, learnt: Mapping[str, tuple[Place, tuple[str, ...]]], asked: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        """Notes both for the next start: a store that has lost what was learnt is told, and what was asked for is asked
        for again."""
        rows = {route: msgspec.msgpack.encode(row) for route, row in learnt.items()}
        self._noted, self._owed = rows | {ASKED + id: body for id, body in asked.items()}, True
        self.look()

    def look(self) -> None:
        """Writes what was noted and no disk has taken yet."""
        if not self._owed:
            return
        try:
            self.store.remember(self._noted, wait=True)
        except StoreError as error:
            self.fault = str(error)
        else:
            self._owed = False

    def take(self, links: Sequence[Link], count: int, head: str) -> None:
        """Adds entries of a chain that has `count` of them and ends with `head`: the first that the store has behind
        what is here. The next table brings what lacks. Raises nothing: a table is followed, whatever a disk does."""
        self.lacks = count > self.count
        try:
            self.fault = self._taken(links, count, head)
        except (StoreError, OSError, msgspec.MsgspecError) as error:
            self.fault = str(error)
        self.lacks &= count > self.count and bool(links)
        self.look()

    def _taken(self, links: Sequence[Link], count: int, head: str) -> str:
        new = self._behind(links)
        if self._is_other(new, count, head):
            self._begin_anew()
            new = list(links) if links and entry_of(links[0]).seq == 1 else []
        if new:
            self.store.attend()
            self.store.mirror(new)
        return ""

    def _behind(self, links: Sequence[Link]) -> list[Link]:
        return [link for link in links if entry_of(link).seq > self.count]

    def _is_other(self, new: Sequence[Link], count: int, head: str) -> bool:
        mine = self.store.head
        if not mine.count:
            return False
        if count < mine.count or (count == mine.count and head != mine.hash):
            return True
        return bool(new) and not self._follows(new[0])

    def _follows(self, link: Link) -> bool:
        entry = entry_of(link)
        return entry.seq == self.count + 1 and entry.previous == self.store.head.hash

    def _begin_anew(self) -> None:
        log.warning("the fleet's audit chain is another one than before entry %d: a new copy begins", self.count)
        self._owed = True
        self.store.close()
        try:
            self._set_aside()
        finally:
            self.store = PatientStore(self._path)
            if self._disk is not None:
                self.store.use(self._disk)

    def _set_aside(self) -> None:
        if self._path == ":memory:":
            return
        names = (f"{self._path}.{n}" for n in range(1, MAX_FORKS))
        aside = next((name for name in names if not os.path.exists(name)), "")
        if not aside:
            raise StoreError(f"{MAX_FORKS - 1} earlier copies of the fleet's audit chain stand beside {self._path}")
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self._path + suffix):
                os.replace(self._path + suffix, aside + suffix)

    def close(self) -> None:
        """Closes the file."""
        self.store.close()
