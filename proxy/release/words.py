"""A verdict in words that stand alone: what it says, on how many requests, since when, what it would take to change.

What is infinite, missing or zero is called so; no number stands for what is none.
"""

from __future__ import annotations

from math import isfinite, isnan

from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Verdict
from proxy.release.sentences import evidence_words

_UNITS = {"seconds": " s"}
_BOUNDS = {
    "max": "at most",
    "min": "at least",
    "max_ratio": "at most, times the primary's,",
    "max_increase": "above the primary's by at most",
    "max_drop": "below the primary's by at most",
    "max_psi": "a PSI of at most",
    "min_gain": "better than the primary by at least",
}


def figure(value: float | str | None, unit: str = "") -> str:
    """A figure, or what it is in place of one.

    >>> figure(None), figure(0.0), figure(float("inf")), figure(float("nan")), figure(0.12345), figure("inf")
    ('missing', 'zero', 'infinite', 'no number', '0.123', 'infinite')
    """
    if value is None:
        return "missing"
    number = float(value)
    if isnan(number):
        return "no number"
    if not isfinite(number):
        return "infinite" if number > 0 else "minus infinite"
    return "zero" if number == 0.0 else f"{number:.3g}{_UNITS.get(unit, '')}"


def words_of(verdict: Verdict, since: str = "", threshold: float | None = None) -> dict[str, str]:
    """The parts of what a verdict says.

    - `since`: when its evidence began, for people; "": not known
    - `threshold`: natural logarithm of the evidence of a breach
    """
    began = f", since {since}" if since else ""
    of = f"{verdict.n:,} of {verdict.version or 'the candidate'}"
    lost = f", {verdict.lost:,} more were lost" if verdict.lost else ""
    return {
        "says": f"{_title(verdict)}: {verdict.outcome}, {_value(verdict)}",
        "on": f"{of}{lost}{began}" if verdict.n else f"nothing{lost}{began}",
        "changes": _changes(verdict, threshold),
    }


def _title(verdict: Verdict) -> str:
    metric = METRICS.get(verdict.metric)
    return metric.title if metric else verdict.metric


def _value(verdict: Verdict) -> str:
    metric = METRICS.get(verdict.metric)
    unit = metric.unit if metric and verdict.bound != "max_ratio" else ""
    limit = f"allowed: {_BOUNDS.get(verdict.bound, verdict.bound)} {figure(verdict.limit, unit)}"
    if not verdict.n:
        return f"no data; {limit}"
    return f"{_measured(verdict, unit)}; {limit}"


def _measured(verdict: Verdict, unit: str) -> str:
    theirs = figure(verdict.reference, unit)
    if verdict.bound != "max_ratio":
        return f"{figure(verdict.value, unit)}" + (
            f" (the primary's is {theirs})" if verdict.reference is not None else ""
        )
    if verdict.value is None:
        return "both are zero" if verdict.reference == 0.0 else f"no ratio: the primary's is {theirs}"
    if not isfinite(verdict.value):
        return "infinite, since the primary's is zero"
    return f"{figure(verdict.value)} times the primary's, which is {theirs}"


def _changes(verdict: Verdict, threshold: float | None) -> str:
    """What it would take for another verdict."""
    odds = "" if threshold is None else f" (now: {evidence_words(verdict.log_breach, threshold)})"
    if verdict.outcome == "fail":
        return f"it stands for this release: a new one begins with new evidence{odds}"
    if verdict.moot:
        return "there can be no data at present, and nothing waits for it"
    if verdict.outcome == "pass":
        return f"it fails when the evidence of a breach suffices{odds}"
    more = f"about {verdict.needed:,} more" if verdict.needed is not None else "not at the present rate"
    return f"it is decided after {more}{odds}" if verdict.needed is not None else f"{more}{odds}"
