"""Numbers computed from ticks and records, always with n and the number of losses. `stats.board` makes these."""

from __future__ import annotations

from math import inf
from typing import Literal

from msgspec import Struct

FALSE_PASS = 0.05
"""Probability of an early pass for a candidate that stands exactly at its limit: what a test counts towards when it
says how many more requests a pass needs, and what a verdict asks for. In an A/B test, of ever finding a winner that is
none."""


Reference = Literal["primary", "baseline"]
"""Role of the arm that a candidate is compared with."""


class Since(Struct, frozen=True):
    """Figures since the evidence of a breach was last 0 or below: the requests that made it."""

    value: float | None
    n: int
    reference: float | None
    n_reference: int


class Evidence(Struct, frozen=True):
    """The evidence of one metric of a candidate against its primary, or its baseline, for one limit of the scorecard.

    A scorecard line with two limits has two of these values.
    """

    metric: str
    version: str
    """The candidate."""
    value: float | None
    """The candidate's figure in base units, None without data; of live traffic alone once there is any."""
    reference: float | None
    """The figure of the arm that the candidate is compared with, likewise."""
    n: int
    """Legs (or pairs, rows, labels) that `value` rests on."""
    n_reference: int
    """The same of `reference`."""
    lost: int = 0
    """Observations that are missing from `n`."""
    log_breach: float = 0.0
    """Natural logarithm of the e-value against "within the limit"; breach at ln(1/false_alarm)."""
    log_pass: float | None = None
    """Natural logarithm of the e-value against "beyond the limit"; None: this test cannot pass early."""
    dispersion: float = 1.0
    """Overdispersion φ ≥ 1 by which the log factors of both were divided."""
    log_alone: float | None = None
    """What `log_breach` would be, were it nothing that the primary differs from itself; None where that is unknown."""
    needed: int | None = None
    """Further observations for a decision at the present rate; None: unknown."""
    limit: str = ""
    """Name of the limit: `max_ratio`, `max`, …"""
    answers: int = 0
    """Answers that the `n` analysed ones are a sample of, by the budget for bodies; 0: it is not about bodies."""
    note: str = ""
    """Reason why there is no data, if there is one."""
    moot: bool = False
    """Whether there can be no data at present: nobody abandons a copy."""
    claim: str = ""
    """What a pass proves, in words; "": that the limit holds."""
    since: Since | None = None
    """The figures of the requests on which evidence of a breach rests; None: those of all."""
    shadow: float | None = None
    """The figure of the candidate's copies, beside live traffic. The evidence rests on both."""
    n_shadow: int = 0
    """Observations that `shadow` rests on."""
    against: Reference = "primary"
    """The arm that the candidate is compared with."""

    @property
    def ratio(self) -> float | None:
        """The quotient `value` / `reference`, infinite where only `reference` is 0; None where one is missing, or both
        are 0."""
        if self.value is None or self.reference is None or not (self.value or self.reference):
            return None
        return self.value / self.reference if self.reference else inf
