"""Evidence on the data contract and on drift: what the streams of a route say about one candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log

import numpy as np

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.dispersion import Dispersion
from proxy.stats.ownership import Ownership
from proxy.stats.rate import RateLimit
from proxy.stats.streams import Drift, Rows
from proxy.stats.terms import Terms


class Contract:
    """`contract_violations` of a candidate: rows that break a rule; `max` absolute, `max_ratio` against
    the primary. Rows of requests and rows of answers count alike."""

    __slots__ = ("_absolute", "_bad", "_dispersion", "_n", "_primary", "_ratio", "_shadow", "_terms")

    def __init__(self, limit: Limit, terms: Terms, primary: str, dispersion: Dispersion) -> None:
        self._terms, self._primary, self._dispersion = terms, primary, dispersion
        self._ratio = None if limit.max_ratio is None else Ownership(limit.max_ratio)
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._n, self._bad, self._shadow = [0, 0], [0, 0], 0.0

    def update(self, checked: Iterable[Rows], now: float) -> None:
        """Rows of all arms that were checked in one look."""
        for rows in checked:
            if rows.version == self._terms.version and (rows.role != "primary" or rows.version == self._primary):
                self._candidate(rows)
            elif rows.version == self._primary and rows.role == "primary":
                live = self._shadow / (self._shadow + rows.share) if self._shadow else 1.0 - rows.share
                self._count(1, rows)
                self._own(live, 0, rows.bad)
                self._dispersion.update(rows.bad, rows.n, now)
        if self._ratio:
            self._ratio.settle()

    def _candidate(self, rows: Rows) -> None:
        self._shadow = rows.share if rows.role == "shadow" else 0.0
        self._count(0, rows)
        if rows.role != "primary":
            self._own(rows.share / (1.0 + rows.share) if self._shadow else rows.share, rows.bad, 0)
        if self._absolute:
            self._absolute.update(rows.bad, rows.n, self._dispersion.value)

    def _count(self, side: int, rows: Rows) -> None:
        self._n[side] += rows.n
        self._bad[side] += rows.bad

    def _own(self, share: float, candidate: int, primary: int) -> None:
        if self._ratio and candidate + primary:
            self._ratio.add(share, candidate, primary, self._dispersion.value)

    def evidence(self) -> list[Evidence]:
        """One for each configured limit; n are rows."""
        found, alpha, phi = [], self._terms.alpha, float(self._dispersion.value)
        if self._ratio:
            found.append(self._as("max_ratio", self._ratio, self._ratio.needed(self._n[0], self._n[1], alpha, phi)))
        if self._absolute:
            found.append(self._as("max", self._absolute, self._absolute.needed(alpha, phi)))
        return found

    def _as(self, limit: str, test: Ownership | RateLimit, needed: int | None) -> Evidence:
        (n, n_primary), (bad, bad_primary) = self._n, self._bad
        return Evidence(
            "contract_violations",
            self._terms.version,
            bad / n if n else None,
            bad_primary / n_primary if n_primary else None,
            n,
            n_primary,
            log_breach=float(test.log_breach) - self._terms.spend,
            log_pass=float(test.log_pass),
            dispersion=float(self._dispersion.value),
            needed=needed,
            limit=limit,
        )


def drift_evidence(metric: str, rows: Sequence[Drift], version: str, false_alarm: float) -> list[Evidence]:
    """`input_drift` or `prediction_drift` with limit `max_psi`: the largest PSI, of the significant features if there
    are any.

    The e-detector promises a time between false alarms (`drift.HORIZON`), not a probability, so `log_breach` has two
    states: at least ln(1/false_alarm) when a feature is significant, at most 0 otherwise. Drift cannot pass early.
    """
    if not rows:
        return []
    margins = np.array([row.margin for row in rows])
    chosen = [row for row in rows if row.margin >= 0] or list(rows)
    worst = max(chosen, key=lambda row: row.psi)
    best = float(margins.max())
    return [
        Evidence(
            metric,
            version,
            worst.psi,
            None,
            worst.n,
            0,
            log_breach=log(1.0 / false_alarm) + best if best >= 0 else best,
            limit="max_psi",
        )
    ]
