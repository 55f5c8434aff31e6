"""A comparison: a candidate of a route against its primary, or its baseline, under one guard, and the evidence on each
of its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite, isnan
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence, Reference
from proxy.contracts.histogram import Buckets
from proxy.contracts.identity import IdentityChange
from proxy.contracts.metrics import OUTCOME_METRICS, of_kind
from proxy.contracts.observation import Observation
from proxy.contracts.price import Price
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Protocol, Role
from proxy.stats.counts.content import ContentCounts
from proxy.stats.drift.figures import Drift, RowCounts
from proxy.stats.evidence.alpha import AlphaShare, alpha_share_of, limits_of
from proxy.stats.evidence.answer_measures import MEASURED, OF_USAGE, MeasuredAnswers, measures, place_of
from proxy.stats.evidence.assignment_share import AssignedArm, AssignmentShares
from proxy.stats.evidence.data import ContractViolations, drift_evidence
from proxy.stats.evidence.disagreement import Disagreement
from proxy.stats.evidence.invalid_rate import InvalidRate
from proxy.stats.evidence.latency import ArmLatencies, Latency, LatencyHistory
from proxy.stats.evidence.looked_at import LookedAt
from proxy.stats.evidence.outcome_rate import OutcomeRate, RateHistory
from proxy.stats.evidence.quality import QualityEvidence
from proxy.stats.evidence.warm_up import WarmUp
from proxy.stats.identity.watch import Given, Identities
from proxy.stats.quality.label_join import LabelledPrediction
from proxy.stats.quality.paired_difference import ScoreLookup
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful

MAX_RESTARTS = 6
"""Times that the evidence of one judgement begins anew because of another identity: three rollouts. A bad candidate
that changes its name must not get rid of its evidence for ever; further changes are told, and the evidence is kept."""


class ComparisonKey(Struct, frozen=True):
    """Subject of a comparison; evidence is of one key and starts afresh with the next."""

    candidate: str | None
    """The version under judgement; None: nothing is, and only the primary is learnt."""
    primary: str
    guard: Guard
    protocol: Protocol
    """Protocol in which bodies of the route are read."""
    baseline: str | None = None
    """The version that the candidate is compared with in place of the primary."""
    of_baseline: bool = False
    """Whether the candidate is the route's baseline itself, which is held against its primary."""
    prices: dict[str, Price] = {}
    """The prices of the versions, where the guard asks what answers cost."""

    @property
    def reference(self) -> str:
        """The version that the candidate is compared with."""
        return self.baseline or self.primary

    @property
    def against(self) -> Reference:
        """The role of the reference."""
        return "baseline" if self.baseline else "primary"

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions whose answers the evidence rests on."""
        named = (self.primary, self.baseline, self.candidate)
        return tuple(dict.fromkeys(version for version in named if version is not None))


def keys_of(
    candidates: Sequence[str],
    primary: str,
    guard: Guard,
    protocol: Protocol,
    baseline: tuple[str, Guard] | None,
    prices: Mapping[str, Price],
) -> list[ComparisonKey]:
    """The keys of what is judged on a route: one for each candidate, or one without, and that of the baseline last.

    - `baseline`: the version that candidates are held against, and the guard that it is held to itself
    """
    beside, own = baseline or (None, guard)
    asked = {**prices} if "cost" in guard.scorecard else {}
    keys = [ComparisonKey(each, primary, guard, protocol, beside, prices=asked) for each in candidates or (None,)]
    return keys if beside is None else [*keys, ComparisonKey(beside, primary, own, protocol, of_baseline=True)]


TIMED = tuple([metric.name for metric in of_kind("distribution", "quantile") if metric.source == "ticks"])
"""Metrics of the latency of legs."""


class PrimaryHistory(Stateful):
    """What is known of a route's primary, or of its baseline, whatever is judged; it outlives candidates."""

    __slots__ = ("answers", "contract_violations", "rates", "total")

    def __init__(self) -> None:
        self.rates = {metric: RateHistory() for metric in (*OUTCOME_METRICS, InvalidRate.METRIC)}
        self.contract_violations = Overdispersion()
        self.total = LatencyHistory()
        self.answers = {metric: LatencyHistory() for metric in MEASURED}


