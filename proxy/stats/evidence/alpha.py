"""On what terms a candidate is judged: the false alarms of a scorecard, shared by its limits."""

from __future__ import annotations

from math import log
from typing import NamedTuple

from proxy.contracts.settings import Guard, Limit


class AlphaShare(NamedTuple):
    """`alpha`: probability of a false alarm of one limit. `spend` is taken from its log evidence, so that breach is at
    ln(1/false_alarm) of the whole scorecard for each of them (a union bound)."""

    version: str
    alpha: float
    spend: float


def alpha_share_of(guard: Guard, version: str) -> AlphaShare:
    """The terms for each limit of `guard`'s scorecard."""
    tests = sum(len(limits_of(limit)) for limit in guard.scorecard.values()) or 1
    return AlphaShare(version, guard.false_alarm / tests, log(tests))


def limits_of(limit: Limit) -> list[str]:
    """The names of the limits that one line of a scorecard sets."""
    return [name for name in limit.__struct_fields__ if getattr(limit, name) is not None]
