"""A store whose file is used in a thread, so that a disk that hangs stops nobody who reads records and answers.

- What is needed now (a change, a page of the audit) is waited for, for `disk_thread.PATIENCE`; then it is refused, as
  by a disk that is full. While the disk hangs the next ones hear so at once.
- What is looked after now and then (the file's place, the evidence) is begun, and nobody waits for its end.
- A change that was refused and is written after all is taken back before anything else is written; one that is in force
  all the same has landed (`landed`), and is not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from proxy.contracts.release import RouteState
from proxy.control.disk_thread import DiskHangsError, DiskThread
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import Change, Link

T = TypeVar("T")


class PatientStore(Store):
    """Its file is used by whoever asks, until `use` says in which thread.

    - `withdraws`: whether a change that was given up is taken back where it is written after all
    - `landed`: changes that were given up, not taken back, and are written
    """

    _disk: DiskThread | None = None

    def __init__(self, path: str, *, write: bool = True) -> None:
        super().__init__(path, write=write)
        self.withdraws = True
        self._landed: list[Change] = []

    def use(self, disk: DiskThread) -> None:
        """From now on the file is used in this thread, and in no other."""
        self._disk = disk if self.durable else None

    def take_landed(self) -> list[Change]:
        """The changes that have landed since the last call."""
        landed, self._landed = self._landed, []
        return landed

    def settle(self) -> None:
        """Waits for what is under way, for no longer than for anything else."""
        with suppress(StoreError):
            self._patiently(lambda: None)

    def close(self) -> None:
        """A file that the thread still hangs on is closed by the end of the process."""
        self.settle()
        if self._disk is None or not self._disk.hangs:
            super().close()

    # -- reading

    def _links(self, clause: str, values: tuple[object, ...]) -> list[Link]:
        return self._patiently(lambda: Store._links(self, clause, values))

    # -- writing

    def save(self, states: Iterable[RouteState], changes: Iterable[Change], revision: int, now: float) -> None:
        states, changes, before, table = tuple(states), tuple(changes), dict[str, bytes | None](), 0

        def save() -> None:
            nonlocal table
            table = self.head.revision
            before.update({state.route: self._bodies.get(state.route) for state in states})
            Store.save(self, states, changes, revision, now)

        withdraws = self.withdraws

        def late() -> None:
            if withdraws:
                self._withdraw(before, changes, table, now)
            else:
                self._landed.extend(changes)

        self._patiently(save, late)

    def mirror(self, links: Sequence[Link]) -> None:
        self._patiently(lambda: Store.mirror(self, links))

    def remember(
        self, rows: Mapping[str, bytes], clock: tuple[float, float, str] | None = None, *, wait: bool = False
    ) -> None:
        """`wait`: it is not written again soon."""
        if wait:
            self._patiently(lambda: Store.remember(self, rows, clock))
        else:
            self._glance(lambda: Store.remember(self, rows, clock))

    def attend(self) -> None:
        self._glance(lambda: Store.attend(self))

    # -- how

    def _patiently(self, work: Callable[[], T], late: Callable[[], object] | None = None) -> T:
        disk = self._disk
        if disk is None or disk.is_here():
            return work()
        try:
            return disk.waited(work, late)
        except DiskHangsError as error:
            raise StoreError(f"{self._path}: {error}") from None

    def _glance(self, work: Callable[[], object]) -> None:
        disk = self._disk
        if disk is None or disk.is_here():
            work()
            return
        try:
            disk.glance(work)
        except DiskHangsError as error:
            raise StoreError(f"{self._path}: {error}") from None
