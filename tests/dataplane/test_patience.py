"""Deadlines of what is not swept: a loop that stood still has heard nothing, and cuts nobody for it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from proxy.dataplane.patience import LOOK, Patience


def test_what_was_ready_while_the_loop_stood_still_is_not_cut() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with asyncio.timeout(None) as timeout:
                with Patience(0.05, timeout):
                    connecting = asyncio.ensure_future(asyncio.open_connection(*server.getsockname()))
                    await asyncio.sleep(0)
                    time.sleep(0.3)  # noqa: ASYNC251
                    _, writer = await connecting
            writer.close()

    asyncio.run(test())


async def never(seconds: float, *clock: Callable[[], float]) -> None:
    """Waits for what never comes."""
    async with asyncio.timeout(None) as timeout:
        with Patience(seconds, timeout, *clock):
            await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("seconds", [0.001, 2.5 * LOOK])
def test_what_never_comes_is_cut(seconds: float) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(never(seconds))


def test_it_is_cut_by_a_look_that_is_in_time() -> None:
    times = iter([0.0, 5.0, 10.0, 15.0, 20.0, 20.0 + LOOK])
    with pytest.raises(TimeoutError):
        asyncio.run(never(LOOK / 2, lambda: next(times)))
    assert not list(times), "those that were late have ended nothing"


def test_it_is_over_with_its_block() -> None:
    async def test() -> None:
        async with asyncio.timeout(None) as timeout:
            with Patience(0.001, timeout):
                await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        assert not timeout.expired()

    asyncio.run(test())
