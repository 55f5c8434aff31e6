"""Handshakes are counted by why they failed, and the log tells of changes alone."""

from __future__ import annotations

import logging

import pytest

from proxy.dataplane.handshakes import Handshakes
from proxy.dataplane.tally import Tally
from proxy.dataplane.tls_failed import SENTENCES
from proxy.tls.reason import REASONS, TlsError
from tests.support.fakes import Clock


def test_all_are_counted_and_changes_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tally = Tally()
    handshakes = Handshakes(tally)
    for _ in range(3):
        failed = handshakes.failed("v1", TlsError("another authority", "untrusted"))
    assert failed.why == "untrusted" and failed.strerror == f"TLS: {SENTENCES['untrusted']}"
    handshakes.failed("v1", "timeout")
    handshakes.failed("v2", ConnectionResetError())
    handshakes.succeeded("v1")
    handshakes.succeeded("v1")
    handshakes.keep(frozenset(("v1",)))
    handshakes.succeeded("v2")
    told = [record.message.partition(", ")[0] for record in caplog.records]
    assert told == [*["version v1: TLS fails"] * 2, "version v2: TLS fails", "version v1: TLS works again"]
    assert {(side, result): count for side, result, count in tally.take(0, "", 0, True, {}).handshakes} == {
        ("upstream", "untrusted"): 3,
        ("upstream", "timeout"): 1,
        ("upstream", "closed"): 1,
        ("upstream", "ok"): 3,
    }


def test_a_version_that_works_and_fails_by_turns_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    handshakes = Handshakes(Tally(), clock)
    for _ in range(120):
        for why in ("timeout", "expired"):
            handshakes.failed("v1", why)
            handshakes.succeeded("v1")
        clock.now += 1.0
    assert len(caplog.records) == 2 * 4
    handshakes.failed("v1", "timeout")
    clock.now += 60.0
    handshakes.failed("v1", "timeout")
    assert "fails, timeout" in caplog.records[-1].message, "the last word is true"


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == {*REASONS, "own"}
