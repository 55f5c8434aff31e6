"""The supervisor's rules without processes: when a child is started again, and how."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import supervisor


def test_a_child_that_lived_is_started_at_once() -> None:
    assert supervisor.restart_delay(supervisor.QUICK_DEATH_SECONDS, 7) == (0.0, 0)


def test_a_child_that_keeps_dying_waits_longer_each_time_and_is_never_given_up() -> None:
    delays, quick = [], 0
    for _ in range(12):
        delay, quick = supervisor.restart_delay(0.1, quick)
        delays.append(delay)
    assert delays[:5] == [0.0, 0.0, 0.1, 0.2, 0.4]
    assert delays == sorted(delays)
    assert delays[-1] == supervisor.MAX_RESTART_DELAY


@given(st.floats(0, 1e6), st.integers(0, 10**9))
def test_delays_are_bounded(lived: float, quick_deaths: int) -> None:
    delay, _ = supervisor.restart_delay(lived, quick_deaths)
    assert 0.0 <= delay <= supervisor.MAX_RESTART_DELAY


def test_the_life_of_a_child() -> None:
    child = supervisor.Child("worker", 3)
    assert (child.name, child.pid, child.due) == ("worker-3", None, 0.0)
    child.running(42, 10.0)
    assert (child.pid, child.due) == (42, None)
    assert child.gone(11.0, again=True) == 0.0
    assert (child.pid, child.due) == (None, 11.0)
    child.running(43, 11.0)
    assert child.gone(12.0, again=False) is None
    assert (child.pid, child.due) == (None, None)


def test_a_signal_to_nobody_is_no_error() -> None:
    child = supervisor.Child("control")
    child.signal(9)
    assert (child.pid, child.due) == (None, 0.0)


def test_children_are_this_interpreter_and_import_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert supervisor.command("worker", "{}") == [sys.executable, "-P", "-m", "proxy", "worker", "{}"]
    root = str(Path(supervisor.__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert supervisor.environment()["PYTHONPATH"].split(os.pathsep) == [root, "elsewhere"]
    monkeypatch.setattr(sysconfig, "get_path", lambda name: root)
    assert supervisor.environment()["PYTHONPATH"] == "elsewhere"
