"""Limits of a scorecard as values: what of the evidence each is held against, and which side of it is too much."""

from __future__ import annotations

from collections.abc import Callable

from proxy.contracts.evidence import Evidence
from proxy.contracts.metrics import METRICS

Bound = tuple[str, str, float]
"""Metric, name of the limit, and its value."""

VALUES: dict[str, Callable[[Evidence], float | None]] = {
    "max": lambda e: e.value,
    "min": lambda e: e.value,
    "max_ratio": lambda e: e.ratio,
    "max_increase": lambda e: None if e.value is None or e.reference is None else e.value - e.reference,
    "max_drop": lambda e: None if e.value is None or e.reference is None else e.reference - e.value,
    "max_psi": lambda e: e.value,
    "min_gain": lambda e: gain_of(e),
}
"""Name of a limit to the value that is held against it."""

AGAINST_PRIMARY = frozenset({"max_ratio", "max_increase", "max_drop", "min_gain"})
"""Limits that compare a candidate with the primary, which needs traffic, or with the baseline in its place."""

LEAST = frozenset({"min", "min_gain"})
"""Limits of which less is too little."""


def gain_of(e: Evidence) -> float | None:
    """How much better the candidate is than the primary; of a loss as a part of the primary's."""
    if e.value is None or e.reference is None:
        return None
    kind = METRICS[e.metric].kind
    if kind == "loss":
        return 1.0 - e.value / e.reference if e.reference else None
    return e.value - e.reference if kind == "score" else e.reference - e.value


def beyond(name: str, value: float | None, limit: float) -> bool:
    """Whether a value is beyond a limit; None is not."""
    if value is None:
        return False
    return value < limit if name in LEAST else value > limit
