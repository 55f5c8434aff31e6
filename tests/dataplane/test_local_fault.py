"""Whose fault a connection is that cannot be had."""

from __future__ import annotations

import errno
import socket

import pytest

from proxy.contracts.outcome import outcome_of
from proxy.dataplane.local_fault import reason_of, reason_of_end

NAMED = "EMFILE ENFILE ENOBUFS ENOMEM EADDRNOTAVAIL EADDRINUSE EAGAIN ENETDOWN"


@pytest.mark.parametrize("number", [getattr(errno, name) for name in NAMED.split()])
def test_what_this_host_has_run_out_of_is_charged_to_nobody(number: int) -> None:
    reason = reason_of(OSError(number, "out of something"))
    assert (reason, outcome_of(reason), outcome_of(reason, copy=True)) == ("no_resources", "limited", "limited")
    assert reason_of_end(OSError(number, "out of something")) == reason


@pytest.mark.parametrize("error", [None, ConnectionResetError(errno.ECONNRESET, "reset"), OSError("no number")])
def test_an_end_that_the_other_side_makes_is_a_reset(error: Exception | None) -> None:
    assert reason_of_end(error) == "reset"


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNRESET, None])
def test_what_the_other_side_says_is_charged(number: int | None) -> None:
    reason = reason_of(OSError(number, "no"))
    assert (reason, outcome_of(reason)) == ("connect_failed", "failed")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (socket.EAI_AGAIN, "no_resources"),
        (socket.EAI_MEMORY, "no_resources"),
        (socket.EAI_SYSTEM, "no_resources"),
        (socket.EAI_NONAME, "connect_failed"),
        (socket.EAI_FAMILY, "connect_failed"),
    ],
)
def test_a_resolver_that_is_away_is_not_a_name_that_does_not_exist(number: int, reason: str) -> None:
    assert reason_of(socket.gaierror(number, "resolver")) == reason
