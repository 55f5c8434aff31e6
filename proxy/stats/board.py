"""The one door to statistics: ticks and observations in, evidence and counts out.

What control does with it:

- `watch_all(route, candidates, primary, guard, protocol, now, analysis)` whenever the live state may have changed
  (`watch` for one candidate): evidence starts afresh when one of them did, rows and profile when the analysis did;
  otherwise nothing happens. `refer(route, profile)` gives a reference profile, instead of one learnt from the primary.
- `absorb(tick, now)` for each tick, `observe(observations, now)` for each batch that payload decoded, `flush(now)`
  about once a second when there is nothing to observe, `feedback(request_id, label, now)` for each label.
- `evidence(route, now)`: one `Evidence` for each limit of the guard's scorecard, in its order. A metric that nothing
  is known of has n = 0. `log_breach` is already corrected for the number of limits: breach is at
  ln(1/guard.false_alarm).
- `keep(route)` and `resume(route, kept)`: evidence that outlives this process.
- `drift(route)`, `violations(route)`, `profile(route)`, `finding(route)` (world or model), `agreement(route, version,
  role)`, `examples(route, version)`: what the API shows, rows and structs that are plain data.
- For /metrics, all monotone and untouched by `watch`: `counters` (arms, drops, rescues, rejections, overhead, coverage,
  inflight), `tokens` (time to first token, gaps), `unreadable`, `unpaired`, `scores` (quality), `labelled`, `ungraded`,
  `feedbacks`, `unlabelled`; and the sliding `latency(route, version, role, q, now)`.

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
from proxy.stats.agreement.compare import Tally
from proxy.stats.agreement.comparer import Compared, Comparing
from proxy.stats.agreement.examples import Example
from proxy.stats.comparison import Comparison, ComparisonKey, PrimaryHistory
from proxy.stats.counts.counters import Counters
from proxy.stats.counts.latency_window import Histogram
from proxy.stats.diagnosis import Finding, finding
from proxy.stats.drift.profile import Profile, Side
from proxy.stats.drift.streams import Drift, Rows, Shape, Streams
from proxy.stats.quality.label_join import CAPACITY, Labelled, Outcome
from proxy.stats.quality.scorer import Grading
from proxy.stats.snapshot import freeze, thaw

USUAL = Analysis()

USUAL_PSI = 0.2
"""PSI above which a distribution is commonly called shifted (Siddiqi, Credit Risk Scorecards, 2006)."""

FLUSH = 0.25
"""Seconds between looks at what waits to be counted: it waits for about a second, and a look is at all routes."""

SIDES: tuple[Side, ...] = ("input", "prediction")


class Board:
    """All statistics of one control process."""

    __slots__ = (
        "_cases",
        "_comparing",
        "_flushed",
        "_grading",
        "_habits",
        "_streams",
        "counters",
        "feedbacks",
        "labelled",
        "scores",
        "tokens",
        "ungraded",
        "unlabelled",
        "unreadable",
    )

    def __init__(self, labels: int = CAPACITY) -> None:
        self.counters = Counters()
        self.unreadable: Counter[tuple[str, str, str, str, str]] = Counter()
        self.tokens: defaultdict[tuple[str, str, str], tuple[Histogram, Histogram]] = defaultdict(_histograms)
        self._habits: defaultdict[tuple[str, str, int], PrimaryHistory] = defaultdict(PrimaryHistory)
        self._cases: dict[str, tuple[Comparison, ...]] = {}
        self._streams: dict[str, tuple[tuple[Analysis, Protocol], Streams]] = {}
        self._comparing = Comparing()
        self._flushed = -FLUSH
        self._grading = Grading(labels)
        self.scores, self.labelled, self.ungraded = self._grading.scores, self._grading.labelled, self._grading.ungraded
        self.feedbacks, self.unlabelled = self._grading.labels.outcomes, self._grading.labels.lost

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
        subjects = [ComparisonKey(candidate, primary, guard, protocol) for candidate in candidates or (None,)]
        self._cases[route] = tuple(
            next((case for case in before if case.key == subject), None)
            or Comparison(subject, self._habits[route, primary, place], self._unseen(route, subject.candidate))
            for place, subject in enumerate(subjects)
        )
        known = self._streams.get(route)
        if known is None or known[0] != (analysis, protocol):
            self._comparing.forget(route)
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
                case.on_arms(arms, now)

    def observe(self, observations: Iterable[Observation], now: float) -> None:
        """Takes in what payload made of a batch of records."""
        compared: list[Compared] = []
        for (route, *_), legs in _by_arm(observations).items():
            known = self._streams.get(route)
            if known is None:
                continue
            (analysis, _), streams = known
            compared += self._comparing.update(legs, analysis, now)
            if rows := streams.update(legs, now):
                self._check(route, rows, now)
            if analysis.wait > 0:
                self._grade(self._grading.note(legs, analysis.wait, now))
            for seen in legs:
                if seen.unreadable_request or seen.unreadable_response:
                    self._note_unreadable(seen)
                if seen.text is not None:
                    self._time_tokens(seen, now)
        self._judge(compared)
        self._comparing.expire(now)
        self._grading.labels.expire(now)
        self.flush(now)

    def _judge(self, compared: list[Compared]) -> None:
        """One look for all pairs of a batch."""
        for (route, version), pairs in _by_version(compared).items():
            for case in self._cases.get(route, ()):
                if case.key.candidate == version:
                    case.disagreement.update(pairs)

    def flush(self, now: float) -> None:
        """Counts batches of rows that wait for more; call it about once a second when nothing is observed."""
        if now - self._flushed < FLUSH:
            return
        self._flushed = now
        for route, (_, streams) in self._streams.items():
            self._check(route, streams.flush(now), now)

    def _check(self, route: str, rows: list[Rows], now: float) -> None:
        for case in self._cases.get(route, ()) if rows else ():
            case.on_rows(rows, now)

    def _time_tokens(self, seen: Observation, now: float) -> None:
        if seen.text and seen.text.first_token is not None:
            first, gap = self.tokens[seen.route, seen.version, seen.role]
            first.update({bucket(seen.text.first_token): 1}, seen.text.first_token)
            for pause in seen.text.gaps:
                gap.update({bucket(pause): 1}, pause)
        for case in self._cases.get(seen.route, ()):
            case.on_tokens(seen, now)

    def feedback(self, request_id: str, label: Any, now: float) -> Outcome:
        """Takes a label that came late: one value, or a list with one for each row of the request."""
        outcome, met = self._grading.label(request_id, label, now)
        self._grade(met)
        return outcome

    def _grade(self, met: list[Labelled]) -> None:
        for each in met:
            for case in self._cases.get(each.route, ()):
                case.on_label(each, self._grading.figure(each.route, case.key.primary))

    def finding(self, route: str) -> tuple[Finding, ...]:
        """World or model: one for each candidate under judgement."""
        drifts = self.drift(route)
        cases = [case for case in self._cases.get(route, ()) if case.key.candidate is not None]
        return tuple(finding(drifts, case.disagreement, case.key.candidate or "") for case in cases)

    def _note_unreadable(self, seen: Observation) -> None:
        for side, reason in (("request", seen.unreadable_request), ("response", seen.unreadable_response)):
            if reason:
                self.unreadable[seen.route, seen.version, seen.role, side, reason] += 1

    def evidence(self, route: str, now: float) -> tuple[Evidence, ...]:
        """What is known of the candidates of `route`, in their order; empty without one."""
        cases = [case for case in self._cases.get(route, ()) if case.key.candidate is not None]
        watched = any("drift" in line for case in cases for line in case.key.guard.scorecard)
        drifts = self.drift(route) if watched else []
        return tuple(evidence for case in cases for evidence in self._evidence_of(route, case, drifts))

    def _evidence_of(self, route: str, case: Comparison, drifts: list[Drift]) -> tuple[Evidence, ...]:
        subject = case.key
        unlabelled = self._grading.lost(route, subject.candidate or "", subject.primary)
        return case.evidence(drifts, self._lost(route, case), unlabelled)

    def keep(self, route: str) -> list[bytes]:
        """What was gathered about the candidates of `route`, for a process after this one."""
        return [freeze(case, self._lost(route, case)) for case in self._cases.get(route, ())]

    def resume(self, route: str, kept: Iterable[bytes]) -> None:
        """Takes up what a process before this one had kept of the same candidates. Raises SnapshotError."""
        for case, state in zip(self._cases.get(route, ()), kept, strict=False):
            case.unseen = self._unseen(route, case.key.candidate) - thaw(case, state)

    def _lost(self, route: str, case: Comparison) -> int:
        return self._unseen(route, case.key.candidate) - case.unseen

    def drift(self, route: str) -> list[Drift]:
        """Every feature of every stream of `route`; `drifted` at the scorecard's `max_psi`, or `USUAL_PSI`."""
        known, cases = self._streams.get(route), self._cases.get(route)
        if known is None or not cases:
            return []
        lines = cases[0].key.guard.scorecard
        return known[1].drift({side: lines.get(f"{side}_drift", Limit()).max_psi or USUAL_PSI for side in SIDES})

    def shape(self, route: str, row: Drift) -> Shape | None:
        """The reference and live distributions behind a row of `drift`."""
        known = self._streams.get(route)
        return known[1].shape(row) if known else None

    def violations(self, route: str) -> dict[tuple[str, Role, str], int]:
        """Broken rules of the data contract, by version, role and rule."""
        known = self._streams.get(route)
        return dict(known[1].violations) if known else {}

    def agreement(self, route: str, version: str, role: Role = "shadow") -> Tally:
        """Paired comparisons since the start; role `noise` is the primary against itself."""
        return self._comparing.tallies.get((route, version, role), Tally())

    def examples(self, route: str, version: str) -> list[Example]:
        """The worst disagreements of a shadow, worst first, redacted."""
        return self._comparing.worst(route, version)

    @property
    def unpaired(self) -> dict[str, int]:
        """Copies that never met their reference, by reason."""
        return self._comparing.unpaired()

    def _unseen(self, route: str, version: str | None) -> int:
        """Copies for `version` that were not compared although they were due: dropped, never paired, or not
        readable."""
        key = (route, version)
        dropped = sum(n for (r, v, _), n in self.counters.shadow_dropped.items() if (r, v) == key)
        unread = sum(
            n
            for (r, v, role, side, _), n in self.unreadable.items()
            if (r, v, role, side) == (*key, "shadow", "response")
        )
        return dropped + self._comparing.unpaired_of(route, version) + unread

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


def _by_arm(observations: Iterable[Observation]) -> dict[tuple[str, str, Role, float], list[Observation]]:
    """Legs by route, version, role and share: what holds for an arm is then looked up once for all of them."""
    arms: dict[tuple[str, str, Role, float], list[Observation]] = {}
    for seen in observations:
        key = seen.route, seen.version, seen.role, seen.share
        legs = arms.get(key)
        if legs is None:
            arms[key] = [seen]
        else:
            legs.append(seen)
    return arms


def _by_version(compared: Iterable[Compared]) -> dict[tuple[str, str], list[Compared]]:
    versions: defaultdict[tuple[str, str], list[Compared]] = defaultdict(list)
    for pair in compared:
        versions[pair.route, pair.version].append(pair)
    return versions
