"""Evidence → verdicts: one for each limit of a scorecard, and one for all.

A limit is judged by a ladder of guards, first answer wins:

1. no data, or a number that is none (NaN): undecided. No data never decides. A line that can have none at present
   (nobody abandons a copy) is moot, and nothing waits for it.
2. more than `MAX_LOSS` of the observations lost: undecided. What was lost may be what was bad.
3. evidence of a breach ≥ 1 / false_alarm: fail. Whoever makes evidence has divided the probability of a false alarm
   over the limits of the scorecard; each line is valid however often one looks, so the scorecard is too.
4. evidence against "beyond the limit" ≥ 1 / `FALSE_PASS`: pass, early.
5. fewer than `enough` observations: undecided, with how many more it needs.
6. evidence of a breach ≥ `LEANING_EVIDENCE`: undecided. It is no proof, yet no reason to go on.
7. only the primary's disagreement with itself speaks for the candidate, and fewer than `enough` requests show it:
   undecided.
8. proof is required, the line has a margin against the primary, and its test can prove it: undecided until 4.
9. otherwise: pass.

`min_gain` is no limit but the aim of an A/B test: it passes by proof that the arm is better than the primary, at 1 /
`false_winner`, after 1 and 2, and never fails.

A margin is what a rate of bad events may be worse than the primary's: `max_increase`, and `max_ratio` above 1 (tests of
non-inferiority). Other lines need `enough` observations and no breach: whether latency can be proved depends on the
shape of its tail, and a loss, a score against the primary or drift has no proof.

A sentence shows the figures of the requests on which evidence of a breach rests, and claims no more than was concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, isnan, log
from typing import NamedTuple

from msgspec.structs import replace

from proxy.contracts.evidence import FALSE_PASS, Evidence
from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Outcome, Verdict
from proxy.contracts.settings import Guard, Limit, Stage
from proxy.release.limits import AGAINST_PRIMARY, VALUES, Bound, beyond
from proxy.release.sentences import evidence_words, more_of, sentence

MAX_PROVABLE_RATE = 0.5
"""Rate of the primary up to which a margin has to be proved: one that is bad more often than not is no yardstick, and
its noise would make a proof take for ever."""
MAX_LOSS = 0.1
"""Ten per cent unseen can hide any rate below it, and sound limits are below it."""
MIN_OBSERVATIONS = 100
"""Records that a line needs to pass without early proof: a rate of 3 % shows itself in 100 with 95 %."""
LEANING_EVIDENCE = 10.0
"""A healthy candidate ever gets here with probability 0.1 at most; one that does waits until it is clear."""
RATE = " at the present rate"
"""Stands behind a number that is an estimate."""


def enough(stage: Stage | None) -> int:
    """Observations that a line needs to pass in a stage."""
    return min(stage.requests, MIN_OBSERVATIONS) if stage and stage.requests else MIN_OBSERVATIONS


_SIZE_COUNTS = frozenset({"max_psi"})
"""Limits that are breached only by a significant *and* large effect."""


def bounds(guard: Guard) -> tuple[Bound, ...]:
    """All limits of a scorecard, in its order, and the aim of an A/B test."""
    return tuple(bound for metric, limit in guard.scorecard.items() for bound in _bounds_of(metric, limit))


def _bounds_of(metric: str, limit: Limit) -> list[Bound]:
    values = ((name, getattr(limit, name)) for name in VALUES)
    return [(metric, name, float(value)) for name, value in values if value is not None]


def threshold(guard: Guard) -> float:
    """The log evidence at which a limit of this scorecard is breached."""
    return log(1.0 / guard.false_alarm)


def judge(
    evidence: Iterable[Evidence], guard: Guard, version: str, enough: int = MIN_OBSERVATIONS, proof: bool = False
) -> tuple[Verdict, ...]:
    """One verdict for each limit, in the scorecard's order.

    - `enough`: observations that a line needs to pass
    - `proof`: whether lines with a margin pass by proof alone
    """
    known = {(e.metric, e.limit): e for e in evidence if e.version == version}
    terms = Terms(threshold(guard), enough, proof, log(1.0 / guard.false_winner))
    lines = ((bound, known.get((bound[0], bound[1])) or known.get((bound[0], ""))) for bound in bounds(guard))
    verdicts = (_judge(bound, e, terms, version) for bound, e in lines)
    return tuple(replace(v, assumed=True) if v.metric in guard.assumed else v for v in verdicts)


class Terms(NamedTuple):
    """What lines are held to."""

    breach: float
    """Log evidence of a breach."""
    enough: int
    """Observations that a line needs to pass."""
    proof: bool
    """Whether lines with a margin pass by proof alone."""
    winner: float
    """Log evidence of an arm that is better."""


def _judge(bound: Bound, e: Evidence | None, terms: Terms, version: str) -> Verdict:
    metric, name, limit = bound
    if e is None or e.n == 0 or e.value is None:
        return _nothing(bound, e, terms, version)
    outcome, why, needed = _ladder(e, name, limit, terms)
    shown = _resting(e, outcome)
    value = None if shown.value is None or isnan(shown.value) else VALUES[name](shown)
    return Verdict(
        metric=metric,
        outcome=outcome,
        value=value,
        limit=limit,
        n=shown.n,
        lost=e.lost,
        sentence=sentence(bound, shown, value, outcome, e.n, why, _by_noise(e)),
        needed=needed,
        version=version,
        bound=name,
        reference=shown.reference,
        log_breach=e.log_breach,
        proved=outcome == "pass" and (name == "min_gain" or _proved(e)),
        shadow=e.shadow,
        n_shadow=e.n_shadow,
        aim=name == "min_gain",
        own=shown.value,
        n_reference=shown.n_reference,
    )


def _nothing(bound: Bound, e: Evidence | None, terms: Terms, version: str) -> Verdict:
    metric, name, limit = bound
    why = (e and e.note) or "no data"
    return Verdict(
        metric=metric,
        outcome="undecided",
        value=None,
        limit=limit,
        n=0,
        lost=e.lost if e else 0,
        sentence=f"{metric}: {why}",
        needed=terms.enough,
        version=version,
        bound=name,
        moot=bool(e and e.moot),
        aim=name == "min_gain",
    )


def _ladder(e: Evidence, name: str, limit: float, terms: Terms) -> tuple[Outcome, str, int | None]:
    value = VALUES[name](e)
    if any(isnan(x) for x in (e.value or 0.0, e.reference or 0.0, e.log_breach)):
        return "undecided", "not a number", None
    if e.lost > MAX_LOSS * (e.n + e.lost):
        return "undecided", f"{e.lost / (e.n + e.lost):.0%} lost, more than {MAX_LOSS:.0%}", None
    if name == "min_gain":
        return _aim(e, limit, terms)
    if e.log_breach >= terms.breach and (name not in _SIZE_COUNTS or beyond(name, value, limit)):
        return "fail", evidence_words(e.log_breach, terms.breach), None
    if _proved(e):
        return "pass", f"proved: {e.claim or 'within the limit'}", None
    if name in AGAINST_PRIMARY and not e.n_reference:
        return "undecided", f"no data of the {e.against}", None
    if e.n < terms.enough:
        more = terms.enough - e.n
        return "undecided", more_of(e.metric, more), more
    hint = "" if e.needed is None else f", {more_of(e.metric, e.needed)}{RATE}"
    if e.log_breach >= log(LEANING_EVIDENCE):
        return "undecided", f"leans to a breach{hint}", e.needed
    if _by_noise(e) and e.n_reference < terms.enough:
        needed = ceil((terms.enough - e.n_reference) * e.n / e.n_reference)
        why = "above the limit, and too little is known of the primary's disagreement with itself"
        return "undecided", f"{why}, {more_of(e.metric, needed)}{RATE}", needed
    if terms.proof and has_margin(e.metric, name, limit) and _provable(e):
        return "undecided", f"not proved yet{hint or ', and not at the present rate'}", e.needed
    return "pass", "not proved, nothing speaks against it" if has_margin(e.metric, name, limit) else "", None


def _aim(e: Evidence, limit: float, terms: Terms) -> tuple[Outcome, str, int | None]:
    if e.log_pass is not None and e.log_pass >= terms.winner:
        more = f" by more than {limit:g}" if limit else ""
        return "pass", f"proved: better than the primary{more}" + (f", {e.claim}" if e.claim else ""), None
    more = "not at the present rate" if e.needed is None else more_of(e.metric, e.needed) + RATE
    return "undecided", f"not proved yet, {more}", e.needed


def has_margin(metric: str, name: str, limit: float) -> bool:
    """Whether a limit is a margin against the primary, which can be proved."""
    if METRICS[metric].kind != "rate":
        return False
    return name == "max_increase" or (name == "max_ratio" and limit > 1.0)


def _provable(e: Evidence) -> bool:
    return e.log_pass is not None and (e.reference or 0.0) <= MAX_PROVABLE_RATE


def _proved(e: Evidence) -> bool:
    return e.log_pass is not None and e.log_pass >= log(1.0 / FALSE_PASS)


def _by_noise(e: Evidence) -> bool:
    """Whether a candidate would lean to a breach, did the primary not differ from itself."""
    return e.log_alone is not None and e.log_alone >= log(LEANING_EVIDENCE) > e.log_breach


def _resting(e: Evidence, outcome: Outcome) -> Evidence:
    """The evidence with the figures that a breach rests on, where there is one."""
    if outcome != "fail" or e.since is None:
        return e
    since = e.since
    return replace(
        e,
        value=since.value,
        n=since.n,
        reference=since.reference,
        n_reference=since.n_reference,
        shadow=None,
        n_shadow=0,
    )


_RANK: dict[Outcome, int] = {"fail": 0, "undecided": 1, "pass": 2}


def _joined(verdicts: Iterable[Verdict], several: bool) -> str:
    """The sentences of verdicts; of `several` versions each is said with its version."""
    return "; ".join(f"{v.version}: {v.sentence}" if several else v.sentence for v in verdicts)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on all limits: fail if one fails, pass if all pass, and in an A/B test if an arm is better as well.
    Lines that are moot do not count, nor assumed ones of which nothing came. Without any limit nothing is decided. Of
    a release over several routes each has to pass; a test is won by an arm that is better on one of them."""
    by_route: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_route.setdefault(verdict.route, []).append(verdict)
    if len(by_route) <= 1:
        return _of_one(next(iter(by_route.values()), []))
    won = {v.route for lines in by_route.values() for v in lines if v.aim and v.proved}
    limits = {name: [v for v in lines if not (v.aim and won - {name})] for name, lines in by_route.items()}
    return _of_all({name: _of_one(lines) for name, lines in limits.items()})


