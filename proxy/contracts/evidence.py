"""Numbers computed from ticks and records, always with n and what was lost. `stats.board` makes these."""

from __future__ import annotations

from msgspec import Struct


class Evidence(Struct, frozen=True):
    """What is known of one metric of a candidate against its primary.

    `value` and `reference` are the candidate's and the primary's figures in base units (None without data); `ratio`
    is their quotient. `n` and `n_reference` are the legs they rest on, `lost` how many were not seen. `log_breach` is
    the natural logarithm of the evidence against "within the limit"; breach when it reaches ln(1/false_alarm).
    `log_pass` likewise against "beyond the limit" (None: this test cannot pass early). `dispersion` is the φ ≥ 1 that
    both were divided by. `limit` names the limit of the scorecard's line that this speaks about (`max_ratio`, `max`,
    …); a line with two limits has two of these. `note` says why there is no data, where that is known. A candidate with
    live traffic has `value` and `n` of that alone; `shadow` and `n_shadow` are those of its copies, which the evidence
    rests on too.
    """

    metric: str
    version: str
    value: float | None
    reference: float | None
    n: int
    n_reference: int
    lost: int = 0
    log_breach: float = 0.0
    log_pass: float | None = None
    dispersion: float = 1.0
    needed: int | None = None
    limit: str = ""
    note: str = ""
    shadow: float | None = None
    n_shadow: int = 0

    @property
    def ratio(self) -> float | None:
        """`value` / `reference`, or None where that says nothing."""
        if self.value is None or not self.reference:
            return None
        return self.value / self.reference
