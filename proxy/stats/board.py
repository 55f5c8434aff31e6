"""The one door to statistics: ticks and observations in, evidence and counts out.

What control does with it:

- `watch(route, candidate, primary, guard, protocol, now)` whenever the live state may have changed: evidence starts
  afresh when one of them did; otherwise nothing happens.
- `absorb(tick, now)` for each tick, `observe(observations, now)` for each batch that payload decoded.
- `evidence(route, now)`: one `Evidence` for each limit of the guard's scorecard, in its order. A metric that nothing
  is known of has n = 0. `log_breach` is already corrected for the number of limits: breach is at
  ln(1/guard.false_alarm).
- For /metrics and the API, all monotone and untouched by `watch`: `counters` (arms, drops, rescues, rejections,
  overhead, coverage, inflight), `unreadable`, `agreement(route, version)`, `latency(route, version, role, q, now)`.

`now` is monotonic seconds. Nothing here raises on any tick or observation that decodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from proxy.contracts.evidence import Evidence
from proxy.contracts.histogram import bucket
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.contracts.table import Protocol, Role
from proxy.stats.agreement import Difference, Tally, compare
from proxy.stats.case import Case, Habits, Subject
from proxy.stats.counters import Counters
from proxy.stats.examples import Example, Examples
from proxy.stats.grades import Figure, arrivals_differ
from proxy.stats.labels import CAPACITY, Labelled, Labels, Outcome
from proxy.stats.latency import Histogram
from proxy.stats.pairing import Pairing
from proxy.stats.profile import Profile, Side
from proxy.stats.quality import Score, grade
from proxy.stats.streams import Drift, Rows, Streams
from proxy.stats.world import Finding, finding

USUAL = Analysis()

USUAL_PSI = 0.2
"""PSI above which a distribution is commonly called shifted (Siddiqi, Credit Risk Scorecards, 2006)."""

Arm = tuple[str, str, Role]
"""Route, version, role."""

SIDES: tuple[Side, ...] = ("input", "prediction")


class Board:
    """All statistics of one control process."""

    __slots__ = (
        "_cases",
        "_examples",
        "_habits",
        "_labels",
        "_noisy",
        "_pairing",
        "_streams",
        "_tallies",
        "counters",
        "labelled",
        "scores",
        "tokens",
        "ungraded",
        "unreadable",
    )

    def __init__(self, labels: int = CAPACITY) -> None:
        self.counters = Counters()
        self.unreadable: Counter[tuple[str, str, str, str, str]] = Counter()
        self._habits: defaultdict[tuple[str, str, int], Habits] = defaultdict(Habits)
        self._cases: dict[str, tuple[Case, ...]] = {}
        self._streams: dict[str, tuple[tuple[Analysis, Protocol], Streams]] = {}
        self.tokens: defaultdict[tuple[str, str, str], tuple[Histogram, Histogram]] = defaultdict(_histograms)
        self._pairing = Pairing()
        self._labels = Labels(labels)
        self.labelled: Counter[Arm] = Counter()
        self.ungraded: Counter[tuple[str, str]] = Counter()
        self.scores: dict[Arm, Score] = {}
        self._examples: dict[tuple[str, str], Examples] = {}
        self._noisy: set[str] = set()
        self._tallies: defaultdict[tuple[str, str, Role], Tally] = defaultdict(Tally)

    def watch(
        self,
        route: str,
        candidate: str | None,
        primary: str,
        guard: Guard,
        protocol: Protocol,
        now: float,
        analysis: Analysis = USUAL,
    ) -> None:
        """Says what is under judgement on `route`, and how its bodies are analysed."""
        self.watch_all(route, (candidate,) if candidate else (), primary, guard, protocol, now, analysis)

    def watch_all(
        self,
        route: str,
        candidates: tuple[str, ...],
        primary: str,
        guard: Guard,
        protocol: Protocol,
        now: float,
        analysis: Analysis = USUAL,
    ) -> None:
        """Says which versions are under judgement on `route`, each against the primary. Without any, its primary is
        learnt. The first one meets what was learnt before it came; each further one learns for itself."""
        before = self._cases.get(route, ())
        subjects = [Subject(candidate, primary, guard, protocol) for candidate in candidates or (None,)]
        self._cases[route] = tuple(
            next((case for case in before if case.subject == subject), None)
            or Case(subject, self._habits[route, primary, place], self._unseen(route, subject.candidate))
            for place, subject in enumerate(subjects)
        )
        known = self._streams.get(route)
        if known is None or known[0] != (analysis, protocol):
            self._streams[route] = (analysis, protocol), Streams(analysis.reference, analysis.detectors)

    def refer(self, route: str, profile: Profile) -> None:
        """Takes a reference profile for a watched route, instead of learning one."""
        self._streams[route][1].refer(profile)

    def profile(self, route: str) -> Profile:
        """The profile in force; the sides that are still being learnt are empty."""
        known = self._streams.get(route)
        return known[1].profile if known else Profile()

    def absorb(self, tick: Tick, now: float) -> None:
        """Counts a tick. It must come once; the link sees to that."""
        self.counters.update(tick, now)
        for route, arms in _by_route(tick.arms).items():
            for case in self._cases.get(route, ()):
                case.absorb(arms, now)

    def observe(self, observations: Iterable[Observation], now: float) -> None:
        """Takes in what payload made of a batch of records."""
        pairs: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for seen in observations:
            if seen.unreadable_request or seen.unreadable_response:
                self._note_unreadable(seen)
            for reference, copy in self._pairing.update(seen, now):
                self._compare(reference, copy, pairs)
            if (seen.inputs or seen.outputs) and (known := self._streams.get(seen.route)):
                rows = known[1].update(seen, now)
                if rows:
                    self._check(seen.route, rows, now)
                if known[0][0].wait > 0:
                    self._grade(self._labels.note(seen, known[0][0].wait, now))
            if seen.text is not None:
                self._time_tokens(seen, now)
        for (route, version), (disagreed, n) in pairs.items():
            for case in self._cases.get(route, ()):
                if case.subject.candidate == version:
                    case.disagreement.update(disagreed, n)
        self._pairing.expire(now)
        self._labels.expire(now)
        self.flush(now)

    def flush(self, now: float) -> None:
        """Counts batches of rows that wait for more; call it about once a second when nothing is observed."""
        for route, (_, streams) in self._streams.items():
            self._check(route, streams.flush(now), now)

    def _check(self, route: str, rows: list[Rows], now: float) -> None:
        for case in self._cases.get(route, ()) if rows else ():
            case.checked(rows, now)

    def _time_tokens(self, seen: Observation, now: float) -> None:
        if seen.text and seen.text.first_token is not None:
            first, gap = self.tokens[seen.route, seen.version, seen.role]
            first.update({bucket(seen.text.first_token): 1}, seen.text.first_token)
            for pause in seen.text.gaps:
                gap.update({bucket(pause): 1}, pause)
        for case in self._cases.get(seen.route, ()):
            case.timed(seen, now)

    def feedback(self, request_id: str, label: Any, now: float) -> Outcome:
        """Takes a label that came late: one value, or a list with one for each row of the request."""
        outcome, met = self._labels.label(request_id, label)
        self._grade(met)
        return outcome

    def _grade(self, met: list[Labelled]) -> None:
        for each in met:
            graded = grade(each.leg.said[each.row], each.label)
            key = each.route, each.leg.version, each.leg.role
            self.labelled[key] += 1
            if graded is None:
                self.ungraded[each.route, each.leg.version] += 1
                continue
            if key not in self.scores:
                self.scores[key] = Score()
            self.scores[key].update(graded)
            for case in self._cases.get(each.route, ()):
                case.labelled(each, self._figure(each.route, case.subject.primary))

    def _figure(self, route: str, version: str) -> Figure:
        score = self.scores.get((route, version, "primary"))
        return lambda metric: (score.get(metric), score.n[metric]) if score else (None, 0)

    def _graded(self, route: str, case: Case) -> list[Evidence]:
        candidate, primary = case.subject.candidate or "", case.subject.primary
        roles: tuple[Role, ...] = ("canary", "shadow", "primary")
        mine = next(((route, candidate, role) for role in roles if (route, candidate, role) in self.scores), None)
        if mine is None:
            return case.grades.evidence(None, self.scores.get((route, primary, "primary")), 0)
        theirs: Arm = (route, primary, "primary")
        labelled = self.labelled[mine], self.labelled[theirs]
        lost = labelled[0] if arrivals_differ(labelled, (self._predicted(mine), self._predicted(theirs))) else 0
        return case.grades.evidence(self.scores[mine], self.scores.get(theirs), lost)

    def _predicted(self, arm: Arm) -> int:
        return self._labels.predicted[arm]

    @property
    def feedbacks(self) -> dict[Outcome, int]:
        """Labels that were taken, by what became of them."""
        return dict(self._labels.outcomes)

    @property
    def unlabelled(self) -> dict[tuple[str, str], int]:
        """Requests whose predictions were given up without a label, by route and reason: `late`, `evicted`,
        `too_large`, `no_prediction`."""
        return dict(self._labels.lost)

    def finding(self, route: str) -> tuple[Finding, ...]:
        """World or model: one for each candidate under judgement."""
        drifts = self.drift(route)
        cases = [case for case in self._cases.get(route, ()) if case.subject.candidate is not None]
        return tuple(finding(drifts, case.disagreement, case.subject.candidate or "") for case in cases)

    def _note_unreadable(self, seen: Observation) -> None:
        for side, reason in (("request", seen.unreadable_request), ("response", seen.unreadable_response)):
            if reason:
                self.unreadable[seen.route, seen.version, seen.role, side, reason] += 1

    def _compare(self, reference: Observation, copy: Observation, pairs: dict[tuple[str, str], list[int]]) -> None:
        analysis = self._streams[copy.route][0][0] if copy.route in self._streams else USUAL
        difference = compare(reference, copy, analysis.tolerance)
        if difference is None:
            return
        self._tallies[copy.route, copy.version, copy.role].update(difference)
        if copy.role == "noise":
            self._noisy.add(copy.route)
        else:
            counted = pairs[copy.route, copy.version]
            counted[0] += difference.disagree
            counted[1] += 1
            if difference.disagree:
                self._keep(reference, copy, difference, analysis.redact)
        if copy.route in self._noisy:
            self._against_noise(copy, difference.disagree)

    def _keep(self, reference: Observation, copy: Observation, difference: Difference, redact: tuple[str, ...]) -> None:
        examples = self._examples.get((copy.route, copy.version))
        if examples is None:
            examples = self._examples[copy.route, copy.version] = Examples(redact)
        examples.update(reference, copy, difference)

    def _against_noise(self, copy: Observation, differs: bool) -> None:
        for version, shadow, noise in self._pairing.beside_noise(copy, differs):
            for case in self._cases.get(copy.route, ()):
                if case.subject.candidate == version:
                    case.disagreement.against_noise(shadow, noise)

    def evidence(self, route: str, now: float) -> tuple[Evidence, ...]:
        """What is known of the candidates of `route`, in their order; empty without one."""
        cases = [case for case in self._cases.get(route, ()) if case.subject.candidate is not None]
        drifts = (
            self.drift(route) if any("drift" in line for case in cases for line in case.subject.guard.scorecard) else []
        )
        return tuple(evidence for case in cases for evidence in self._evidence_of(route, case, drifts))

    def _evidence_of(self, route: str, case: Case, drifts: list[Drift]) -> tuple[Evidence, ...]:
        case.disagreement.lost = self._unseen(route, case.subject.candidate) - case.unseen
        return case.evidence(drifts, self._graded(route, case))

    def drift(self, route: str) -> list[Drift]:
        """Every feature of every stream of `route`; `drifted` at the scorecard's `max_psi`, or `USUAL_PSI`."""
        known, cases = self._streams.get(route), self._cases.get(route)
        if known is None or not cases:
            return []
        lines = cases[0].subject.guard.scorecard
        return known[1].drift({side: lines.get(f"{side}_drift", Limit()).max_psi or USUAL_PSI for side in SIDES})

    def violations(self, route: str) -> dict[tuple[str, Role, str], int]:
        """Broken rules of the data contract, by version, role and rule."""
        known = self._streams.get(route)
        return dict(known[1].violations) if known else {}

    def agreement(self, route: str, version: str, role: Role = "shadow") -> Tally:
        """Paired comparisons since the start; role `noise` is the primary against itself."""
        return self._tallies.get((route, version, role), Tally())

    def examples(self, route: str, version: str) -> list[Example]:
        """The worst disagreements of a shadow, worst first, redacted."""
        kept = self._examples.get((route, version))
        return kept.worst() if kept else []

    @property
    def unpaired(self) -> dict[str, int]:
        """Copies that never met their reference, by reason."""
        reasons: Counter[str] = Counter()
        for (_, _, reason), count in self._pairing.unpaired.items():
            reasons[reason] += count
        return dict(reasons)

    def _unseen(self, route: str, version: str | None) -> int:
        """Copies for `version` that were not compared although they were due: dropped, never paired, or not
        readable."""
        key = (route, version)
        dropped = sum(n for (r, v, _), n in self.counters.shadow_dropped.items() if (r, v) == key)
        unpaired = sum(n for (r, v, _), n in self._pairing.unpaired.items() if (r, v) == key)
        unread = sum(
            n
            for (r, v, role, side, _), n in self.unreadable.items()
            if (r, v, role, side) == (*key, "shadow", "response")
        )
        return dropped + unpaired + unread

    def failures(self, route: str, version: str) -> tuple[int, int]:
        """Bad and all finished legs of `version` as the primary of `route`, since the start."""
        arm = self.counters.arms.get((route, version, "primary"))
        return (arm.bad, sum(arm.codes.values())) if arm else (0, 0)

    def latency(self, route: str, version: str, role: Role, q: float, now: float) -> float | None:
        """The q-quantile of the total latency over the last minute, in seconds; None without data."""
        arm = self.counters.arms.get((route, version, role))
        return arm.recent_total.quantile(q, now) if arm else None


def _histograms() -> tuple[Histogram, Histogram]:
    return Histogram(), Histogram()


def _by_route(arms: Iterable[ArmTick]) -> dict[str, list[ArmTick]]:
    routes: defaultdict[str, list[ArmTick]] = defaultdict(list)
    for arm in arms:
        routes[arm.route].append(arm)
    return routes
