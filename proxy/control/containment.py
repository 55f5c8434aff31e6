"""Steps of control that a bug in one of them does not end: it is logged, and the others go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("penumbra.control")


@contextmanager
def contained(step: str) -> Iterator[None]:
    """Logs a bug in one step and lets control go on: without control all canaries stop, which is worse than one tick or
    batch that is not counted."""
    try:
        yield
    except Exception:
        log.exception("%s failed", step)
