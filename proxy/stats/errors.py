"""Error evidence of one candidate against its primary, from the exact counts in ticks."""

from __future__ import annotations

from math import log

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.stats.betting import Counts
from proxy.stats.dispersion import Dispersion
from proxy.stats.firsts import FirstFailures
from proxy.stats.ownership import Ownership
from proxy.stats.rate import RateLimit
from proxy.stats.shares import Shares


class Baseline:
    """What is known of a route's failures whatever is judged: burstiness of its primary, and who failed already.

    It outlives candidates, so a new one meets a φ that was learnt before it came.
    """

    __slots__ = ("dispersion", "firsts")

    def __init__(self) -> None:
        self.dispersion, self.firsts = Dispersion(), FirstFailures()

    def primary_events(self, arm: ArmTick, now: float) -> int:
        """Nearly independent bad events of a primary's arm; they also teach the dispersion."""
        events = self.firsts.count(arm.bad, arm.failed_keys, now)
        self.dispersion.update(events, arm.finished, now)
        return events


class Errors:
    """`error_rate` of a candidate: `max_ratio` against the primary, `max` absolute.

    `alpha` is the false alarm probability of each of them; `log_breach` in the evidence is stated so that breach is at
    ln(1/`false_alarm`) of the whole scorecard.
    """

    __slots__ = (
        "_absolute",
        "_alpha",
        "_bad",
        "_baseline",
        "_n",
        "_ratio",
        "_shares",
        "_spend",
        "_version",
    )

    def __init__(self, version: str, limit: Limit, false_alarm: float, tests: int, baseline: Baseline) -> None:
        self._version = version
        self._ratio = None if limit.max_ratio is None else Ownership(limit.max_ratio)
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._spend, self._alpha = log(tests), false_alarm / tests
        self._baseline, self._shares = baseline, Shares()
        self._n, self._bad = [0, 0], [0, 0]

    def update(self, canary: list[ArmTick], primary: list[ArmTick], now: float) -> None:
        """Arms of one tick: the candidate's and the primary's, by assignment."""
        self._shares.update(canary, primary)
        phi = self._baseline.dispersion.value
        for arm in primary:
            events = self._baseline.primary_events(arm, now)
            share = self._shares.of_primary(arm.share)
            if share > 0.0:
                self._count(1, arm)
            self._owned(share, 0, events, phi)
        for arm in canary:
            events = self._baseline.firsts.count(arm.bad, arm.failed_keys, now)
            self._count(0, arm)
            self._owned(self._shares.of_canary(arm.share), events, 0, phi)
            if self._absolute and arm.finished:
                self._absolute.update(events, arm.finished, phi)

    def _count(self, side: int, arm: ArmTick) -> None:
        self._n[side] += arm.finished
        self._bad[side] += arm.bad

    def _owned(self, share: float, canary: int, primary: int, phi: Counts) -> None:
        if self._ratio and canary + primary:
            self._ratio.update(share, canary, primary, phi)

    def evidence(self) -> list[Evidence]:
        """One for each configured limit."""
        found, phi = [], float(self._baseline.dispersion.value)
        if self._ratio:
            needed = self._ratio.needed(self._n[0], self._n[1], self._alpha, phi)
            found.append(self._as("max_ratio", self._ratio, needed))
        if self._absolute:
            found.append(self._as("max", self._absolute, self._absolute.needed(self._alpha, phi)))
        return found

    def _as(self, limit: str, test: Ownership | RateLimit, needed: int | None) -> Evidence:
        (n, n_primary), (bad, bad_primary) = self._n, self._bad
        return Evidence(
            "error_rate",
            self._version,
            bad / n if n else None,
            bad_primary / n_primary if n_primary else None,
            n,
            n_primary,
            log_breach=float(test.log_breach) - self._spend,
            log_pass=float(test.log_pass),
            dispersion=float(self._baseline.dispersion.value),
            needed=needed,
            limit=limit,
        )
