"""Signals from the first instant on: held until there is somebody to heed them, then taken one by one.

- A signal that a process holds (blocks) waits in the kernel, also through `execve` and from the birth of a child to its
  first handler. Its default action would end the process, and as PID 1 of a container it would be lost.
- Equal signals that wait are one.
- What nobody here heeds (SIGUSR1, SIGUSR2) must not end the first process: everything hangs on it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

HEEDED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that mean something to the supervisor."""

UNHEEDED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTOU)
"""Signals that mean nothing to it. SIGTTOU: it may always write to the terminal; children inherit that."""

HELD = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1})
"""Signals that wait for a handler, from the first line of `proxy.__main__` on; SIGUSR1 tells control of a drain."""


def prepare() -> None:
    """Before the first child, and through `execve`: what means nothing ends nothing, and the dead wait to be collected,
    whatever this process was started with."""
    for number in UNHEEDED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def ended_already() -> bool:
    """Whether a signal that ends this process waits to be heeded."""
    return bool(signal.sigpending() & {signal.SIGTERM, signal.SIGINT})


@contextmanager
def held() -> Iterator[None]:
    """Children that are started meanwhile hold their signals; this process goes on as before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def caught_signals() -> Iterator[int]:
    """While it lasts, the signals of interest do nothing but come as bytes (their numbers) from this descriptor, first
    those that were held.

    Afterwards they are ignored: nothing may interrupt the last steps and change the exit code.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in UNHEEDED:
        signal.signal(number, signal.SIG_IGN)
    for number in HEEDED:
        signal.signal(number, _ignored)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        for number in HEEDED:
            signal.signal(number, signal.SIG_IGN)
        os.close(reader)
        os.close(writer)


def _ignored(number: int, frame: object) -> None:
    """Does nothing: the interpreter has written the number to the wakeup pipe."""