def _of_all(totals: Mapping[str, Verdict]) -> Verdict:
    worst = min((total.outcome for total in totals.values()), key=lambda outcome: _RANK[outcome])
    said = {name: total for name, total in totals.items() if total.outcome == worst}
    needed = [total.needed for total in said.values() if total.needed is not None]
    return replace(
        next(iter(said.values())),
        n=min(total.n for total in totals.values()),
        lost=max(total.lost for total in totals.values()),
        sentence="; ".join(f"{name}: {total.sentence}" for name, total in said.items()),
        needed=max(needed) if needed else None,
        log_breach=max(total.log_breach for total in totals.values()),
    )


def _of_one(verdicts: Sequence[Verdict]) -> Verdict:
    lines = [v for v in verdicts if not v.aim and v.counts]
    lines.sort(key=lambda v: _RANK[v.outcome])
    if not lines:
        return Verdict("scorecard", "undecided", None, None, 0, 0, "no candidate is under judgement")
    aims = [v for v in verdicts if v.aim]
    if lines[0].outcome == "pass" and aims:
        proved = [v for v in aims if v.proved]
        lines = [*proved, *lines] if proved else aims
    worst = [v for v in lines if v.outcome == lines[0].outcome]
    needed = [v.needed for v in worst if v.needed is not None]
    return Verdict(
        metric="scorecard",
        outcome=worst[0].outcome,
        value=None,
        limit=None,
        n=min(v.n for v in lines),
        lost=max(v.lost for v in lines),
        sentence=_joined(worst, several=len({v.version for v in lines}) > 1),
        needed=max(needed) if needed else None,
        version=worst[0].version,
        log_breach=max(v.log_breach for v in lines),
    )
