"""Evidence → verdicts: one for each limit of a scorecard, and one for all.

A limit is judged by a ladder of guards, first answer wins:

1. no data, or a number that is none (NaN): undecided. No data never decides.
2. more than `MAX_LOSS` of the observations lost: undecided. What was lost may be what was bad.
3. evidence of a breach ≥ 1 / false_alarm: fail. Whoever makes evidence has divided the probability of a false alarm
   over the limits of the scorecard; each line is valid however often one looks, so the scorecard is too.
4. evidence against "beyond the limit" ≥ 1 / `FALSE_PASS`: pass, early.
5. fewer than `enough` observations: undecided, with how many more it needs.
6. evidence of a breach ≥ `LEANING_EVIDENCE`: undecided. It is no proof, yet no reason to go on.
7. otherwise: pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isnan, log

from proxy.contracts.evidence import FALSE_PASS, Evidence
from proxy.contracts.metrics import METRICS, MetricSource
from proxy.contracts.release import Outcome, Verdict
from proxy.contracts.settings import Guard, Limit

MAX_LOSS = 0.1
"""Ten per cent unseen can hide any rate below it, and sound limits are below it."""
MIN_OBSERVATIONS = 100
"""Records that a line needs to pass without early proof: a rate of 3 % shows itself in 100 with 95 %."""
LEANING_EVIDENCE = 10.0
"""A healthy candidate ever gets here with probability 0.1 at most; one that does waits until it is clear."""

_COUNTED: dict[MetricSource, str] = {"ticks": "canary", "bodies": "analysed", "pairs": "compared", "labels": "labelled"}
"""Which requests of the candidate count for a metric, by its source: those whose bodies are looked at may be a
sample."""

Bound = tuple[str, str, float]
"""Metric, name of the limit, and its value."""

_VALUE: dict[str, Callable[[Evidence], float | None]] = {
    "max": lambda e: e.value,
    "min": lambda e: e.value,
    "max_ratio": lambda e: e.ratio,
    "max_drop": lambda e: None if e.value is None or e.reference is None else e.reference - e.value,
    "max_psi": lambda e: e.value,
}
_WORDS = {"max": "", "min": "", "max_ratio": " ratio", "max_drop": " drop", "max_psi": " PSI"}
_AGAINST_PRIMARY = frozenset({"max_ratio", "max_drop"})
_SIZE_COUNTS = frozenset({"max_psi"})
"""Limits that are breached only by a significant *and* large effect."""


def bounds(guard: Guard) -> tuple[Bound, ...]:
    """All limits of a scorecard, in its order."""
    return tuple(bound for metric, limit in guard.scorecard.items() for bound in _bounds_of(metric, limit))


def _bounds_of(metric: str, limit: Limit) -> list[Bound]:
    values = ((name, getattr(limit, name)) for name in _VALUE)
    return [(metric, name, float(value)) for name, value in values if value is not None]


def threshold(guard: Guard) -> float:
    """The log evidence at which a limit of this scorecard is breached."""
    return log(1.0 / guard.false_alarm)


def judge(
    evidence: Iterable[Evidence], guard: Guard, version: str, enough: int = MIN_OBSERVATIONS
) -> tuple[Verdict, ...]:
    """One verdict for each limit, in the scorecard's order. `enough`: observations that a line needs to pass."""
    lines = {(e.metric, e.limit): e for e in evidence if e.version == version}
    return tuple(
        _judge(bound, lines.get((bound[0], bound[1])) or lines.get((bound[0], "")), threshold(guard), version, enough)
        for bound in bounds(guard)
    )


