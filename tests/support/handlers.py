"""Handlers of signals that a test changes in its own process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.signals import HEEDED, HELD, UNHEEDED


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Afterwards the handlers are those of before, and no signal is held."""
    kept = {number: signal.getsignal(number) for number in (*HEEDED, *UNHEEDED)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
