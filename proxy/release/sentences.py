"""What a verdict says: both numbers, what they rest on, and no more than was concluded."""

from __future__ import annotations

from math import exp, isfinite, isinf, isnan, log, sqrt

from proxy.contracts.durations import in_units
from proxy.contracts.evidence import Evidence, Reference
from proxy.contracts.metrics import METRICS, MetricSource
from proxy.contracts.release import Outcome
from proxy.release.limits import AGAINST_PRIMARY, LEAST, Bound, beyond

ALL_ANALYSED = 0.9
"""Part of the answers from which on it is not said that the analysed ones are a sample: some are on their way."""
_WORDS = {
    "max": "",
    "min": "",
    "max_ratio": " ratio",
    "max_increase": " increase",
    "max_drop": " drop",
    "max_psi": " PSI",
    "min_gain": " gain",
}
_WANTED: dict[MetricSource, str] = {
    "ticks": "inferences of the candidate",
    "bodies": "analysed inferences",
    "pairs": "compared answers",
    "labels": "labels",
}
"""What of the candidate counts for a metric, by its source: bodies that are looked at may be a sample."""
LARGE_LOG = log(1e9)
"""Natural logarithm from which on evidence is said as a power of ten."""
SMALL_SHARE = 0.1
"""Share of the requests of both arms up to which a candidate is said to have a small one; by their counts, three
standard errors of a binomial share aside."""
WHOLE = 1e-9
"""Distance from a whole number, for each observation, up to which a rate is that of a count: weighted ones are none."""
EXPLAINED_RATIO = 1.5
"""Times the primary's latency up to which a tenth of its traffic may be the reason by itself: 1.41 was measured, at the
median of two equal servers on a busy machine."""


def sentence(
    bound: Bound,
    e: Evidence,
    value: float | None,
    outcome: Outcome,
    n: int,
    why: str = "",
    by_noise: bool = False,
) -> str:
    """The sentence of a verdict.

    - `e`: the evidence with the figures that are shown; `n` are all observations
    - `value`: what is held against the limit; None: there is no such number
    - `why`: what else decided
    - `by_noise`: whether only the primary's disagreement with itself speaks for the candidate
    """
    told = f"{_found(bound, e, value, outcome, by_noise)} ({', '.join(_parts(*bound[:2], e, value, n))})"
    return told + "".join(f": {each}" for each in (why, _by_share(bound, e, value, outcome)) if each)


def evidence_words(log_evidence: float, threshold: float) -> str:
    """Evidence beside what a breach needs, both as odds.

    >>> evidence_words(8.0, 6.9), evidence_words(2000.0, 6.9)
    ('evidence 2,980 to 1, 992 needed', 'evidence 10^868 to 1, 992 needed')
    """
    return f"evidence {odds(log_evidence)} to 1, {odds(threshold)} needed"


def counted(metric: str, rate: float | None, n: int) -> str:
    """A rate as the count that it is of how many; as a part where it is none.

    >>> counted("error_rate", 0.0, 1204), counted("error_rate", 0.5, 9), counted("error_rate", None, 9)
    ('0 errors of 1,204 requests', 'errors: 0.5 of 9 requests', 'errors: unknown of 9 requests')
    """
    row = METRICS[metric]
    count = -1.0 if rate is None or not isfinite(rate) else rate * n
    if count >= 0.0 and abs(count - round(count)) <= WHOLE * max(n, 1):
        return f"{round(count):,} {row.events} of {n:,} {row.of}"
    return f"{row.events}: {'unknown' if rate is None else _number(rate)} of {n:,} {row.of}"


def more_of(metric: str, needed: int) -> str:
    """How many more observations a decision needs."""
    return f"about {needed:,} more {_WANTED[METRICS[metric].source]}"


def odds(log_evidence: float) -> str:
    """Evidence that is given by its natural logarithm, as a number that can be read."""
    if isnan(log_evidence) or isinf(log_evidence):
        return "infinite" if log_evidence > 0 else "no number" if isnan(log_evidence) else "0"
    if log_evidence > LARGE_LOG:
        return f"10^{log_evidence / log(10.0):.0f}"
    value = exp(log_evidence)
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.2g}"


