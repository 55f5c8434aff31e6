"""Evidence on the data contract and on drift: what the streams of a route say about one candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.drift.figures import Drift, RowCounts
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.bad_event_rate import BadEventRate, EventCounts
from proxy.stats.evidence.shown_counts import ShownFigures
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful


class ContractViolations(Stateful):
    """`contract_violations` of a candidate: rows that break a rule; `max` absolute, `max_ratio` against the primary.
    Rows of requests and rows of answers count alike."""

    __slots__ = ("_dispersion", "_rate")
    CONFIGURATION = ("_dispersion",)

    METRIC = "contract_violations"

    def __init__(self, limit: Limit, alpha: AlphaShare, dispersion: Overdispersion) -> None:
        self._dispersion = dispersion
        self._rate = BadEventRate(self.METRIC, limit, alpha, dispersion)

    def update(self, checked: Iterable[RowCounts], shares: AssignmentShares, now: float) -> None:
        """Adds rows of all arms that were checked in one look."""
        assigned = [(shares.get(rows.version, rows.role, rows.share), rows) for rows in checked]
        arms = [EventCounts(whose, rows.n, rows.bad, rows.bad) for whose, rows in assigned if whose is not None]
        self._rate.update(arms)
        for arm in arms:
            if not arm.whose.candidate:
                self._dispersion.update(arm.bad, arm.n, now)

    def get(self) -> list[Evidence]:
        """A line of evidence for each configured limit; n are rows."""
        return self._rate.get()


def drift_evidence(metric: str, rows: Sequence[Drift], alpha: AlphaShare) -> list[Evidence]:
    """`input_drift` or `prediction_drift` with limit `max_psi`: the largest PSI, of the significant features if there
    are any.

    The e-detector promises a time between false alarms (`stats.drift.detector`), so its evidence is an alarm.
    """
    if not rows:
        return []
    margins = np.array([row.margin for row in rows])
    chosen = [row for row in rows if row.margin >= 0] or list(rows)
    worst = max(chosen, key=lambda row: row.psi)
    return [alpha.alarm(metric, "max_psi", ShownFigures(worst.psi, worst.n, None, 0), float(margins.max()))]
