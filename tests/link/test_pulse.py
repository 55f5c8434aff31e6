"""Beats in a page that processes share."""

from __future__ import annotations

import asyncio
import os

import pytest

from proxy.link import pulse
from proxy.link.pulse import KINDS, REASONS, Pulses


def test_what_one_process_writes_another_reads() -> None:
    fd = pulse.page(3)
    supervisor, worker = Pulses(fd), Pulses(os.dup(fd))
    worker.beat(2)
    worker.beat(2)
    assert [supervisor.beats(place) for place in range(3)] == [0, 0, 2]
    supervisor.begin(2)
    assert worker.beats(2) == 0


def test_restarts_are_counted_by_kind_and_reason() -> None:
    pulses = Pulses(pulse.page(2))
    assert pulses.restarts() == {(kind, reason): 0 for kind in KINDS for reason in REASONS}
    pulses.restarted("worker", "hung")
    pulses.restarted("worker", "hung")
    pulses.restarted("control", "exited")
    counted = {key: count for key, count in pulses.restarts().items() if count}
    assert counted == {("worker", "hung"): 2, ("control", "exited"): 1}
    assert [pulses.beats(place) for place in range(2)] == [0, 0]


def test_a_loop_that_gets_to_its_timers_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    pulses = Pulses(pulse.page(1))

    async def live() -> None:
        pulses.keep_beating(0, asyncio.get_running_loop())
        for _ in range(10):
            await asyncio.sleep(0)

    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.0)
    asyncio.run(live())
    assert pulses.beats(0) > 5
