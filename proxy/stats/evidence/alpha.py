"""The one place that builds evidence: a false-alarm probability divided over the limits of a scorecard (Bonferroni).

A scorecard with k limits promises one probability α of ever blaming a healthy candidate. By the union bound that holds
when each limit is tested at α/k; so ln k is taken from the log evidence of each, and all of them breach at ln(1/α).
`Evidence` is made by `AlphaShare` alone, and no other module of the product may build one (a test reads the sources): a
line of a scorecard cannot forget its share.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Guard, Limit
from proxy.stats.evidence.shown_counts import NO_FIGURES, ShownFigures


class LogEvidence(NamedTuple):
    """Conclusion of a sequential test, before its share of α is taken from it."""

    log_breach: float
    """Log e-value against "within the limit"."""
    log_pass: float | None = None
    """Log e-value against "beyond the limit"; None for a test that cannot pass early."""
    needed: int | None = None
    """Estimate of the further requests until a breach or a pass; None: unknown."""
    dispersion: float = 1.0
    """Overdispersion factor φ ≥ 1 that log increments were divided by."""


class AlphaShare(NamedTuple):
    """The false-alarm probability of one candidate, shared by the limits of its scorecard."""

    version: str
    """The candidate."""
    false_alarm: float
    """Probability of ever blaming a healthy candidate by any of the limits."""
    limits: int = 1
    """Limits that share it."""

    @property
    def alpha(self) -> float:
        """Probability of a false alarm of one limit."""
        return self.false_alarm / self.limits

    def evidence(self, metric: str, limit: str, figures: ShownFigures, test: LogEvidence, lost: int = 0) -> Evidence:
        """The evidence of a sequential test on one limit, ln(limits) taken from its log evidence of a breach."""
        made = self._unspent(metric, limit, figures, lost, test.log_breach - log(self.limits))
        return replace(
            made,
            log_pass=test.log_pass,
            needed=test.needed,
            dispersion=test.dispersion,
        )

    def alarm(self, metric: str, limit: str, figures: ShownFigures, margin: float) -> Evidence:
        """The evidence of a detector that promises a time between false alarms, not a probability.

        It takes no part of α. Its log evidence has two states: at least ln(1/α) with a `margin` ≥ 0 beyond the
        detector's own threshold, below 0 otherwise. It cannot pass early.
        """
        at_breach = log(1.0 / self.false_alarm) if margin >= 0 else 0.0
        return self._unspent(metric, limit, figures, 0, at_breach + margin)

    def nothing(self, metric: str, limit: str, lost: int = 0, note: str = "") -> Evidence:
        """A limit of which nothing is known; `note` says why, where that is known."""
        return replace(self._unspent(metric, limit, NO_FIGURES, lost, 0.0), note=note)

    def _unspent(self, metric: str, limit: str, figures: ShownFigures, lost: int, log_breach: float) -> Evidence:
        return Evidence(
            metric=metric,
            version=self.version,
            limit=limit,
            value=figures.value,
            n=figures.n,
            reference=figures.reference,
            n_reference=figures.n_reference,
            shadow=figures.shadow,
            n_shadow=figures.n_shadow,
            lost=lost,
            log_breach=log_breach,
        )


def alpha_share_of(guard: Guard, version: str) -> AlphaShare:
    """The share of each limit of `guard`'s scorecard."""
    limits = sum(len(limits_of(limit)) for limit in guard.scorecard.values())
    return AlphaShare(version, guard.false_alarm, limits or 1)


def limits_of(limit: Limit) -> list[str]:
    """The names of the limits that one line of a scorecard sets."""
    return [name for name in limit.__struct_fields__ if getattr(limit, name) is not None]
