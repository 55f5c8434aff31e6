"""A bug in one step ends that step alone."""

from __future__ import annotations

import gc
import resource
from pathlib import Path

import pytest

from proxy.control.containment import MAX_NEW_OBJECTS, contained, give_back, spare_the_collector


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

    blocks = [(bytes(64 * 1024), bytes(1024)) for _ in range(256)]
    kept = [small for _, small in blocks]
    del blocks
    before = resident()
    give_back()
    assert resident() < before - 8 * 1024 * 1024, "16 MiB were free"
    assert len(kept) == 256
