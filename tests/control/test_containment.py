"""A bug in one step ends that step alone."""

from __future__ import annotations

import gc
import os
import resource
from pathlib import Path

import pytest

from proxy.control import containment
from proxy.control.containment import (
    GIVE_BACK_SECONDS,
    MAX_NEW_OBJECTS,
    FreeMemory,
    contained,
    give_back,
    spare_the_collector,
)


def test_a_step_that_fails_is_logged_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with contained("counting a tick"):
        raise ZeroDivisionError
    assert "counting a tick failed" in caplog.text


def test_an_end_is_no_bug() -> None:
    with pytest.raises(SystemExit), contained("counting a tick"):
        raise SystemExit


def test_the_collector_looks_seldom() -> None:
    before = gc.get_threshold()
    try:
        spare_the_collector()
        assert gc.get_threshold()[0] == MAX_NEW_OBJECTS
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def test_what_is_free_within_the_heap_goes_back_to_the_kernel() -> None:
    """Blocks between others that stay, which the C library keeps by itself."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    blocks = [os.urandom(64 * 1024) for _ in range(512)]
    kept = blocks[::2]
    del blocks
    before = resident()
    give_back()
    assert resident() < before - 8 * 1024 * 1024, "16 MiB were free"
    assert len(kept) == 256


def test_free_memory_is_given_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    free = FreeMemory()
    for now in (5.0, 5.1, 4.9 + GIVE_BACK_SECONDS, 5.0 + GIVE_BACK_SECONDS, 5.3 + GIVE_BACK_SECONDS):
        monkeypatch.setattr(containment, "give_back", lambda now=now: times.append(now))
        free.look(now)
    assert times == [5.0, 5.0 + GIVE_BACK_SECONDS]
