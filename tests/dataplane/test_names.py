"""The names of several versions, with a resolver that answers when the test says so."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from proxy.contracts.table import Version
from proxy.dataplane.endpoints import Address, Found
from proxy.dataplane.name import BUSY_SECONDS, FAILED_SECONDS
from proxy.dataplane.names import FORGOTTEN_SECONDS, VersionNames
from proxy.dataplane.resolver import Heard
from proxy.dataplane.tally import Tally
from tests.support.fakes import Clock

V4 = int(socket.AF_INET)
A, B = (V4, "10.0.0.1", 80), (V4, "10.0.0.2", 80)
V1, V2 = Version("v1", "one.test", 80, "one"), Version("v2", "two.test", 80, "two")
NONE = socket.gaierror(socket.EAI_NONAME, "no such name")


class Resolver:
    """Keeps questions until they are answered."""

    def __init__(self) -> None:
        self.clock, self.tally = Clock(), Tally()
        self.asked: list[tuple[str, Heard]] = []
        self.names = VersionNames(self.tally, self.clock, self.look_up)

    def look_up(self, version: Version, heard: Heard) -> None:
        self.asked.append((version.host, heard))

    def answer(self, answer: list[Address] | socket.gaierror) -> None:
        self.asked.pop(0)[1](Found(answer) if isinstance(answer, list) else answer)

    def counted(self) -> set[tuple[str, str, int]]:
        return set(self.tally.take(0, "i", 1, True, {}).resolutions)


def on_a_loop(test: Callable[[Resolver], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test with a resolver, on a loop of its own."""

    def run() -> None:
        async def inside() -> None:
            await test(Resolver())

        asyncio.run(inside())

    return run


async def asking(resolver: Resolver, version: Version) -> asyncio.Task[list[Address]]:
    async def addresses() -> list[Address]:
        return [each.address for each in await resolver.names.endpoints(version)]

    task = asyncio.create_task(addresses())
    await asyncio.sleep(0)
    return task


@on_a_loop
async def test_a_name_is_looked_up_once_for_all_who_wait(resolver: Resolver) -> None:
    first, second = await asking(resolver, V1), await asking(resolver, V1)
    assert [host for host, _ in resolver.asked] == ["one.test"]
    resolver.answer([A, B])
    assert await first == await second == [A, B]
    assert await (await asking(resolver, V1)) == [A, B] and not resolver.asked
    assert resolver.counted() == {("v1", "answered", 1)}


@on_a_loop
async def test_a_name_that_hangs_keeps_no_other_version_waiting(resolver: Resolver) -> None:
    hanging = await asking(resolver, V2)
    fine = await asking(resolver, V1)
    resolver.asked.pop(1)[1](Found([A]))
    assert await fine == [A] and not hanging.done()
    hanging.cancel()


@on_a_loop
async def test_after_one_has_waited_in_vain_others_fail_at_once_until_the_answer(resolver: Resolver) -> None:
    waiting = await asking(resolver, V1)
    waiting.cancel()
    await asyncio.sleep(0)
    with pytest.raises(socket.gaierror, match="not answered yet"):
        await (await asking(resolver, V1))
    resolver.answer([A])
    assert await (await asking(resolver, V1)) == [A]


@on_a_loop
async def test_a_failure_is_remembered_briefly_and_asked_for_again_by_the_sweep(resolver: Resolver) -> None:
    waiting = await asking(resolver, V1)
    resolver.answer(NONE)
    with pytest.raises(socket.gaierror, match="no such name"):
        await waiting
    with pytest.raises(socket.gaierror, match="no such name"):
        await (await asking(resolver, V1))
    assert not resolver.asked
    resolver.clock.now += FAILED_SECONDS
    resolver.names.watch(V1, False, resolver.clock.now)
    resolver.answer([A])
    assert await (await asking(resolver, V1)) == [A]
    assert resolver.counted() == {("v1", "unknown", 1), ("v1", "answered", 1)}


@on_a_loop
async def test_busy_names_are_watched(resolver: Resolver) -> None:
    names, clock = resolver.names, resolver.clock
    names.watch(V1, True, clock.now)
    resolver.answer([A])
    endpoint = (await names.endpoints(V1))[0]
    for _ in range(2):
        clock.now += BUSY_SECONDS
        names.watch(V1, True, clock.now)
        resolver.answer([B])
    assert endpoint.gone
    clock.now += BUSY_SECONDS
    names.watch(V1, True, clock.now)
    resolver.answer(socket.gaierror(socket.EAI_AGAIN, "try again"))
    assert await (await asking(resolver, V1)) == [B]
    assert ("v1", "unavailable", 1) in resolver.counted()


@on_a_loop
async def test_old_addresses_are_used_where_new_ones_do_not_come_soon(resolver: Resolver) -> None:
    resolver.names.watch(V1, False, resolver.clock.now)
    resolver.answer([A])
    resolver.clock.now += BUSY_SECONDS + 1
    assert await (await asking(resolver, V1)) == [A]
    assert await (await asking(resolver, V1)) == [A], "and nobody waits for them again"
    assert len(resolver.asked) == 1


@on_a_loop
async def test_an_address_is_not_looked_up(resolver: Resolver) -> None:
    for host in ("127.0.0.1", "::1"):
        task = await asking(resolver, Version("v3", host, 80, host))
        assert [address[1] for address in await task] == [host] and not resolver.asked


@on_a_loop
async def test_a_name_that_no_pool_needs_is_forgotten(resolver: Resolver) -> None:
    resolver.names.watch(V1, True, resolver.clock.now)
    resolver.answer([A])
    resolver.clock.now += FORGOTTEN_SECONDS
    resolver.names.sweep(resolver.clock.now)
    assert len(resolver.names._names) == 1
    resolver.names.sweep(resolver.clock.now + 1)
    assert not resolver.names._names


@on_a_loop
async def test_a_lookup_that_raises_is_a_failure_and_is_tried_again(resolver: Resolver) -> None:
    def raises(version: Version, heard: Heard) -> None:
        raise RuntimeError("nobody foresaw this")

    names = VersionNames(resolver.tally, resolver.clock, lambda version, heard: asks[0](version, heard))
    asks = [raises]
    with pytest.raises(socket.gaierror):
        await asyncio.wait_for(names.endpoints(V1), 1)
    assert resolver.counted() == {("v1", "unavailable", 1)}
    resolver.clock.now += FAILED_SECONDS
    asks[0] = resolver.look_up
    names.watch(V1, False, resolver.clock())
    resolver.answer([A])
    assert [each.address for each in await names.endpoints(V1)] == [A]


@on_a_loop
async def test_an_answer_that_cannot_be_heard_keeps_nobody_waiting(resolver: Resolver) -> None:
    faults: list[Exception] = []

    def clock() -> float:
        if faults:
            raise faults.pop()
        return 1.0

    names = VersionNames(resolver.tally, clock, resolver.look_up)
    task = asyncio.create_task(names.endpoints(V1))
    await asyncio.sleep(0)
    faults.append(RuntimeError("nobody foresaw this"))
    resolver.answer([A])
    with pytest.raises(socket.gaierror):
        await asyncio.wait_for(task, 1)
    assert not faults
