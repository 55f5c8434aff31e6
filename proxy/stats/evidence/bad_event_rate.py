"""Evidence on one metric that is a rate of bad events: `max_ratio` against the primary, `max` absolute."""

from __future__ import annotations

from typing import NamedTuple

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.shown_counts import ShownCounts
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.sequential.rate_ratio import RateRatio
from proxy.stats.state import Stateful


class Part(NamedTuple):
    """What one arm brought to a look: `bad` of `n`, in nearly independent `events`; `share` is the candidate's of the
    two when they were assigned."""

    candidate: bool
    role: Role
    share: float
    n: int
    bad: int
    events: int

    @property
    def counts(self) -> dict[str, int]:
        """What is shown."""
        return {"n": self.n, "bad": self.bad, "events": self.events}


class BadEventRate(Stateful):
    """A rate of a candidate. `dispersion` is learnt by whoever knows the primary, after the look."""

    __slots__ = ("_absolute", "_dispersion", "_metric", "_ratio", "_shown", "_terms")
    CONFIGURATION = ("_dispersion", "_metric", "_terms")

    def __init__(self, metric: str, limit: Limit, terms: AlphaShare, dispersion: Overdispersion) -> None:
        self._metric, self._terms, self._dispersion = metric, terms, dispersion
        self._ratio = None if limit.max_ratio is None else RateRatio(limit.max_ratio)
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._shown: ShownCounts[str] = ShownCounts()

    def update(self, parts: list[Part]) -> None:
        """All arms of one look."""
        phi = self._dispersion.get()
        self._shown.update((part.counts, part.candidate, part.role) for part in parts)
        for part in parts:
            mine, theirs = (part.events, 0) if part.candidate else (0, part.events)
            if self._ratio and part.events:
                self._ratio.update(part.share, mine, theirs, phi)
            if self._absolute and part.candidate and part.n:
                self._absolute.update(part.events, part.n, phi)
        if self._ratio:
            self._ratio.settle()

    def evidence(self) -> list[Evidence]:
        """One for each configured limit."""
        found, alpha, phi = [], self._terms.alpha, float(self._dispersion.get())
        if self._ratio:
            found.append(self._as("max_ratio", self._ratio, self._ratio.needed(*self._seen(), alpha, phi)))
        if self._absolute:
            found.append(self._as("max", self._absolute, self._absolute.needed(alpha, phi)))
        return found

    def _seen(self) -> tuple[tuple[int, int], tuple[int, int]]:
        mine, theirs = ((side.get("events", 0), side.get("n", 0)) for side in (self._shown.mine, self._shown.theirs))
        return mine, theirs

    def _as(self, limit: str, test: RateRatio | RateLimit, needed: int | None) -> Evidence:
        shown = self._shown
        (value, n), (reference, n_reference), (shadow, n_shadow) = map(_rate, (shown.mine, shown.theirs, shown.copies))
        return Evidence(
            self._metric,
            self._terms.version,
            value,
            reference,
            n,
            n_reference,
            log_breach=float(test.log_breach) - self._terms.spend,
            log_pass=float(test.log_pass),
            dispersion=float(self._dispersion.get()),
            needed=needed,
            limit=limit,
            shadow=shadow,
            n_shadow=n_shadow,
        )


def _rate(counts: dict[str, int]) -> tuple[float | None, int]:
    n = counts.get("n", 0)
    return (counts["bad"] / n if n else None), n
