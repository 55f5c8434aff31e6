"""Latency evidence of one candidate against its primary, from the exact histograms in ticks.

An abandoned request is censored: it counts as at least as slow as its wait. A wait beyond the quantile (or the limit)
that a line is about is a slow request; a shorter one says nothing about it and is left out, so that a version that
hangs looks no faster the sooner its clients leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from proxy.contracts.evidence import FALSE_PASS, Evidence
from proxy.contracts.histogram import Buckets, bucket, quantile
from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import Limit
from proxy.stats.arrays import Floats
from proxy.stats.counts.latency_window import Window
from proxy.stats.evidence.alpha import AlphaShare, LogEvidence
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.shown_counts import Figure, ShownCounts
from proxy.stats.sequential.e_process import PASS_FACTORS
from proxy.stats.sequential.overdispersion import DifferenceOverdispersion, Overdispersion
from proxy.stats.sequential.rank_test import (
    CUT_QUANTILES,
    RankTest,
    anywhere,
    at_quantile,
    cuts_of,
    margin_buckets,
    ranked,
)
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.state import Stateful

MIN_HISTORY_REQUESTS = 100
"""The primary's requests that cut points need."""

HISTORY_SECONDS = 600.0
"""Seconds that cut points look back. Shorter ones would follow a backend's slow wander, and hide from φ that it
wanders."""

CUT_POINT_SECONDS = 1.0
"""Seconds between new cut points."""


class LatencyHistory(Stateful):
    """Latency of a primary: its last minutes, the cut points from them, and the overdispersion of its slow requests.

    It outlives candidates. `update` comes after the requests were ranked, so that cut points are of the past.
    """

    __slots__ = ("_due", "_recent", "cuts", "dispersion")

    def __init__(self) -> None:
        self._recent, self.dispersion = Window(HISTORY_SECONDS), Overdispersion()
        self.cuts: list[int] | None = None
        self._due = 0.0

    def update(self, latencies: Buckets, now: float) -> None:
        """Learns from the primary's latencies of one tick."""
        if self.cuts:
            bins = ranked(latencies, self.cuts)
            total = bins.sum()
            self.dispersion.update(total - np.cumsum(bins)[:-1], np.full(len(CUT_QUANTILES), total), now)
        self._recent.update(latencies, now)
        if now >= self._due:
            self._due = now + CUT_POINT_SECONDS
            merged = self._recent.get(now)
            self.cuts = cuts_of(merged) if sum(merged.values()) >= MIN_HISTORY_REQUESTS else self.cuts

    def phi(self, q: float | None) -> float:
        """φ of the requests beyond the q-quantile; the largest of all cuts for None."""
        return of_cut(np.broadcast_to(np.asarray(self.dispersion.get()), (len(CUT_QUANTILES),)), q)


def of_cut(phi: Floats, q: float | None) -> float:
    """The φ of the requests beyond the q-quantile; the largest of all cuts for None."""
    return float(phi.max() if q is None else phi[CUT_QUANTILES.index(q)])


class ArmLatencies(NamedTuple):
    """Latencies of one arm in one look, with the assignment of its legs."""

    latencies: Buckets
    whose: Assignment
    waited: Mapping[int, int] = MappingProxyType({})
    """How long abandoned legs had waited."""

    def beyond(self, index: int | None) -> Buckets:
        """The latencies, and the waits that are beyond a bucket; none of them for None."""
        known = dict(self.latencies)
        for place, count in self.waited.items():
            if index is not None and place > index:
                known[place] = known.get(place, 0) + count
        return known


