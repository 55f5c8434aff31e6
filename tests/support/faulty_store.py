"""A store of a fleet that fails when it is told to: before a call has its effect, or after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeVar

from proxy.control.fleet.memory_store import MemoryStore
from proxy.control.fleet.store import (
    Collected,
    CommitResult,
    FollowedTable,
    Heard,
    Leadership,
    Place,
    Report,
    StoreUnavailableError,
)
from proxy.release.audit import Link

Fault = Literal["", "before", "after"]
Answer = TypeVar("Answer")


class FaultyStore(MemoryStore):
    """`fault`: the name of a call to how it fails; "" where it works."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.fault: Callable[[str], Fault] = lambda call: ""

    async def _faulty(self, call: str, do: Callable[[], Awaitable[Answer]]) -> Answer:
        fault = self.fault(call)
        if fault == "before":
            raise StoreUnavailableError(f"{call} was lost on its way there")
        answer = await do()
        if fault == "after":
            raise StoreUnavailableError(f"{call} was lost on its way back")
        return answer

    async def acquire(self, instance: str, floor: int, stamp: str) -> Leadership:
        return await self._faulty("acquire", lambda: super(FaultyStore, self).acquire(instance, floor, stamp))

    async def report(self, report: Report) -> Heard:
        return await self._faulty("report", lambda: super(FaultyStore, self).report(report))

    async def collect(self, known: Mapping[tuple[str, str], int], place: Place) -> Collected:
        return await self._faulty("collect", lambda: super(FaultyStore, self).collect(known, place))

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Sequence[Link] = (), end: int = 0
    ) -> CommitResult:
        commit = super().commit
        return await self._faulty("commit", lambda: commit(before, place, evidence, table, links, end))

    async def table(self, after: int = 0) -> FollowedTable | None:
        return await self._faulty("table", lambda: super(FaultyStore, self).table(after))
