"""The store of a fleet in memory: what every store does, and what only a clock that can be set shows."""

from __future__ import annotations

import asyncio

import pytest

from proxy.control.fleet.memory_store import MemoryStore
from proxy.control.fleet.store import LEADERSHIP_SECONDS, NOWHERE, REPORT_KEPT_SECONDS, Report
from tests.support import fleet_store
from tests.support.fleet_store import StoreTest


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("holds", fleet_store.EVERY, ids=lambda test: test.__name__)
def test_it_is_a_store(holds: StoreTest) -> None:
    asyncio.run(holds(MemoryStore(Clock())))  # type: ignore[arg-type]


def test_a_judge_that_does_not_renew_is_replaced() -> None:
    async def passes() -> None:
        clock = Clock()
        store = MemoryStore(clock)
        old = await store.acquire("a", 0, "x")
        clock.now = LEADERSHIP_SECONDS - 0.1
        assert await store.acquire("a", 0, "x") == old
        clock.now = 2 * LEADERSHIP_SECONDS - 0.1
        assert await store.commit(NOWHERE, old.place(1), b"late", b"") == "other_term"
        new = await store.acquire("b", 1, "y")
        assert (new.judge, new.term) == ("b", 2)
        assert await store.commit(NOWHERE, old.place(1), b"of the one before", b"") == "other_term"
        assert await store.commit(NOWHERE, new.place(1), b"done", b"") == "done"

    asyncio.run(passes())


def test_counts_wait_for_a_judge_and_not_for_ever() -> None:
    async def passes() -> None:
        clock = Clock()
        store = MemoryStore(clock)
        await store.report(Report("a", "e", 1, b"counts"))
        clock.now = REPORT_KEPT_SECONDS - 1.0
        assert [(row.age, row.body) for row in (await store.collect({}, NOWHERE)).reports] == [(clock.now, b"counts")]
        clock.now = REPORT_KEPT_SECONDS
        assert (await store.collect({}, NOWHERE)).reports == ()

    asyncio.run(passes())
