"""The guard of a promoted version: there is no second arm any more, so limits against the primary become absolute.

The last figures of the previous primary are the yardstick: the upper end of Wilson's score interval of a rate (99 %,
one-sided), a quantile with a tenth of slack, a score less its drop. Pairs and drift end with the promote: metrics whose
row does not survive a promotion are no part of the guard.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from msgspec.structs import replace

from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import Guard, Limit

Z_99 = 2.326
"""The 99 % quantile of the normal distribution, one-sided."""
QUANTILE_SLACK = 1.1
"""Factor on a quantile of the previous primary, which is itself an estimate: a tenth more is no breakage."""
MAX_RATE = 0.99
"""A primary that fails as often as this leaves nothing to guard."""
DEFAULT_RATE = 0.05
"""Failure rate in place of an unknown previous primary: more than one failure in twenty counts as broken."""
UNKNOWN_RATE = 0.5
"""Rate in place of an unknown previous primary's where a margin above it is the limit: clients cause a part of refusals
and abandonments themselves, but not more than half of them."""
MIN_YARDSTICK = 100
"""Records below which a quantile or score of the previous primary is no yardstick."""


class PrimaryFigure(NamedTuple):
    """A figure of the previous primary: a rate, seconds or a score, from `n` observations."""

    value: float
    """The figure, in the metric's unit."""
    n: int
    """Observations that it rests on."""


def guard_after(guard: Guard, figures: Mapping[str, PrimaryFigure]) -> Guard | None:
    """The guard for the rollback window, or None when no line of the scorecard can be held to anything."""
    lines = {
        metric: alone
        for metric, limit in guard.scorecard.items()
        if METRICS[metric].survives_promotion and (alone := _alone(metric, limit, figures.get(metric))) != Limit()
    }
    return replace(guard, scorecard=lines) if lines else None


def _alone(metric: str, limit: Limit, figure: PrimaryFigure | None) -> Limit:
    known = limit.max, _from_ratio(metric, limit, figure), _from_increase(limit, figure)
    most = [bound for bound in known if bound is not None]
    least = [bound for bound in (limit.min, _from_drop(limit, figure)) if bound is not None]
    return Limit(max=min(most) if most else None, min=max(least) if least else None)


def _from_ratio(metric: str, limit: Limit, figure: PrimaryFigure | None) -> float | None:
    if limit.max_ratio is None:
        return None
    if METRICS[metric].kind == "rate":
        rate = upper(figure) if figure and figure.n else DEFAULT_RATE
        return min(max(limit.max_ratio, 1.0) * rate, 0.5)
    if figure is None or figure.n < MIN_YARDSTICK:
        return None
    return max(limit.max_ratio, 1.0) * figure.value * QUANTILE_SLACK


def _from_increase(limit: Limit, figure: PrimaryFigure | None) -> float | None:
    if limit.max_increase is None:
        return None
    rate = upper(figure) if figure and figure.n else UNKNOWN_RATE
    return min(rate + limit.max_increase, MAX_RATE)


def _from_drop(limit: Limit, figure: PrimaryFigure | None) -> float | None:
    if limit.max_drop is None or figure is None or figure.n < MIN_YARDSTICK:
        return None
    return max(figure.value - limit.max_drop, 0.0)


def upper(figure: PrimaryFigure) -> float:
    """The upper end of Wilson's score interval for a rate (Wilson, JASA 1927)."""
    p, n = figure
    centre = p + Z_99 * Z_99 / (2 * n)
    return (centre + Z_99 * sqrt(p * (1 - p) / n + Z_99 * Z_99 / (4 * n * n))) / (1 + Z_99 * Z_99 / n)
