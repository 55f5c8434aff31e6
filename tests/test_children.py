"""When a child is started again, and how; without processes."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import children


def test_a_child_that_lived_is_started_at_once() -> None:
    assert children.restart_delay(children.QUICK_DEATH_SECONDS, 7) == (0.0, 0)


def test_a_child_that_keeps_dying_waits_longer_each_time_and_is_never_given_up() -> None:
    delays, quick = [], 0
    for _ in range(12):
        delay, quick = children.restart_delay(0.1, quick)
        delays.append(delay)
    assert delays[:5] == [0.0, 0.0, 0.1, 0.2, 0.4]
    assert delays == sorted(delays)
    assert delays[-1] == children.MAX_RESTART_DELAY


@given(st.floats(0, 1e6), st.integers(0, 10**9))
def test_delays_are_bounded(lived: float, quick_deaths: int) -> None:
    delay, _ = children.restart_delay(lived, quick_deaths)
    assert 0.0 <= delay <= children.MAX_RESTART_DELAY


def test_the_life_of_a_child() -> None:
    child = children.Child("worker", 3)
    assert (child.name, child.pid, child.due) == ("worker-3", None, 0.0)
    child.hung = True
    child.running(42, 10.0)
    assert (child.pid, child.due, child.hung) == (42, None, False)
    assert child.gone(11.0, again=True) == 0.0
    assert (child.pid, child.due) == (None, 11.0)
    child.running(43, 11.0)
    assert child.gone(12.0, again=False) is None
    assert (child.pid, child.due) == (None, None)


def test_a_signal_to_nobody_is_no_error() -> None:
    child = children.Child("control")
    child.signal(9)
    child.abort()
    assert (child.pid, child.due) == (None, 0.0)


def test_each_child_has_a_place_of_its_own_in_the_page() -> None:
    assert [children.Child("control").place, *(children.Child("worker", n).place for n in range(3))] == [0, 1, 2, 3]


def test_processor_time_of_a_process_never_goes_back_and_nobody_has_none() -> None:
    before = children.processor_time(os.getpid())
    sum(range(200_000))
    assert children.processor_time(os.getpid()) >= before > 0
    assert children.processor_time(2**22 + 1) == 0  # above the largest pid


def test_children_are_this_interpreter() -> None:
    assert children.command("worker", "{}") == [sys.executable, "-P", "-m", "proxy", "worker", "{}"]


@pytest.mark.parametrize(
    ("kind", "configured", "expected"),
    [("control", {}, "1048576"), ("control", {"x": "7"}, "7"), ("worker", {}, "8388608"), ("worker", {"x": "7"}, "7")],
)
def test_control_gives_large_blocks_back_and_workers_keep_them(
    kind: children.ProcessKind, configured: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a setting of the allocator, which the environment may say otherwise."""
    name, got = "MALLOC_MMAP_THRESHOLD_", {}
    monkeypatch.delenv(name, raising=False)
    for value in configured.values():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **given: got.update(given["env"]) or SimpleNamespace(pid=7)
    )
    assert children.spawn(kind, {}) == 7
    assert got[name] == expected
