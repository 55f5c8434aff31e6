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

from proxy.contracts.evidence import FALSE_PASS, Evidence, Since
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


Events = tuple[int, int]
"""Nearly independent bad events, and observations."""


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
        "_looks",
        "_made",
        "_metric",
        "_negligible",
        "_ratio",
        "_shown",
    )
    CONFIGURATION = ("_alpha", "_dispersion", "_made", "_metric")

    def __init__(self, metric: str, limit: Limit, alpha: AlphaShare, dispersion: Overdispersion) -> None:
        self._metric, self._alpha, self._dispersion = metric, alpha, dispersion
        self._ratio = None if limit.max_ratio is None else Counted(RateRatio(limit.max_ratio))
        self._negligible = None if limit.max_ratio is None else RateDifference(NEGLIGIBLE)
        self._difference = None if limit.max_increase is None else Counted(RateDifference(limit.max_increase))
        self._absolute = None if limit.max is None else Counted(RateLimit(limit.max))
        self._gain = None if limit.min_gain is None else RateDifference(-limit.min_gain)
        self._shown: ShownCounts[str] = ShownCounts()
        self._looks = 0
        self._made: tuple[tuple[int, float], list[Evidence]] | None = None

    def update(self, arms: list[EventCounts]) -> None:
        """Adds all arms of one look."""
        phi = self._dispersion.get()
        counts = [({"n": arm.n, "bad": arm.bad, "events": arm.events}, arm.whose) for arm in arms]
        self._shown.update(counts)
        self._looks += 1
        for share, (mine, theirs) in _by_share(arms).items():
            self._add(share, mine, theirs, phi)
        for test in (self._ratio, self._difference, self._absolute):
            if test:
                test.settle(counts)
        for proof in (self._negligible, self._gain):
            if proof:
                proof.settle()

    def _add(self, share: float, mine: Events, theirs: Events, phi: Counts) -> None:
        if self._ratio and (mine[0] or theirs[0]):
            self._ratio.test.update(share, mine[0], theirs[0], phi)
        for difference in (self._negligible, self._gain, self._difference.test if self._difference else None):
            if difference and (mine[1] or theirs[1]):
                difference.update(share, mine, theirs, phi)
        if self._absolute and mine[1]:
            self._absolute.test.update(*mine, phi)

    def get(self) -> list[Evidence]:
        """One for each configured limit; computed once a look, since control asks several times."""
        at = self._looks, float(self._dispersion.get())
        if self._made is None or self._made[0] != at:
            self._made = at, self._lines(at[1])
        return self._made[1]

    def _lines(self, phi: float) -> list[Evidence]:
        found, alpha = [], self._alpha.alpha
        if self._ratio and self._negligible:
            found.append(self._on("max_ratio", self._ratio, self._within_ratio(self._ratio.test, self._negligible)))
        if difference := self._difference:
            claim = f"less than {difference.test.max_increase:.3g} above the {self._alpha.against}'s"
            made = _concluded(difference.test, phi, claim)
            if not self._decided(made):
                made = made._replace(needed=difference.test.needed(*self._events(), alpha, phi))
            found.append(self._on("max_increase", difference, made))
        if absolute := self._absolute:
            made = _concluded(absolute.test, phi, f"below {absolute.test.limit:.3g}")
            if not self._decided(made):
                made = made._replace(needed=absolute.test.needed(alpha, phi))
            found.append(self._on("max", absolute, made))
        if gain := self._gain:
            needed = gain.needed(*self._events(), None, phi, self._alpha.false_winner)
            won = _concluded(gain, phi, "")._replace(needed=needed)
            found.append(self._alpha.gain(self._metric, self._shown.get(_rate), won))
        return found

    def _decided(self, test: LogEvidence) -> bool:
        """Whether nobody asks what more it takes, which costs more than all else."""
        proof = test.log_pass is not None and test.log_pass >= log(1.0 / FALSE_PASS)
        return proof or test.log_breach >= log(1.0 / self._alpha.alpha)

    def _within_ratio(self, ratio: RateRatio, negligible: RateDifference) -> LogEvidence:
        """The conclusion on `max_ratio`, whose proof is the better claim of two."""
        by_ratio, by_difference = float(ratio.log_pass), float(negligible.log_pass)
        claim = f"less than {ratio.pass_ratio:.3g} times the {self._alpha.against}'s"
        if by_difference > by_ratio:
            claim = f"less than {NEGLIGIBLE:g} above the {self._alpha.against}'s"
        proof = float(np.logaddexp(by_ratio, by_difference)) - log(2.0)
        phi = float(self._dispersion.get())
        made = LogEvidence(float(ratio.log_breach), proof, None, phi, claim)
        if self._decided(made):
            return made
        events = self._events()
        more = [ratio.needed(*events, self._alpha.alpha, phi), negligible.needed(*events, None, phi)]
        known = [requests for requests in more if requests is not None]
        return made._replace(needed=min(known) if known else None)

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


def _concluded(test: RateDifference | RateLimit, phi: float, claim: str) -> LogEvidence:
    return LogEvidence(float(test.log_breach), float(test.log_pass), None, phi, claim)


def _by_share(arms: list[EventCounts]) -> dict[float, tuple[Events, Events]]:
    """The events of the candidate and of the primary, by share: one step of a test for both arms of a look."""
    found: dict[float, tuple[Events, Events]] = {}
    for arm in arms:
        mine, theirs = found.get(arm.whose.share, ((0, 0), (0, 0)))
        if arm.whose.candidate:
            mine = mine[0] + arm.events, mine[1] + arm.n
        else:
            theirs = theirs[0] + arm.events, theirs[1] + arm.n
        found[arm.whose.share] = mine, theirs
    return found


def _rate(counts: Mapping[str, int]) -> Figure:
    n = counts.get("n", 0)
    return (counts["bad"] / n if n else None), n
