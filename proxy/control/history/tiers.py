"""Lengths of the steps that are kept, and the step that an answer has.

Seconds are kept for an hour, minutes for days; ten seconds and ten minutes are there so that an answer about an hour or
a week does not read thousands of steps. Each tier is made of the one before it (`steps.joined`), so all of them say the
same of the same time.
"""

from __future__ import annotations

from math import ceil

from msgspec import Struct

MAX_POINTS = 600
"""Steps of one answer at most."""

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Steps that an answer may have, in seconds."""


class Tier(Struct, frozen=True):
    """Steps of one length."""

    step: int
    """Seconds of a step."""
    block: int
    """Seconds of a block of steps, which is what is stored."""


SECONDS, TEN_SECONDS, MINUTES, TENS = TIERS = (Tier(1, 10), Tier(10, 10), Tier(60, 60), Tier(600, 600))


def step_for(start: float, end: float, wanted: float, seconds_from: float) -> int:
    """The step of an answer about `start` to `end` (Unix seconds): the shortest of `STEPS` that is not shorter than
    `wanted`, makes at most `MAX_POINTS` of the range, and is kept: before `seconds_from` there are minutes only."""
    least = max(wanted, (end - start) / MAX_POINTS, MINUTES.step if start < seconds_from else SECONDS.step)
    return next((step for step in STEPS if step >= least and ceil(end / step) - start // step <= MAX_POINTS), STEPS[-1])


def tier_for(step: int) -> Tier:
    """The longest steps that steps of this length can be made of."""
    return next(tier for tier in reversed(TIERS) if step % tier.step == 0)
