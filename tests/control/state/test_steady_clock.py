"""The clock of durations: jumps of the wall clock, restarts, other boots, readings that are none."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.settings import Stage
from proxy.control.engine import Engine
from proxy.control.state.steady_clock import SteadyClock, boot_id
from proxy.control.state.store import Store
from proxy.stats.board import Board
from tests.control.houses import canary_release, section, settings

DAY = 86_400.0


class Machine:
    """A wall clock that may be set, a boot clock and its name."""

    def __init__(self) -> None:
        self.wall, self.boot, self.name = 1_700_000_000.0, 5000.0, "a"

    def passes(self, seconds: float) -> None:
        self.wall, self.boot = self.wall + seconds, self.boot + seconds

    def clock(self, stored: Any) -> SteadyClock:
        return SteadyClock(stored, self.wall, lambda: self.boot, self.name, lambda: self.boot)


def test_the_first_start_begins_at_the_wall_clock() -> None:
    machine = Machine()
    clock = machine.clock(None)
    machine.passes(10.0)
    assert (clock(), clock.wall(), clock.skew) == (1_700_000_010.0, 1_700_000_010.0, 0.0)


@pytest.mark.parametrize("jump", [DAY, -DAY, 0.0])
def test_a_jump_between_two_starts_moves_the_wall_alone(jump: float) -> None:
    machine = Machine()
    first = machine.clock(None)
    machine.passes(100.0)
    reading = first.reading()
    machine.passes(20.0)
    machine.wall += jump
    second = machine.clock(reading)
    assert (second(), second.skew, second.wall()) == (1_700_000_120.0, jump, machine.wall)


def test_a_jump_at_run_time_moves_nothing() -> None:
    machine = Machine()
    clock = machine.clock(None)
    machine.wall += DAY
    assert clock() == 1_700_000_000.0


def test_time_between_two_boots_is_not_counted() -> None:
    machine = Machine()
    first = machine.clock(None)
    machine.passes(50.0)
    reading = first.reading()
    machine.passes(3600.0)
    machine.boot, machine.name = 7.0, "b"
    second = machine.clock(reading)
    assert (second(), second.wall()) == (1_700_000_050.0, machine.wall)


@pytest.mark.parametrize(
    "stored", [(float("nan"), 1.0, "a"), (None, 1.0, "a"), ("x", 1.0, "a"), (1.0, 1.0, None), (-1.0, 1.0, "a"), (1,), 7]
)
def test_a_reading_that_is_none_begins_anew(stored: Any) -> None:
    assert Machine().clock(stored)() == 1_700_000_000.0


def test_a_boot_has_a_name_on_linux() -> None:
    assert len(boot_id()) in (0, 36)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_stage_lasts_as_long_as_it_says_whatever_the_wall_clock_does(tmp_path: Any, jump: float) -> None:
    """A stage of an hour: half of it, a restart with a jump, the other half."""
    release = canary_release(stages=(Stage(canary=10.0, duration=3600.0), Stage(canary=50.0, duration=3600.0)))
    configured = settings(section(split=(), shadows=(), release=release))
    machine, path = Machine(), str(tmp_path / "p.db")

    def started(store: Store) -> tuple[Engine, SteadyClock]:
        clock = machine.clock(store.clock())
        engine = Engine(configured, store, Board(), lambda table: None, clock=clock)
        engine.begin(clock())
        engine.on_time(clock())
        return engine, clock

    store = Store(path)
    engine, clock = started(store)
    machine.passes(1800.0)
    engine.on_time(clock())
    store.close()
    machine.wall += jump
    store = Store(path)
    engine, clock = started(store)
    state = engine.state("cancer")
    assert (state.stage, clock() - state.stage_since) == (0, 1800.0)
    assert engine.keeper.unix(clock()) == machine.wall
    machine.passes(1799.0)
    assert clock() - state.stage_since < 3600.0
    machine.passes(1.0)
    assert clock() - state.stage_since == 3600.0
    store.close()