def _parts(metric: str, name: str, e: Evidence, value: float | None, n: int) -> list[str]:
    parts = [f"n={e.n:,}" + (f" of {n:,}, since the evidence began" if e.n < n else ""), f"lost={e.lost:,}"]
    if n < ALL_ANALYSED * e.answers:
        parts += [f"{n:,} of {e.answers:,} answers analysed"]
    if name in AGAINST_PRIMARY and value is not None:
        whose = " of the baseline" if e.against == "baseline" else ""
        unit = METRICS[metric].unit
        parts += [f"{_number(e.value, unit)} against {_number(e.reference, unit)} of {e.n_reference:,}{whose}"]
    if e.log_alone is not None:
        parts += [f"the primary differs from itself in {_number(e.reference)} of {e.n_reference:,}"]
    if e.n_shadow:
        parts += [f"{_number(e.shadow, METRICS[metric].unit)} of {e.n_shadow:,} copies before"]
    if e.dispersion > 1.0:
        parts += [f"φ={e.dispersion:.2f}"]
    return parts


def _found(bound: Bound, e: Evidence, value: float | None, outcome: Outcome, by_noise: bool) -> str:
    """The value beside its limit. `<` and `>` stand only where they agree with the verdict."""
    metric, name, limit = bound
    named = f"{metric}{_WORDS[name]}"
    if value is None:
        unit = METRICS[metric].unit
        times = f"limit {_number(limit)} times" if name == "max_ratio" else f"limit {_number(limit, unit)}"
        if METRICS[metric].kind == "rate" and e.value == 0.0 == e.reference:
            theirs = counted(metric, e.reference, e.n_reference)
            return f"{metric}: {counted(metric, e.value, e.n)}, {theirs} at the {e.against}, {times}"
        return f"{metric} {_number(e.value, unit)} against {_number(e.reference, unit)} at the {e.against}, {times}"
    too_much = beyond(name, value, limit)
    held, most = (_number(each, unit_of(metric, name)) for each in (value, limit))
    if outcome == "pass" and too_much and by_noise:
        return f"{named} {held} beside limit {most}, no evidence of more than the primary's own"
    if outcome == "pass" and too_much:
        side = "below" if name in LEAST else "above"
        return f"{named} {held}, which is no evidence that it is {side} the limit {most}"
    if outcome == "fail" and not too_much:
        return f"{named} {held} beside limit {most}, {_rests(metric, name, e.against)}"
    word = "min_gain" if name == "min_gain" else "limit"
    return f"{named} {held} {_sign(value, limit)} {word} {most}"


_ELSEWHERE = "breached by requests of another time, or by copies"
_RESTS = {
    "distribution": "breached by ranks: its requests are slower than the {}'s at the same time",
    "quantile": "breached by ranks: more of its requests are beyond the {}'s quantile at the same time",
}
"""What evidence against the primary or baseline rests on where the value shown is within the limit."""


def _rests(metric: str, name: str, against: Reference) -> str:
    if name in ("max", "min") and METRICS[metric].kind == "quantile":
        return "breached by the part of its requests that are slower than the limit"
    return _RESTS.get(METRICS[metric].kind, _ELSEWHERE).format(against)


def _sign(value: float, limit: float) -> str:
    if value == limit:
        return "="
    return ">" if value > limit else "<"


UNITLESS = frozenset({"max_ratio", "max_psi"})
"""Limits that are times or a PSI, whatever the unit of what they limit."""


def unit_of(metric: str, bound: str) -> str:
    """The unit of what is held against a limit; "": it has none, or is not known."""
    return METRICS[metric].unit if metric in METRICS and bound not in UNITLESS else ""


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "nothing"
    if isnan(value):
        return "no number"
    if isinf(value):
        return f"{'minus ' * (value < 0)}infinite"
    return in_units(value) if unit == "seconds" else f"{value:.3g}"


def _by_share(bound: Bound, e: Evidence, value: float | None, outcome: Outcome) -> str:
    """What speaks for a candidate that is slower than the whole primary: it may be its small share. It decides nothing:
    whether it is the share, only a baseline can tell."""
    metric, name, limit = bound
    timed = METRICS[metric].kind in ("distribution", "quantile") and name == "max_ratio"
    if not timed or value is None or outcome == "pass" or e.against == "baseline":
        return ""
    too_slow = outcome == "fail" or value > limit
    both = e.n + e.n_reference
    most = SMALL_SHARE * both + 3.0 * sqrt(SMALL_SHARE * (1.0 - SMALL_SHARE) * both)
    if not (too_slow and value <= EXPLAINED_RATIO and 0 < e.n <= most):
        return ""
    return (
        f"it has 1/{e.n_reference / e.n:.0f} of the primary's requests, and so small a share may make it that much "
        "slower by itself: a baseline would tell"
    )
