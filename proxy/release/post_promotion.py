"""The guard of a promoted version: there is no second arm any more, so limits against the primary become absolute.

What the old primary did last is the yardstick: an error rate that it stayed below with 99 % confidence, a quantile with
a tenth of slack, a score. Pairs end with the promote, so lines about pairs have no say in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from msgspec.structs import replace

from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import Guard, Limit

Z = 2.326
"""The 99 % quantile of the normal distribution, one-sided."""
SLACK = 1.1
"""A quantile of yesterday is itself an estimate; a tenth more is no breakage."""
UNKNOWN_RATE = 0.05
"""With nothing known of the old primary, more than one failure in twenty is taken as broken."""
FEW = 100
"""Records below which a quantile or score of the old primary is no yardstick."""


class PrimaryFigure(NamedTuple):
    """What the old primary had: a rate, seconds or a score, from `n` observations."""

    value: float
    n: int


def guard_after(guard: Guard, figures: Mapping[str, PrimaryFigure]) -> Guard | None:
    """The guard for the rollback window, or None when no line of the scorecard can be held to anything."""
    lines = {
        metric: alone
        for metric, limit in guard.scorecard.items()
        if METRICS[metric].survives_promotion and (alone := _alone(metric, limit, figures.get(metric))) != Limit()
    }
    return replace(guard, scorecard=lines) if lines else None


def _alone(metric: str, limit: Limit, figure: PrimaryFigure | None) -> Limit:
    most = [bound for bound in (limit.max, _from_ratio(metric, limit, figure)) if bound is not None]
    least = [bound for bound in (limit.min, _from_drop(limit, figure)) if bound is not None]
    return Limit(max=min(most) if most else None, min=max(least) if least else None)


def _from_ratio(metric: str, limit: Limit, figure: PrimaryFigure | None) -> float | None:
    if limit.max_ratio is None:
        return None
    if METRICS[metric].kind == "rate":
        rate = upper(figure) if figure and figure.n else UNKNOWN_RATE
        return min(max(limit.max_ratio, 1.0) * rate, 0.5)
    if figure is None or figure.n < FEW:
        return None
    return max(limit.max_ratio, 1.0) * figure.value * SLACK


def _from_drop(limit: Limit, figure: PrimaryFigure | None) -> float | None:
    if limit.max_drop is None or figure is None or figure.n < FEW:
        return None
    return max(figure.value - limit.max_drop, 0.0)


def upper(figure: PrimaryFigure) -> float:
    """The upper end of Wilson's score interval for a rate (Wilson, JASA 1927)."""
    p, n = figure
    centre = p + Z * Z / (2 * n)
    return (centre + Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))) / (1 + Z * Z / n)
