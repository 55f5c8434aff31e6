"""Latency evidence of one candidate against its primary, from the exact histograms in ticks."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np

from proxy.contracts.evidence import Evidence
from proxy.contracts.histogram import Buckets, bucket, quantile
from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.arrays import Floats
from proxy.stats.counts.latency_window import Window
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.shown_counts import ShownCounts
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
from proxy.stats.sequential.rate_ratio import FALSE_PASS
from proxy.stats.state import Stateful

QUANTILES = {
    "latency": 0.5,
    "latency_p50": 0.5,
    "latency_p90": 0.9,
    "latency_p95": 0.95,
    "latency_p99": 0.99,
    "time_to_first_token": 0.9,
}
"""Metric to the quantile that it is about. `latency` compares whole distributions and shows medians."""

ENOUGH = 100
"""The primary's requests that cut points need."""

MEMORY = 600.0
"""Seconds that cut points look back. Shorter ones would follow a backend's slow wander, and hide from φ that it
wanders."""

REFRESH = 1.0
"""Seconds between new cut points."""


class LatencyBaseline(Stateful):
    """How fast a primary is: its last minutes, the cut points from it, and how bursty its slow requests are.

    It outlives candidates. `update` comes after the requests were ranked, so that cut points are of the past.
    """

    __slots__ = ("_due", "_recent", "cuts", "dispersion")

    def __init__(self) -> None:
        self._recent, self.dispersion = Window(MEMORY), Overdispersion()
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
            self._due = now + REFRESH
            merged = self._recent.get(now)
            self.cuts = cuts_of(merged) if sum(merged.values()) >= ENOUGH else self.cuts

    def phi(self, q: float | None) -> float:
        """φ of the requests beyond the q-quantile; the largest of all cuts for None."""
        return of_cut(np.broadcast_to(np.asarray(self.dispersion.get()), (len(CUT_QUANTILES),)), q)


def of_cut(phi: Floats, q: float | None) -> float:
    """The φ of the requests beyond the q-quantile; the largest of all cuts for None."""
    return float(phi.max() if q is None else phi[CUT_QUANTILES.index(q)])


class ArmLatencies(NamedTuple):
    """Latencies of one arm in one tick, whose they are, the candidate's share when the legs were assigned, and what
    the legs were for."""

    latencies: Buckets
    candidate: bool
    share: float
    role: Role


class Latency(Stateful):
    """One latency metric of a candidate: `max_ratio` against the primary's quantile, `max` absolute (seconds)."""

    __slots__ = (
        "_absolute",
        "_baseline",
        "_difference_dispersion",
        "_limit",
        "_margin",
        "_quantile",
        "_ratio",
        "_shown",
        "_terms",
        "metric",
    )
    CONFIGURATION = ("_baseline", "_limit", "_margin", "_quantile", "_terms", "metric")

    def __init__(self, metric: str, limit: Limit, terms: AlphaShare, baseline: LatencyBaseline) -> None:
        self.metric, self._terms, self._baseline = metric, terms, baseline
        self._quantile = QUANTILES[metric]
        self._margin = margin_buckets(limit.max_ratio or 1.0)
        self._ratio = None if limit.max_ratio is None else self._test()
        self._limit = 0 if limit.max is None else bucket(limit.max)
        self._absolute = None if limit.max is None else RateLimit(1.0 - self._quantile)
        self._difference_dispersion = DifferenceOverdispersion(len(CUT_QUANTILES))
        self._shown: ShownCounts[int] = ShownCounts()

    def _test(self) -> RankTest:
        if self.metric == "latency":
            return RankTest(anywhere())
        return RankTest(at_quantile(self._quantile), at_quantile(self._quantile, PASS_FACTORS))

    @property
    def _cut(self) -> float | None:
        return None if self.metric == "latency" else self._quantile

    @property
    def _phi(self) -> float:
        return max(self._baseline.phi(self._cut), of_cut(self._difference_dispersion.get(), self._cut))

    def update(self, timed: list[ArmLatencies], now: float) -> None:
        """Latencies of one tick, before the primary's are shown to its baseline."""
        phi, primary_phi = self._phi, self._baseline.phi(self._cut)
        self._shown.update(
            (each.latencies, each.candidate, each.role) for each in timed if each.candidate or each.share > 0
        )
        for latencies, candidate, share, _ in timed:
            if latencies and self._ratio and self._baseline.cuts:
                bins = ranked(latencies, self._baseline.cuts, self._margin if candidate else 0)
                none = np.zeros_like(bins)
                self._ratio.update(share, bins if candidate else none, none if candidate else bins, phi)
                self._difference_dispersion.update(candidate, bins.sum() - np.cumsum(bins)[:-1], float(bins.sum()), now)
            if latencies and candidate and self._absolute:
                slow = sum(count for index, count in latencies.items() if index > self._limit)
                self._absolute.update(slow, sum(latencies.values()), primary_phi)
        if self._ratio:
            self._ratio.settle()

    def evidence(self) -> list[Evidence]:
        """One for each configured limit; `value` and `reference` are seconds."""
        found = []
        if (ratio := self._ratio) is not None:
            needed = ratio.needed(log(1 / self._terms.alpha), log(1 / FALSE_PASS), self._phi)
            found.append(self._as("max_ratio", ratio.log_breach, ratio.log_pass, needed, self._phi))
        if (absolute := self._absolute) is not None:
            phi = self._baseline.phi(self._cut)
            logs = float(absolute.log_breach), float(absolute.log_pass)
            found.append(self._as("max", *logs, absolute.needed(self._terms.alpha, phi), phi))
        return found

    def _as(self, limit: str, log_breach: float, log_pass: float | None, needed: int | None, phi: float) -> Evidence:
        mine, theirs, copies = self._shown.mine, self._shown.theirs, self._shown.copies
        return Evidence(
            self.metric,
            self._terms.version,
            quantile(mine, self._quantile),
            quantile(theirs, self._quantile),
            sum(mine.values()),
            sum(theirs.values()),
            log_breach=log_breach - self._terms.spend,
            log_pass=log_pass,
            dispersion=phi,
            needed=needed,
            limit=limit,
            shadow=quantile(copies, self._quantile),
            n_shadow=sum(copies.values()),
        )