class Latency(Stateful):
    """One latency metric of a candidate: `max_ratio` against the primary's quantile, `max` absolute (seconds).

    `max_ratio` is a rank test against the primary's own running quantiles (`stats.sequential.rank_test`), `max` a
    Bernoulli mean: the part of the requests that are slower than the limit (`stats.sequential.rate_limit`).
    """

    __slots__ = (
        "_absolute",
        "_alpha",
        "_bound",
        "_cut",
        "_difference_dispersion",
        "_history",
        "_limit",
        "_margin",
        "_quantile",
        "_ratio",
        "_shown",
        "metric",
    )
    CONFIGURATION = ("_alpha", "_bound", "_cut", "_history", "_limit", "_margin", "_quantile", "metric")

    def __init__(self, metric: str, limit: Limit, alpha: AlphaShare, history: LatencyHistory) -> None:
        row = METRICS[metric]
        self.metric, self._alpha, self._history = metric, alpha, history
        self._quantile = row.quantile or 0.5
        self._cut = None if row.kind == "distribution" else self._quantile
        self._margin = margin_buckets(limit.max_ratio or 1.0)
        self._ratio = None if limit.max_ratio is None else _rank_test(self._cut)
        self._bound, most = "max", limit.max
        if row.inverse:
            self._bound, most = "min", 1.0 / limit.min if limit.min else None
        self._limit = 0 if most is None else bucket(most * row.finer)
        self._absolute = None if most is None else RateLimit(1.0 - self._quantile)
        self._difference_dispersion = DifferenceOverdispersion(len(CUT_QUANTILES))
        self._shown: ShownCounts[int] = ShownCounts()

    @property
    def _phi(self) -> float:
        return max(self._history.phi(self._cut), of_cut(self._difference_dispersion.get(), self._cut))

    def update(self, timed: list[ArmLatencies], now: float) -> None:
        """Adds the latencies of one look, before its history learns the primary's."""
        phi, primary_phi = self._phi, self._history.phi(self._cut)
        self._shown.update(
            (arm.beyond(self._subject), arm.whose) for arm in timed if arm.whose.candidate or arm.whose.share > 0
        )
        for arm in timed:
            if self._ratio and self._history.cuts:
                self._rank(self._ratio, self._history.cuts, arm, phi, now)
            if arm.whose.candidate and self._absolute:
                known = arm.beyond(self._limit)
                slow = sum(count for index, count in known.items() if index > self._limit)
                self._absolute.update(slow, sum(known.values()), primary_phi)
        if self._ratio:
            self._ratio.settle()

    @property
    def _subject(self) -> int | None:
        """The bucket that the metric is about: the primary's quantile, or the limit where there is no other."""
        if self._ratio is None:
            return self._limit
        return self._history.cuts[CUT_QUANTILES.index(self._quantile)] if self._history.cuts else None

    def _rank(self, test: RankTest, cuts: list[int], arm: ArmLatencies, phi: float, now: float) -> None:
        whose, down = arm.whose, self._margin if arm.whose.candidate else 0
        bins, waits = ranked(arm.latencies, cuts, down), ranked(arm.waited, cuts, down)
        test.update(whose.share, *_sides(whose, bins), phi)
        if arm.waited:
            test.censor(whose.share, *_sides(whose, waits), phi)
        bins = bins + waits
        slower = bins.sum() - np.cumsum(bins)[:-1]
        self._difference_dispersion.update(whose.candidate, slower, float(bins.sum()), now)

    def get(self) -> list[Evidence]:
        """A line of evidence for each configured limit; values are in the unit of the metric."""
        lines = []
        if (ratio := self._ratio) is not None:
            needed = ratio.needed(log(1 / self._alpha.alpha), log(1 / FALSE_PASS), self._phi)
            lines.append(self._on("max_ratio", LogEvidence(ratio.log_breach, ratio.log_pass, needed, self._phi)))
        if (absolute := self._absolute) is not None:
            phi = self._history.phi(self._cut)
            needed = absolute.needed(self._alpha.alpha, phi)
            logs = float(absolute.log_breach), float(absolute.log_pass)
            lines.append(self._on(self._bound, LogEvidence(*logs, needed, phi)))
        return lines

    def _on(self, limit: str, test: LogEvidence) -> Evidence:
        return self._alpha.evidence(self.metric, limit, self._shown.get(self._figure), test)

    def _figure(self, latencies: Mapping[int, int]) -> Figure:
        value = quantile(latencies, self._quantile)
        row, n = METRICS[self.metric], sum(latencies.values())
        if value is None:
            return None, n
        return (1.0 / value if row.inverse else value / row.finer), n


def _sides(whose: Assignment, bins: Floats) -> tuple[Floats, Floats]:
    """The candidate's bins and the primary's, of an arm that is one of them."""
    none = np.zeros_like(bins)
    return (bins, none) if whose.candidate else (none, bins)


def _rank_test(cut: float | None) -> RankTest:
    return RankTest(anywhere()) if cut is None else RankTest(at_quantile(cut), at_quantile(cut, PASS_FACTORS))
