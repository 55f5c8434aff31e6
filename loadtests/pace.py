"""How fast the machine itself is at the moment: a fixed loop, to stand beside figures. It compares with nothing else.

Times of different machines or hours do not compare; where this number differs, they certainly do not.
"""

from __future__ import annotations

import statistics
import time

ADDITIONS = 1_000_000
"""Long enough that the clock's steps do not show: some twenty milliseconds."""


def loop_ms(repetitions: int = 5) -> float:
    """CPU milliseconds of a loop of `ADDITIONS` additions in this interpreter: the median of some turns."""
    return round(statistics.median([_once() for _ in range(repetitions)]), 1)


def _once() -> float:
    before, total = time.process_time(), 0
    for number in range(ADDITIONS):
        total += number & 7
    return (time.process_time() - before) * 1e3
