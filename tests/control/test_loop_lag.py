"""A loop that stood still says for how long."""

import asyncio
import time

import pytest

from proxy.contracts.histogram import bucket
from proxy.control.loop_lag import LOOK_SECONDS, LoopLag


def test_looks_in_time_are_not_late_and_a_stall_is() -> None:
    lag, now = LoopLag(), 100.0
    for stall in (0.0, 0.0, 0.0, 2.0, 0.0):
        lag.look(now)
        now += LOOK_SECONDS + stall
    assert lag.seconds == pytest.approx(2.0)
    assert sum(lag.buckets.values()) == 4 and lag.buckets[bucket(2.0)] == 1


def test_a_loop_looks_by_itself() -> None:
    async def stand_still() -> LoopLag:
        lag = LoopLag()
        lag.keep_looking(asyncio.get_running_loop())
        time.sleep(4 * LOOK_SECONDS)  # noqa: ASYNC251 (it is what the test is about)
        await asyncio.sleep(LOOK_SECONDS)
        return lag

    assert asyncio.run(stand_still()).seconds >= 3 * LOOK_SECONDS
