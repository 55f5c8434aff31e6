"""A bug in one step ends that step alone."""

from __future__ import annotations

import gc

import pytest

from proxy.control.containment import MAX_NEW_OBJECTS, contained, spare_the_collector


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
