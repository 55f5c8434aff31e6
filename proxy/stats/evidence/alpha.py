"""The one place that builds evidence: a false-alarm probability divided over the limits of a scorecard (weighted
Bonferroni correction).

A scorecard promises one probability α of ever blaming a healthy candidate. By the union bound that holds when limit i
is tested at wᵢ·α and the weights sum to one; so ln(1/wᵢ) is taken from the log evidence of each, and all of them breach
at ln(1/α). The limits that somebody asked for have equal weights; the assumed ones share `ASSUMED_PART` of α, since
what they are there for is so bad that it is found early at any level, and the limits asked for lose next to nothing.
`Evidence` is made by `AlphaShare` alone, and no other module of the product may build one (a test reads the sources): a
line of a scorecard cannot forget its share.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from msgspec.structs import replace

from proxy.contracts.evidence import FALSE_PASS, Evidence, Reference
from proxy.contracts.settings import Guard, Limit
from proxy.stats.evidence.shown_counts import NO_FIGURES, ShownFigures

ASSUMED_PART = 0.1
"""Part of α that the assumed lines of a scorecard share: the others need ln(1/0.9) = 0.11 more evidence for it."""


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
    claim: str = ""
    """What a pass proves, in words; "": that the limit holds."""


class AlphaShare(NamedTuple):
    """The false-alarm probability of one candidate, shared by the limits of its scorecard."""

    version: str
    """The candidate."""
    false_alarm: float
    """Probability of ever blaming a healthy candidate by any of the limits."""
    limits: float = 1
    """Limits that share it, if all had this one's part: the part is 1/`limits`."""
    false_winner: float = FALSE_PASS
    """Probability of ever calling the candidate better by `min_gain` that is not. No part of `false_alarm`."""
    against: Reference = "primary"
    """The arm that the candidate is compared with."""

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
            claim=test.claim,
        )

    def gain(self, metric: str, figures: ShownFigures, test: LogEvidence, lost: int = 0) -> Evidence:
        """The evidence of a test of superiority: nobody is to blame for not being better."""
        return replace(self.evidence(metric, "min_gain", figures, test, lost), log_breach=0.0)

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
            against=self.against,
        )


def alpha_share_of(guard: Guard, version: str, metric: str = "", against: Reference = "primary") -> AlphaShare:
    """The share of each limit of a line of `guard`'s scorecard; without a metric, of a line that somebody asked for."""
    sizes = {name: len(limits_of(limit)) - (limit.min_gain is not None) for name, limit in guard.scorecard.items()}
    assumed = sum(sizes[name] for name in guard.assumed if name in sizes)
    asked = sum(sizes.values()) - assumed
    if not assumed or not asked:
        return AlphaShare(version, guard.false_alarm, assumed + asked or 1, guard.false_winner, against)
    part, limits = (ASSUMED_PART, assumed) if metric in guard.assumed else (1.0 - ASSUMED_PART, asked)
    return AlphaShare(version, guard.false_alarm, limits / part, guard.false_winner, against)


def limits_of(limit: Limit) -> list[str]:
    """The names of the limits that one line of a scorecard sets."""
    return [name for name in limit.__struct_fields__ if getattr(limit, name) is not None]