class Comparison(Stateful):
    """The evidence about one key.

    - `unseen`: copies for the candidate that were already lost when the comparison began
    - `identities`: who answers under the name of each version
    - `restarts`: how often the evidence began anew because that was another model
    - `silence`: legs that the candidate should have had since its last one, by the reference's; of a baseline alone
    """

    __slots__ = (
        "_alpha",
        "_history",
        "_measures",
        "_shares",
        "_warm_up",
        "answers",
        "contract_violations",
        "disagreement",
        "identities",
        "invalid",
        "key",
        "outcomes",
        "quality",
        "restarts",
        "silence",
        "told",
        "total",
        "unseen",
    )
    CONFIGURATION = ("_alpha", "_measures", "key", "silence", "unseen")

    def __init__(self, key: ComparisonKey, history: PrimaryHistory, unseen: int = 0) -> None:
        self.key, self._history, self.unseen = key, history, unseen
        self.identities = {version: Identities(version) for version in key.versions}
        self.restarts = 0
        self.silence = 0.0
        self._alpha = alpha = self._share_of("")
        role: Role = "baseline" if key.of_baseline else "canary"
        self._shares = AssignmentShares(key.candidate, key.primary, key.baseline, role)
        self._warm_up = WarmUp(key.guard.warm_up, both=key.baseline is not None)
        lines, none = key.guard.scorecard, Limit()
        self.outcomes = [
            OutcomeRate(metric, lines.get(metric, none), self._share_of(metric), history.rates[metric])
            for metric in OUTCOME_METRICS
        ]
        invalid = InvalidRate.METRIC
        self.invalid = InvalidRate(
            lines.get(invalid, none), self._share_of(invalid), history.rates[invalid], read=key.protocol != "opaque"
        )
        self.disagreement = Disagreement(lines.get(Disagreement.METRIC, none), alpha._replace(against="primary"))
        violations = lines.get(ContractViolations.METRIC, none)
        self.contract_violations = ContractViolations(violations, alpha, history.contract_violations)
        self.quality = QualityEvidence(lines, alpha)
        self.total = [Latency(name, lines[name], alpha, history.total) for name in TIMED if name in lines]
        self.answers = [Latency(name, lines[name], alpha, history.answers[name]) for name in MEASURED if name in lines]
        self.told = {name: LookedAt() for name in OF_USAGE if name in lines}
        # The time to the first token is learnt before anybody is judged by it; the others where there is a line.
        known = measures(key.prices).items()
        self._measures = {name: measure for name, measure in known if name in lines or name == "time_to_first_token"}

    def _share_of(self, metric: str) -> AlphaShare:
        return alpha_share_of(self.key.guard, self.key.candidate or "", metric, self.key.against)

    def take_over(self, before: Self) -> None:
        """Goes on with what does not depend on the arm that the candidate is compared with: pairs are of the primary
        whatever that is. Where a baseline comes, labels are of the same model, too; one that goes may have been broken.
        """
        self.disagreement, self.unseen = before.disagreement, before.unseen
        self.restarts = before.restarts
        self.identities |= {name: watch for name, watch in before.identities.items() if name in self.identities}
        if before.key.baseline is None:
            self.quality.take_over(before.quality)

    def on_arms(self, arms: Iterable[ArmTick], now: float) -> None:
        """Adds the arms of this route in one tick."""
        assigned = self._shares.update(arms)
        for rate in self.outcomes:
            rate.update(assigned, now)
        self.invalid.on_arms(assigned)
        if self._warm_up.update(assigned, now):
            timed = [ArmLatencies(arm.total, whose, arm.waited) for arm, whose in assigned]
            for metric in self.total:
                metric.update(timed, now)
        for arm, whose in assigned:
            if not whose.candidate:
                self._history.total.update(_censored(arm), now)
        if self.key.of_baseline:
            self._listen(assigned)

    def _listen(self, assigned: Iterable[AssignedArm]) -> None:
        if any(whose.candidate and arm.counted() for arm, whose in assigned):
            self.silence = 0.0
            return
        due = (arm.counted() * whose.share / (1.0 - whose.share) for arm, whose in assigned if whose.share < 1.0)
        self.silence += sum(due)

    def on_rows(self, rows: Iterable[RowCounts], now: float) -> None:
        """Adds rows of this route that were checked against the data contract."""
        self.contract_violations.update(rows, self._shares, now)

    def on_content(self, counted: Iterable[ContentCounts], now: float) -> None:
        """Adds what the analysed answers of this route in one batch say, one item for each arm."""
        self.invalid.update(counted, self._shares, now)

    def on_tokens(self, leg: Observation, now: float) -> None:
        """Adds an answer of a language model, for the times, the number and the cost of its tokens."""
        measured = [(name, measure(leg)) for name, measure in self._measures.items()]
        found = {name: place_of(name, value) for name, value in measured if value is not None}
        if not found and not self.told:
            return  # as of whole answers, where no line asks for their tokens
        whose = self._shares.get(leg.version, leg.role, leg.share)
        if whose is None:
            return
        for metric in self.answers if self._warm_up.warm else ():
            if metric.metric in found:
                metric.update([ArmLatencies({found[metric.metric]: 1}, whose)], now)
        for name, told in self.told.items() if self._warm_up.warm else ():
            n = int(name in found)
            told.update(ContentCounts(leg.version, leg.role, leg.share, n, 0, unread=1 - n), candidate=whose.candidate)
        for name, at in found.items() if leg.version == self.key.reference else ():
            self._history.answers[name].update({at: 1}, now)

    def on_measured(self, answers: Iterable[MeasuredAnswers], now: float) -> None:
        """Adds answers of language models as counts, for the same."""
        for each in answers:
            whose = self._shares.get(each.version, each.role, each.share)
            if whose is None or each.metric not in self._measures:
                continue
            for metric in self.answers if each.values and self._warm_up.warm else ():
                if metric.metric == each.metric:
                    metric.update([ArmLatencies(each.values, whose)], now)
            if each.metric in self.told and self._warm_up.warm:
                n = sum(each.values.values())
                told = ContentCounts(each.version, each.role, each.share, n, 0, unread=each.unread)
                self.told[each.metric].update(told, candidate=whose.candidate)
            if each.values and each.version == self.key.reference:
                self._history.answers[each.metric].update(each.values, now)

    def on_label(self, met: LabelledPrediction, primary: ScoreLookup) -> None:
        """Adds a prediction of this route that met its label."""
        self.quality.update(met, primary, self._shares)

    def on_identities(self, named: Mapping[str, Mapping[Given, int]]) -> None:
        """Adds what answers of this route say of who gave them, by version."""
        for version, given in named.items():
            if version in self.identities:
                self.identities[version].update(given)

    def anew(self, history: PrimaryHistory, unseen: int) -> Comparison:
        """The same comparison without evidence: the models are known, and that it began anew."""
        fresh = Comparison(self.key, history, unseen)
        fresh.identities, fresh.restarts = self.identities, self.restarts + 1
        return fresh

    def identity_changes(self) -> list[IdentityChange]:
        """Changes since the last call."""
        return [change for watch in self.identities.values() if (change := watch.take())]

    @property
    def wavering(self) -> bool:
        """Whether the newest answers name a model that is not known yet."""
        return any(watch.wavering for watch in self.identities.values())

    @property
    def may_begin_anew(self) -> bool:
        """Whether the evidence has not begun anew too often; where nobody is judged, nobody gets rid of any."""
        return self.restarts < MAX_RESTARTS or self.key.candidate is None

    @property
    def left_out(self) -> dict[str, int]:
        """What full bounds left out, in the words of `Board.bounds_reached`."""
        return {"scores": self.quality.unmatched, "shares": self._shares.forgotten}

    def evidence(self, drifts: Sequence[Drift], lost: int, unlabelled: int) -> tuple[Evidence, ...]:
        """A line of evidence for each limit of the scorecard, in its order; n = 0 before any data.

        `drifts`: the features of all streams of the route. `lost`: copies that were due and not compared.
        `unlabelled`: predictions that conclude nothing.
        """
        answers = {(each.metric, each.limit): self._finite(each) for each in self._answers(drifts, lost, unlabelled)}
        lines = [(metric, name) for metric, limit in self.key.guard.scorecard.items() for name in limits_of(limit)]
        return tuple(answers.get(line) or self._alpha.nothing(*line) for line in lines)

    def _finite(self, line: Evidence) -> Evidence:
        """A line of evidence, or the same without data where a figure of it is no number."""
        figures = (line.value or 0.0, line.reference or 0.0, line.shadow or 0.0, line.dispersion)
        if all(map(isfinite, figures)) and not isnan(line.log_breach) and not isnan(line.log_pass or 0.0):
            return line
        return self._alpha.nothing(line.metric, line.limit, line.n + line.lost, "its figures are no numbers")

    def _answers(self, drifts: Sequence[Drift], lost: int, unlabelled: int) -> Iterator[Evidence]:
        for rate in self.outcomes:
            yield from rate.get()
        yield from self.invalid.get()
        yield from self.disagreement.get(lost)
        yield from self.contract_violations.get()
        yield from self.quality.get(unlabelled)
        for latency in (*self.total, *self.answers):
            told = self.told.get(latency.metric)
            note = (told and _untold(told)) if self._warm_up.warm else self._warm_up.note
            for line in latency.get():
                yield replace(line, lost=told.lost() if told else 0, note=note or "")
        for metric in of_kind("drift"):
            of_all = metric.blames == "world"
            rows = [row for row in drifts if row.side == metric.side and (of_all or row.version == self.key.candidate)]
            yield from drift_evidence(metric.name, rows, self._alpha)


def _untold(told: LookedAt) -> str:
    """Why there is no data of what answers took."""
    if told.seen or not told.dark:
        return ""
    also = ", nor do the primary's" if told.moot else ""
    return f"none of {told.dark:,} answers tells what it took{also}"


def _censored(arm: ArmTick) -> Buckets:
    """Latencies of an arm, an abandoned leg at the bucket of its wait (censoring): it took at least that long, and
    left out it would make a version fast that hangs. Legs during which the worker stood still are left out."""
    if not arm.waited and not arm.disturbed:
        return arm.total
    latencies = {place: count - arm.disturbed.get(place, 0) for place, count in arm.total.items()}
    for place, count in arm.waited.items():
        latencies[place] = latencies.get(place, 0) + count
    return latencies
