"""What keeps control going: a bug in one step is logged, and the collector of cycles looks seldom."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("penumbra.control")

MAX_NEW_OBJECTS = 50_000
"""Objects more than at the last look before the collector looks for cycles: more than any batch of records makes."""


@contextmanager
def contained(step: str) -> Iterator[None]:
    """Logs a bug in one step and lets control go on: without control all canaries stop, which is worse than one tick or
    batch that is not counted."""
    try:
        yield
    except Exception:
        log.exception("%s failed", step)


def spare_the_collector() -> None:
    """Records come and go by the thousand without a cycle among them: looking for cycles after every few hundred costs
    a sixth of the analysis, and finds nothing. What was made so far stays, so it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(MAX_NEW_OBJECTS)
