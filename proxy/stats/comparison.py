"""Everything that is known about one subject: a candidate of a route against its primary, under one guard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol as TypingProtocol

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.histogram import bucket
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Protocol
from proxy.stats.drift.streams import Drift, Rows
from proxy.stats.evidence.alpha import limits_of, terms_of
from proxy.stats.evidence.assignment_share import Shares
from proxy.stats.evidence.data import Contract, drift_evidence
from proxy.stats.evidence.disagreement import Disagreement
from proxy.stats.evidence.error_rate import Baseline, Errors
from proxy.stats.evidence.latency import QUANTILES, Pace, Slowness, Timed
from proxy.stats.evidence.quality import ReportCard
from proxy.stats.evidence.warm_up import Warmth
from proxy.stats.quality.label_join import Labelled
from proxy.stats.quality.paired_difference import Figure
from proxy.stats.sequential.overdispersion import Dispersion


class Metric(TypingProtocol):
    """A line of the scorecard, as evidence."""

    def evidence(self) -> list[Evidence]:
        """One for each configured limit of the line."""


class Subject(Struct, frozen=True):
    """What is judged on a route; evidence is of one subject and starts afresh with the next."""

    candidate: str | None
    primary: str
    guard: Guard
    protocol: Protocol


class Habits:
    """What is known of a route's primary whatever is judged; it outlives candidates."""

    __slots__ = ("contract", "errors", "first_token", "total")

    def __init__(self) -> None:
        self.errors, self.contract = Baseline(), Dispersion()
        self.total, self.first_token = Pace(), Pace()


class Case:
    """The evidence about one subject. `unseen`: copies for the candidate that were already lost when it began."""

    __slots__ = (
        "_habits",
        "_shares",
        "_warmth",
        "contract",
        "disagreement",
        "errors",
        "first_token",
        "grades",
        "subject",
        "total",
        "unseen",
    )

    def __init__(self, subject: Subject, habits: Habits, unseen: int = 0) -> None:
        self.subject, self._habits, self._shares = subject, habits, Shares()
        self.unseen = unseen
        self._warmth = Warmth(subject.guard.warm_up)
        lines, terms = subject.guard.scorecard, terms_of(subject.guard, subject.candidate or "")
        self.errors = Errors(lines.get("error_rate", Limit()), terms, habits.errors)
        self.disagreement = Disagreement(lines.get("disagreement", Limit()), terms)
        violations = lines.get("contract_violations", Limit())
        self.contract = Contract(violations, terms, subject.primary, habits.contract)
        self.grades = ReportCard(lines, terms, subject.primary)
        paces = {name: habits.first_token if name == "time_to_first_token" else habits.total for name in QUANTILES}
        slow = [Slowness(name, lines[name], terms, paces[name]) for name in QUANTILES if name in lines]
        self.total = [each for each in slow if each.metric != "time_to_first_token"]
        self.first_token = [each for each in slow if each.metric == "time_to_first_token"]

    def absorb(self, arms: Iterable[ArmTick], now: float) -> None:
        """The arms of this route in one tick."""
        sides = self._shares.sides(arms, self.subject.candidate, self.subject.primary)
        self.errors.update(sides, now)
        if self._warmth.update(sides, now):
            timed = [Timed(arm.total, candidate, share, arm.role) for arm, candidate, share in sides]
            for metric in self.total:
                metric.update(timed, now)
        for side in sides:
            if not side.candidate:
                self._habits.total.seen(side.arm.total, now)

    def checked(self, rows: Iterable[Rows], now: float) -> None:
        """Rows of this route that were checked against the contract."""
        self.contract.update(rows, self._shares, now)

    def timed(self, seen: Observation, now: float) -> None:
        """A streamed answer of this route, for the time to its first token."""
        if seen.text is None or seen.text.first_token is None:
            return
        latencies, subject = {bucket(seen.text.first_token): 1}, self.subject
        if seen.version == subject.candidate and seen.role in ("canary", "shadow"):
            share_of = self._shares.of_canary if seen.role == "canary" else self._shares.of_shadow
            self._first_token(Timed(latencies, True, share_of(seen.share), seen.role), now)
        elif seen.role == "primary" and seen.version == subject.primary:
            alone = subject.candidate == subject.primary
            self._first_token(Timed(latencies, alone, self._shares.of_primary(seen.share), seen.role), now)
            self._habits.first_token.seen(latencies, now)

    def labelled(self, met: Labelled, primary: Figure) -> None:
        """A prediction of this route that met its label."""
        self.grades.update(met, primary, self._shares)

    def _first_token(self, timed: Timed, now: float) -> None:
        for metric in self.first_token if self._warmth.warm else ():
            metric.update([timed], now)

    def evidence(self, drifts: Sequence[Drift], graded: Sequence[Evidence] = ()) -> tuple[Evidence, ...]:
        """One for each limit of the scorecard, in its order; n = 0 for what nothing is known of. `graded`: those on
        quality."""
        known = {(found.metric, found.limit): found for found in (*self._found(drifts), *graded)}
        lines = [(metric, name) for metric, limit in self.subject.guard.scorecard.items() for name in limits_of(limit)]
        version = self.subject.candidate or ""
        return tuple(known.get(line) or Evidence(line[0], version, None, None, 0, 0, limit=line[1]) for line in lines)

    def _found(self, drifts: Sequence[Drift]) -> Iterator[Evidence]:
        metrics: tuple[Metric, ...] = (self.errors, self.disagreement, self.contract, *self.total, *self.first_token)
        for metric in metrics:
            for found in metric.evidence():
                cold = not self._warmth.warm and found.metric in QUANTILES
                yield replace(found, note=self._warmth.note) if cold else found
        subject = self.subject
        asked = [row for row in drifts if row.side == "input"]
        said = [row for row in drifts if row.side == "prediction" and row.version == subject.candidate]
        for name, rows in (("input_drift", asked), ("prediction_drift", said)):
            yield from drift_evidence(name, rows, subject.candidate or "", subject.guard.false_alarm)
