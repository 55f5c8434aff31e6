"""A verdict in words that stand alone: what it says, on how many requests, since when, what it would take to change.

What is infinite, missing or zero is called so; no number stands for what is none.
"""

from __future__ import annotations

from math import isfinite, isnan

from proxy.contracts.durations import in_units
from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Verdict
from proxy.release.limits import AGAINST_PRIMARY
from proxy.release.sentences import counted, more_of, odds

_ALLOWED = {
    "max": "at most {}",
    "min": "at least {}",
    "max_ratio": "at most {} times the primary's",
    "max_increase": "at most {} above the primary's",
    "max_drop": "at most {} below the primary's",
    "max_psi": "a PSI of at most {}",
    "min_gain": "better than the primary by more than {}",
}
"""What is asked, by the name of the limit."""
_HELD = {
    "max_ratio": "{} times the primary's",
    "max_increase": "{} above the primary's",
    "max_drop": "{} below the primary's",
    "max_psi": "a PSI of {}",
    "min_gain": "better by {}",
}
"""What is held against the limit, likewise; of the others it is the figure itself."""


def figure(value: float | str | None, unit: str = "") -> str:
    """A figure, or what it is in place of one.

    >>> figure(None), figure(0.0), figure(float("inf")), figure(float("nan")), figure(0.12345), figure("inf")
    ('missing', 'zero', 'infinite', 'no number', '0.123', 'infinite')
    >>> figure(0.012, "seconds")
    '12 ms'
    """
    if value is None:
        return "missing"
    number = float(value)
    if isnan(number):
        return "no number"
    if not isfinite(number):
        return "infinite" if number > 0 else "minus infinite"
    if unit == "seconds":
        return in_units(number)
    return "zero" if number == 0.0 else f"{number:.3g}"


def value_words(verdict: Verdict) -> str:
    """What is held against the limit, or why there is no such number: nothing observed yet, of whom; both arms without
    a bad event; a primary without one; or not computed yet."""
    metric, value = METRICS.get(verdict.metric), verdict.value
    theirs = verdict.bound in AGAINST_PRIMARY
    events = metric.events if metric and metric.kind == "rate" else ""
    if not verdict.n and value is None:
        return f"no {_observed(verdict.metric)} of {verdict.version or 'the candidate'} yet"
    if value is None and theirs and verdict.reference is None and not verdict.n_reference:
        return f"no {_observed(verdict.metric)} of the primary yet"
    if value is None and theirs and verdict.reference == 0.0:
        return f"no {events} in either arm" if events else "zero in both arms"
    if value is None:
        return "not computed yet"
    if isfinite(value):
        shown = figure(value, _unit(verdict.metric, verdict.bound, "max_ratio", "max_psi"))
        return f"{shown} times the primary's" if verdict.bound == "max_ratio" else shown
    if isnan(value):
        return "no number"
    without = events and verdict.bound == "max_ratio" and value > 0.0
    return f"infinite: no {events} at the primary" if without else figure(value)


def words_of(
    verdict: Verdict, since: str = "", threshold: float | None = None, until: str = "", ended: bool = False
) -> dict[str, str]:
    """The parts of what a verdict says.

    - `since`: when its evidence began, for people; "": not known
    - `until`: when the verdict was made, likewise; "": now
    - `threshold`: natural logarithm of the evidence of a breach
    - `ended`: whether its version was rolled back, so that nothing is counted any more
    """
    began = _began(verdict, since) + (f", until {until}" if until else "")
    lost = f", {verdict.lost:,} more were lost" if verdict.lost else ""
    of = f"{verdict.n:,} {_observed(verdict.metric)} of {verdict.version or 'the candidate'}"
    most = allowed(verdict.metric, verdict.bound, verdict.limit)
    return {
        "says": f"{_title(verdict)}: {verdict.outcome}. {_measured(verdict)}. Allowed: {most}.",
        "on": f"{of if verdict.n else 'nothing yet'}{lost}{began}",
        "changes": _changes(verdict, threshold, ended),
    }


WINDOW = "since the evidence began"
"""So sentences say it where fewer were counted than there were."""


