"""No signal is lost between the first instant of a process and its first handler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from proxy import __main__ as entry
from proxy.signals import HEEDED, HELD, UNHEEDED, caught_signals, ended_already, held, prepare
from tests.support.handlers import handlers_kept


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    with handlers_kept():
        yield


def came(reader: int) -> set[int]:
    try:
        return set(os.read(reader, 4096))
    except BlockingIOError:
        return set()


def test_what_the_entry_holds_is_what_is_caught_later() -> None:
    assert set(entry.HELD) == HELD


def test_what_came_while_signals_were_held_comes_first() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, entry.HELD)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.raise_signal(number)
    with caught_signals() as reader:
        assert came(reader) == {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
        signal.raise_signal(signal.SIGHUP)
        assert came(reader) == {signal.SIGHUP}


def test_what_means_nothing_ends_nothing() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, entry.HELD)
    signal.raise_signal(signal.SIGUSR1)
    with caught_signals() as reader:
        signal.raise_signal(signal.SIGUSR2)
        assert came(reader) == set()


def test_afterwards_no_signal_changes_the_exit_code() -> None:
    with caught_signals():
        pass
    signal.raise_signal(signal.SIGTERM)
    assert {signal.getsignal(number) for number in HEEDED} == {signal.SIG_IGN}


def test_a_child_is_born_with_its_signals_held_and_the_parent_is_not() -> None:
    mask = "import signal; print(*sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    with held():
        made = subprocess.run([sys.executable, "-c", mask], capture_output=True, text=True, check=True)
    assert {int(number) for number in made.stdout.split()} == {int(number) for number in HELD}
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & HELD


def test_before_the_first_child_what_means_nothing_is_ignored_and_the_dead_are_kept() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    prepare()
    assert {signal.getsignal(number) for number in UNHEEDED} == {signal.SIG_IGN}
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL


def test_a_signal_that_waits_ends_before_anything_begins() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, entry.HELD)
    for number, ends in ((signal.SIGHUP, False), (signal.SIGINT, True)):
        signal.raise_signal(number)
        assert ended_already() is ends
    with caught_signals() as reader:
        assert came(reader) == {signal.SIGHUP, signal.SIGINT}
        assert not ended_already()