def _judge(bound: Bound, e: Evidence | None, breach: float, version: str, enough: int) -> Verdict:
    metric, name, limit = bound
    if e is None or e.n == 0 or e.value is None:
        return Verdict(
            metric,
            "undecided",
            None,
            limit,
            0,
            e.lost if e else 0,
            f"{metric}: {(e and e.note) or 'no data'}",
            enough,
            version,
            name,
        )
    outcome, why, needed = _ladder(e, name, limit, breach, enough)
    value = None if isnan(e.value) else _VALUE[name](e)
    return Verdict(
        metric=metric,
        outcome=outcome,
        value=value,
        limit=limit,
        n=e.n,
        lost=e.lost,
        sentence=_sentence(bound, e, value) + (f": {why}" if why else ""),
        needed=needed,
        version=version,
        bound=name,
        reference=e.reference,
        log_breach=e.log_breach,
        proved=outcome == "pass" and _proved(e),
        shadow=e.shadow,
        n_shadow=e.n_shadow,
    )


def _ladder(e: Evidence, name: str, limit: float, breach: float, enough: int) -> tuple[Outcome, str, int | None]:
    value = _VALUE[name](e)
    if any(isnan(x) for x in (e.value or 0.0, e.reference or 0.0, e.log_breach)):
        return "undecided", "not a number", None
    if e.lost > MAX_LOSS * (e.n + e.lost):
        return "undecided", f"{e.lost / (e.n + e.lost):.0%} lost, more than {MAX_LOSS:.0%}", None
    if e.log_breach >= breach and (name not in _SIZE_COUNTS or _beyond(name, value, limit)):
        return "fail", "", None
    if _proved(e):
        return "pass", "", None
    if name in _AGAINST_PRIMARY and not e.n_reference:
        return "undecided", "no data of the primary", None
    if e.n < enough:
        more = enough - e.n
        return "undecided", _more(e.metric, more), more
    if e.log_breach >= log(LEANING_EVIDENCE):
        hint = "" if e.needed is None else f", {_more(e.metric, e.needed)}"
        return "undecided", f"leans to a breach{hint}", e.needed
    return "pass", "", None


def _proved(e: Evidence) -> bool:
    return e.log_pass is not None and e.log_pass >= log(1.0 / FALSE_PASS)


def _more(metric: str, needed: int) -> str:
    return f"about {needed:,} more {_COUNTED[METRICS[metric].source]} requests"


def _beyond(name: str, value: float | None, limit: float) -> bool:
    if value is None:
        return False
    return value < limit if name == "min" else value > limit


def _sentence(bound: Bound, e: Evidence, value: float | None) -> str:
    metric, name, limit = bound
    if value is None:
        figures = (
            f"{metric} {_number(e.value)} against {_number(e.reference)} at the primary, limit {_number(limit)} times"
        )
    else:
        figures = f"{metric}{_WORDS[name]} {_number(value)} {_sign(name, value, limit)} limit {_number(limit)}"
    parts = [f"n={e.n:,}", f"lost={e.lost:,}"]
    if name in _AGAINST_PRIMARY and value is not None:
        parts += [f"{_number(e.value)} against {_number(e.reference)} of {e.n_reference:,}"]
    if e.n_shadow:
        parts += [f"{_number(e.shadow)} of {e.n_shadow:,} copies before"]
    if e.dispersion > 1.0:
        parts += [f"φ={e.dispersion:.2f}"]
    return f"{figures} ({', '.join(parts)})"


def _sign(name: str, value: float, limit: float) -> str:
    if value == limit:
        return "="
    return ">" if value > limit else "<"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


_RANK: dict[Outcome, int] = {"fail": 0, "undecided": 1, "pass": 2}


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on all limits: fail if one fails, pass if all pass. Without any limit nothing is decided."""
    lines = sorted(verdicts, key=lambda v: _RANK[v.outcome])
    if not lines:
        return Verdict("scorecard", "undecided", None, None, 0, 0, "no candidate is under judgement")
    worst = [v for v in lines if v.outcome == lines[0].outcome]
    needed = [v.needed for v in worst if v.needed is not None]
    return Verdict(
        metric="scorecard",
        outcome=worst[0].outcome,
        value=None,
        limit=None,
        n=min(v.n for v in lines),
        lost=max(v.lost for v in lines),
        sentence="; ".join(v.sentence for v in worst),
        needed=max(needed) if needed else None,
        version=worst[0].version,
        log_breach=max(v.log_breach for v in lines),
    )
