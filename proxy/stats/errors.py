"""Error evidence of one candidate against its primary, from the exact counts in ticks."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.stats.dispersion import Dispersion
from proxy.stats.firsts import FirstFailures
from proxy.stats.ownership import Ownership
from proxy.stats.rate import RateLimit
from proxy.stats.shares import Side
from proxy.stats.terms import Terms


class Baseline:
    """What is known of a route's failures whatever is judged: burstiness of its primary, and who failed already.

    It outlives candidates, so a new one meets a φ that was learnt before it came.
    """

    __slots__ = ("dispersion", "firsts")

    def __init__(self) -> None:
        self.dispersion, self.firsts = Dispersion(), FirstFailures()

    def events(self, arm: ArmTick, candidate: bool, now: float) -> int:
        """Nearly independent bad events of an arm; a primary's also teach the dispersion."""
        events = self.firsts.count(arm.bad, arm.failed_keys, now)
        if not candidate:
            self.dispersion.update(events, arm.finished, now)
        return events


class Errors:
    """`error_rate` of a candidate: `max_ratio` against the primary, `max` absolute."""

    __slots__ = ("_absolute", "_bad", "_baseline", "_n", "_ratio", "_terms")

    def __init__(self, limit: Limit, terms: Terms, baseline: Baseline) -> None:
        self._terms, self._baseline = terms, baseline
        self._ratio = None if limit.max_ratio is None else Ownership(limit.max_ratio)
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._n, self._bad = [0, 0], [0, 0]

    def update(self, sides: Iterable[Side], now: float) -> None:
        """The arms of one tick."""
        phi = self._baseline.dispersion.value
        for arm, candidate, share in sides:
            events = self._baseline.events(arm, candidate, now)
            if not candidate and share <= 0.0:
                continue
            self._n[not candidate] += arm.finished
            self._bad[not candidate] += arm.bad
            if self._ratio and events:
                self._ratio.add(share, events if candidate else 0, 0 if candidate else events, phi)
            if self._absolute and candidate and arm.finished:
                self._absolute.update(events, arm.finished, phi)
        if self._ratio:
            self._ratio.settle()

    def evidence(self) -> list[Evidence]:
        """One for each configured limit."""
        found, alpha, phi = [], self._terms.alpha, float(self._baseline.dispersion.value)
        if self._ratio:
            found.append(self._as("max_ratio", self._ratio, self._ratio.needed(self._n[0], self._n[1], alpha, phi)))
        if self._absolute:
            found.append(self._as("max", self._absolute, self._absolute.needed(alpha, phi)))
        return found

    def _as(self, limit: str, test: Ownership | RateLimit, needed: int | None) -> Evidence:
        (n, n_primary), (bad, bad_primary) = self._n, self._bad
        return Evidence(
            "error_rate",
            self._terms.version,
            bad / n if n else None,
            bad_primary / n_primary if n_primary else None,
            n,
            n_primary,
            log_breach=float(test.log_breach) - self._terms.spend,
            log_pass=float(test.log_pass),
            dispersion=float(self._baseline.dispersion.value),
            needed=needed,
            limit=limit,
        )
