"""Disagreement evidence of a shadow against its primary: paired answers to the same request, against a budget.

When requests are also duplicated to the primary itself (noise), a breach asks for both: more than the budget, and more
than the primary disagrees with itself. For the latter only discordant requests count, those in which one of shadow and
noise copy differs from the first answer and the other does not: events of two arms with equal shares
(`stats.sequential.rate_ratio`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.evidence.alpha import AlphaShare, LogEvidence
from proxy.stats.evidence.shown_counts import ShownFigures
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.sequential.rate_ratio import RateRatio
from proxy.stats.state import Stateful

USUAL_BUDGET = 0.05
"""The budget where the scorecard has none: `stats.diagnosis` asks about disagreement whatever is judged."""


class Disagreement(Stateful):
    """`disagreement` of a candidate: `max` is the part of the pairs that may differ."""

    __slots__ = ("_absolute", "_alpha", "_floor", "_judged", "disagreed", "noisy", "pairs", "triples")
    CONFIGURATION = ("_alpha", "_judged")

    METRIC = "disagreement"

    def __init__(self, limit: Limit, alpha: AlphaShare) -> None:
        self._alpha, self._judged = alpha, limit.max is not None
        self._absolute = RateLimit(USUAL_BUDGET if limit.max is None else limit.max)
        self._floor = RateRatio(1.0)
        self.pairs = self.disagreed = self.triples = self.noisy = 0

    def _count(self, disagreed: int, pairs: int) -> None:
        """Counts pairs, and those that disagree."""
        self.pairs += pairs
        self.disagreed += disagreed
        self._absolute.update(disagreed, pairs)

    def update(self, compared: Sequence[PairResult]) -> None:
        """Takes in the pairs of one batch, and what is known of them beside noise."""
        pairs = sum([each.pairs for each in compared])
        if pairs:
            self._count(sum([each.disagreed for each in compared]), pairs)
        triples = [each.noise_pair for each in compared if each.noise_pair is not None]
        if triples:
            self.triples += len(triples)
            self.noisy += sum(noise for _, noise in triples)
            alone = sum(shadow and not noise for shadow, noise in triples)
            self._floor.update(0.5, alone, sum(noise and not shadow for shadow, noise in triples))
            self._floor.settle()

    @property
    def log_breach(self) -> float:
        """ln of the evidence against "within the budget", and against "no more than noise" where there is noise."""
        budget = float(self._absolute.log_breach)
        return min(budget, float(self._floor.log_breach)) if self.triples else budget

    def get(self, lost: int) -> list[Evidence]:
        """A line of evidence if disagreement is judged; `reference` is the primary's disagreement with itself. `lost`:
        copies that were due and not compared."""
        if not self._judged:
            return []
        budget = self._absolute
        figures = ShownFigures(
            _ratio(self.disagreed, self.pairs), self.pairs, _ratio(self.noisy, self.triples), self.triples
        )
        test = LogEvidence(self.log_breach, float(budget.log_pass), budget.needed(self._alpha.alpha))
        made = self._alpha.evidence(self.METRIC, "max", figures, test, lost)
        alone = self._alpha.evidence(self.METRIC, "max", figures, test._replace(log_breach=float(budget.log_breach)))
        return [replace(made, log_alone=alone.log_breach) if self.triples else made]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
