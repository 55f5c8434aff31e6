"""Evidence on a metric that is a rate of bad events, each limit by its own sequential test.

| limit | test |
|---|---|
| `max_ratio` | against the primary: a conditional test of two event rates (`stats.sequential.rate_ratio`) |
| `max_increase` | against the primary: the difference of the rates, weighted by 1/share (`rate_difference`) |
| `max` | a Bernoulli mean against a constant (`stats.sequential.rate_limit`) |
| `min_gain` | the same difference, below −`min_gain` (superiority): it has a proof alone |

A ratio of rare events cannot be proved: without events there is nothing to divide. A candidate whose rate is less than
`NEGLIGIBLE` above the primary's is therefore proved within `max_ratio` as well. The null of that claim is "beyond the
ratio, and negligibly more is not true either", under which both proofs are e-values, and so is their mean.

Log increments of all are divided by the overdispersion factor φ of the primary's bad events.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence, Since
from proxy.contracts.settings import Limit
from proxy.stats.arrays import Counts
from proxy.stats.evidence.alpha import AlphaShare, LogEvidence
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.shown_counts import Figure, ShownCounts
from proxy.stats.sequential.e_process import LimitTest
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.sequential.rate_difference import RateDifference
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.sequential.rate_ratio import RateRatio
from proxy.stats.state import Stateful

NEGLIGIBLE = 0.02
"""Increase of a rate that is small whatever its ratio: two points. Some 250 requests of the candidate without a bad one
prove it."""


Test = TypeVar("Test", bound=LimitTest)


class EventCounts(NamedTuple):
    """The counts that one arm brought to a look."""

    whose: Assignment
    n: int
    """Observations: legs or rows."""
    bad: int
    """Bad ones of them."""
    events: int
    """Nearly independent events among the bad ones."""


class BadEventRate(Stateful):
    """A rate of a candidate. `dispersion` is learnt by whoever knows the primary, after the look."""

    __slots__ = (
        "_absolute",
        "_alpha",
        "_difference",
        "_dispersion",
        "_gain",
        "_metric",
        "_negligible",
        "_ratio",
        "_shown",
    )
    CONFIGURATION = ("_alpha", "_dispersion", "_metric")

    def __init__(self, metric: str, limit: Limit, alpha: AlphaShare, dispersion: Overdispersion) -> None:
        self._metric, self._alpha, self._dispersion = metric, alpha, dispersion
        self._ratio = None if limit.max_ratio is None else Counted(RateRatio(limit.max_ratio))
        self._negligible = None if limit.max_ratio is None else RateDifference(NEGLIGIBLE)
        self._difference = None if limit.max_increase is None else Counted(RateDifference(limit.max_increase))
        self._absolute = None if limit.max is None else Counted(RateLimit(limit.max))
        self._gain = None if limit.min_gain is None else RateDifference(-limit.min_gain)
        self._shown: ShownCounts[str] = ShownCounts()

    def update(self, arms: list[EventCounts]) -> None:
        """Adds all arms of one look."""
        phi = self._dispersion.get()
        counts = [({"n": arm.n, "bad": arm.bad, "events": arm.events}, arm.whose) for arm in arms]
        self._shown.update(counts)
        for arm in arms:
            self._add(arm, phi)
        for test in (self._ratio, self._difference, self._absolute):
            if test:
                test.settle(counts)
        for proof in (self._negligible, self._gain):
            if proof:
                proof.settle()

    def _add(self, arm: EventCounts, phi: Counts) -> None:
        candidate, share = arm.whose.candidate, arm.whose.share
        both = ((arm.events, arm.n), (0, 0)) if candidate else ((0, 0), (arm.events, arm.n))
        if self._ratio and arm.events:
            self._ratio.test.update(share, both[0][0], both[1][0], phi)
        for difference in (self._negligible, self._gain, self._difference.test if self._difference else None):
            if difference and arm.n:
                difference.update(share, *both, phi)
        if self._absolute and candidate and arm.n:
            self._absolute.test.update(arm.events, arm.n, phi)

    def get(self) -> list[Evidence]:
        """One for each configured limit."""
        found, alpha, phi = [], self._alpha.alpha, float(self._dispersion.get())
        if self._ratio and self._negligible:
            found.append(self._on("max_ratio", self._ratio, self._within_ratio(self._ratio.test, self._negligible)))
        if difference := self._difference:
            needed = difference.test.needed(*self._events(), alpha, phi)
            claim = f"less than {difference.test.max_increase:.3g} above the {self._alpha.against}'s"
            found.append(self._on("max_increase", difference, _concluded(difference.test, needed, phi, claim)))
        if absolute := self._absolute:
            needed = absolute.test.needed(alpha, phi)
            claim = f"below {absolute.test.limit:.3g}"
            found.append(self._on("max", absolute, _concluded(absolute.test, needed, phi, claim)))
        if gain := self._gain:
            needed = gain.needed(*self._events(), None, phi, self._alpha.false_winner)
            won = _concluded(gain, needed, phi, "")
            found.append(self._alpha.gain(self._metric, self._shown.get(_rate), won))
        return found

    def _within_ratio(self, ratio: RateRatio, negligible: RateDifference) -> LogEvidence:
        """The conclusion on `max_ratio`, whose proof is the better claim of two."""
        alpha, phi, events = self._alpha.alpha, float(self._dispersion.get()), self._events()
        by_ratio, by_difference = float(ratio.log_pass), float(negligible.log_pass)
        claim = f"less than {ratio.pass_ratio:.3g} times the {self._alpha.against}'s"
        if by_difference > by_ratio:
            claim = f"less than {NEGLIGIBLE:g} above the {self._alpha.against}'s"
        more = [ratio.needed(*events, alpha, phi), negligible.needed(*events, None, phi)]
        known = [requests for requests in more if requests is not None]
        proof = float(np.logaddexp(by_ratio, by_difference)) - log(2.0)
        return LogEvidence(float(ratio.log_breach), proof, min(known) if known else None, phi, claim)

    def _events(self) -> tuple[tuple[int, int], tuple[int, int]]:
        mine, theirs = ((side.get("events", 0), side.get("n", 0)) for side in (self._shown.mine, self._shown.theirs))
        return mine, theirs

    def _on(self, limit: str, counted: Counted[Any], concluded: LogEvidence) -> Evidence:
        made = self._alpha.evidence(self._metric, limit, self._shown.get(_rate), concluded)
        return replace(made, since=counted.since())


class Counted(Stateful, Generic[Test]):
    """A test with the counts since its evidence of a breach was last 0 or below."""

    __slots__ = ("recent", "test")

    def __init__(self, test: Test) -> None:
        self.test = test
        self.recent: ShownCounts[str] = ShownCounts()

    def settle(self, counts: list[tuple[dict[str, int], Assignment]]) -> None:
        """Ends a look whose arms brought these counts."""
        self.test.settle()
        self.recent.update(counts)
        if self.test.log_breach <= 0:
            self.recent = ShownCounts()

    def since(self) -> Since | None:
        """The figures of those counts."""
        mine, theirs = _rate(self.recent.mine), _rate(self.recent.theirs)
        return Since(*mine, *theirs) if mine[1] else None


def _concluded(test: RateDifference | RateLimit, needed: int | None, phi: float, claim: str) -> LogEvidence:
    return LogEvidence(float(test.log_breach), float(test.log_pass), needed, phi, claim)


def _rate(counts: Mapping[str, int]) -> Figure:
    n = counts.get("n", 0)
    return (counts["bad"] / n if n else None), n