def _began(verdict: Verdict, since: str) -> str:
    """Since when what is counted was; a window and the requests after copies began later than the rest."""
    if WINDOW in verdict.sentence:
        return f", {WINDOW}"
    if verdict.n_shadow:
        return ", since it had its first request of a client"
    return f", since {since}" if since else ""


def _title(verdict: Verdict) -> str:
    metric = METRICS.get(verdict.metric)
    return metric.title if metric else verdict.metric


_OBSERVED = {"ticks": "inferences", "bodies": "analysed answers", "pairs": "compared answers", "labels": "labels"}


def _observed(metric: str) -> str:
    row = METRICS.get(metric)
    return _OBSERVED[row.source] if row else "observations"


def allowed(metric: str, bound: str, limit: float | None) -> str:
    """What a limit allows.

    >>> allowed("error_rate", "max_ratio", 1.5), allowed("latency_p99", "max", 0.25)
    ("at most 1.5 times the primary's", 'at most 250 ms')
    """
    return _ALLOWED.get(bound, "{}").format(figure(limit, _unit(metric, bound, "max_ratio", "max_psi")))


def _unit(metric: str, bound: str, *without: str) -> str:
    """The unit of what is held against the limit; bounds `without` have none."""
    row = METRICS.get(metric)
    return row.unit if row and bound not in without else ""


def _measured(verdict: Verdict) -> str:
    """The candidate's figure, the primary's, and what of both is held against the limit."""
    if not verdict.n:
        why = verdict.sentence.removeprefix(f"{verdict.metric}: ")
        return f"{why[:1].upper()}{why[1:]}" or "No data"
    if verdict.bound not in _HELD or verdict.bound == "max_psi":
        return _own(verdict, verdict.value)
    parts = [_own(verdict, verdict.own), f"the primary: {_theirs(verdict)}", _held(verdict)]
    return "; ".join(part for part in parts if part)


def _own(verdict: Verdict, value: float | str | None) -> str:
    metric = METRICS.get(verdict.metric)
    if metric and metric.kind == "rate" and value is not None:
        return counted(verdict.metric, float(value), verdict.n)
    return (
        _HELD["max_psi"].format(figure(value))
        if verdict.bound == "max_psi"
        else figure(value, _unit(verdict.metric, verdict.bound))
    )


def _theirs(verdict: Verdict) -> str:
    metric = METRICS.get(verdict.metric)
    if metric and metric.kind == "rate" and verdict.reference is not None and verdict.n_reference:
        return counted(verdict.metric, verdict.reference, verdict.n_reference)
    return figure(verdict.reference, _unit(verdict.metric, verdict.bound))


def _held(verdict: Verdict) -> str:
    """The ratio or difference; "" where both figures say it: 0 of both have none."""
    if verdict.value is None:
        return "" if verdict.reference == 0.0 else "neither ratio nor difference can be told"
    if verdict.bound == "max_ratio" and not isfinite(verdict.value) and not isnan(verdict.value):
        return "a ratio of infinite, since the primary's is zero"
    return _HELD[verdict.bound].format(figure(verdict.value, _unit(verdict.metric, verdict.bound, "max_ratio")))


def _changes(verdict: Verdict, threshold: float | None, ended: bool) -> str:
    """What it would take for another verdict."""
    have = f"evidence of a breach is {odds(verdict.log_breach)} to 1"
    now = have if threshold is None else f"{have}, {odds(threshold)} to 1 is needed"
    if verdict.outcome == "fail":
        return f"It stands for this release; a new one begins with new evidence ({now})."
    if ended:
        return f"It is judged no more, since the version was rolled back ({now})."
    if verdict.moot:
        return "There can be no data at present, and nothing waits for it."
    if verdict.outcome == "pass":
        return f"It fails once there is enough evidence ({now})."
    if verdict.needed is None:
        return f"Nothing will at the present rate ({now})."
    return f"It is decided after {_more(verdict.metric, verdict.needed)} at the present rate ({now})."


def _more(metric: str, needed: int) -> str:
    return more_of(metric, needed) if metric in METRICS else f"about {needed:,} more"
