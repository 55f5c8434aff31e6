"""Evidence on the data contract and on drift: what the streams of a route say about one candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log

import numpy as np

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.drift.streams import Drift, RowCounts
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.bad_event_rate import BadEventRate, Part
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful


class ContractViolations(Stateful):
    """`contract_violations` of a candidate: rows that break a rule; `max` absolute, `max_ratio` against the primary.
    Rows of requests and rows of answers count alike."""

    __slots__ = ("_candidate", "_dispersion", "_primary", "_rate")
    CONFIGURATION = ("_candidate", "_dispersion", "_primary")

    def __init__(self, limit: Limit, terms: AlphaShare, primary: str, dispersion: Overdispersion) -> None:
        self._candidate, self._primary, self._dispersion = terms.version, primary, dispersion
        self._rate = BadEventRate("contract_violations", limit, terms, dispersion)

    def update(self, checked: Iterable[RowCounts], shares: AssignmentShares, now: float) -> None:
        """Rows of all arms that were checked in one look. `shares` knows the candidate's share of the two."""
        parts = [part for rows in checked if (part := self._part(rows, shares))]
        self._rate.update(parts)
        for part in parts:
            if not part.candidate:
                self._dispersion.update(part.bad, part.n, now)

    def _part(self, rows: RowCounts, shares: AssignmentShares) -> Part | None:
        if rows.version == self._candidate and (rows.role != "primary" or rows.version == self._primary):
            if rows.role == "primary":
                share = 1.0
            else:
                share = (shares.of_shadow if rows.role == "shadow" else shares.of_canary)(rows.share)
            return Part(True, rows.role, share, rows.n, rows.bad, rows.bad)
        if rows.version == self._primary and rows.role == "primary":
            return Part(False, rows.role, shares.of_primary(rows.share), rows.n, rows.bad, rows.bad)
        return None

    def evidence(self) -> list[Evidence]:
        """One for each configured limit; n are rows."""
        return self._rate.evidence()


def drift_evidence(metric: str, rows: Sequence[Drift], version: str, false_alarm: float) -> list[Evidence]:
    """`input_drift` or `prediction_drift` with limit `max_psi`: the largest PSI, of the significant features if there
    are any.

    The e-detector promises a time between false alarms (`drift.detector.HORIZON_SECONDS`), not a probability, so
    `log_breach` has two states: at least ln(1/false_alarm) when a feature is significant, at most 0 otherwise. Drift
    cannot pass early.
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
