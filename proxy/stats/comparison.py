"""Everything that is known about one key: a candidate of a route against its primary, under one guard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.histogram import bucket
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Protocol
from proxy.stats.drift.streams import Drift, RowCounts
from proxy.stats.evidence.alpha import alpha_share_of, limits_of
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.data import ContractViolations, drift_evidence
from proxy.stats.evidence.disagreement import Disagreement
from proxy.stats.evidence.error_rate import ErrorBaseline, ErrorRate
from proxy.stats.evidence.latency import QUANTILES, ArmLatencies, Latency, LatencyBaseline
from proxy.stats.evidence.quality import QualityEvidence
from proxy.stats.evidence.warm_up import WarmUp
from proxy.stats.quality.label_join import LabelledPrediction
from proxy.stats.quality.paired_difference import ScoreLookup
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful


class ComparisonKey(Struct, frozen=True):
    """What is judged on a route; evidence is of one key and starts afresh with the next."""

    candidate: str | None
    primary: str
    guard: Guard
    protocol: Protocol


class PrimaryHistory(Stateful):
    """What is known of a route's primary whatever is judged; it outlives candidates."""

    __slots__ = ("contract_violations", "error_rate", "first_token", "total")

    def __init__(self) -> None:
        self.error_rate, self.contract_violations = ErrorBaseline(), Overdispersion()
        self.total, self.first_token = LatencyBaseline(), LatencyBaseline()


class Comparison(Stateful):
    """The evidence about one key. `unseen`: copies for the candidate that were already lost when it began."""

    __slots__ = (
        "_history",
        "_shares",
        "_warm_up",
        "contract_violations",
        "disagreement",
        "error_rate",
        "first_token",
        "key",
        "quality",
        "total",
        "unseen",
    )
    CONFIGURATION = ("key", "unseen")

    def __init__(self, key: ComparisonKey, history: PrimaryHistory, unseen: int = 0) -> None:
        self.key, self._history, self._shares = key, history, AssignmentShares()
        self.unseen = unseen
        self._warm_up = WarmUp(key.guard.warm_up)
        lines, terms = key.guard.scorecard, alpha_share_of(key.guard, key.candidate or "")
        self.error_rate = ErrorRate(lines.get("error_rate", Limit()), terms, history.error_rate)
        self.disagreement = Disagreement(lines.get("disagreement", Limit()), terms)
        violations = lines.get("contract_violations", Limit())
        self.contract_violations = ContractViolations(violations, terms, key.primary, history.contract_violations)
        self.quality = QualityEvidence(lines, terms, key.primary)
        paces = {name: history.first_token if name == "time_to_first_token" else history.total for name in QUANTILES}
        slow = [Latency(name, lines[name], terms, paces[name]) for name in QUANTILES if name in lines]
        self.total = [each for each in slow if each.metric != "time_to_first_token"]
        self.first_token = [each for each in slow if each.metric == "time_to_first_token"]

    def on_arms(self, arms: Iterable[ArmTick], now: float) -> None:
        """The arms of this route in one tick."""
        sides = self._shares.sides(arms, self.key.candidate, self.key.primary)
        self.error_rate.update(sides, now)
        if self._warm_up.update(sides, now):
            timed = [ArmLatencies(arm.total, candidate, share, arm.role) for arm, candidate, share in sides]
            for metric in self.total:
                metric.update(timed, now)
        for side in sides:
            if not side.candidate:
                self._history.total.update(side.arm.total, now)

    def on_rows(self, rows: Iterable[RowCounts], now: float) -> None:
        """Rows of this route that were checked against the contract."""
        self.contract_violations.update(rows, self._shares, now)

    def on_tokens(self, seen: Observation, now: float) -> None:
        """A streamed answer of this route, for the time to its first token."""
        if seen.text is None or seen.text.first_token is None:
            return
        latencies, key = {bucket(seen.text.first_token): 1}, self.key
        if seen.version == key.candidate and seen.role in ("canary", "shadow"):
            share_of = self._shares.of_canary if seen.role == "canary" else self._shares.of_shadow
            self._first_token(ArmLatencies(latencies, True, share_of(seen.share), seen.role), now)
        elif seen.role == "primary" and seen.version == key.primary:
            alone = key.candidate == key.primary
            self._first_token(ArmLatencies(latencies, alone, self._shares.of_primary(seen.share), seen.role), now)
            self._history.first_token.update(latencies, now)

    def on_label(self, met: LabelledPrediction, primary: ScoreLookup) -> None:
        """A prediction of this route that met its label."""
        self.quality.update(met, primary, self._shares)

    def _first_token(self, timed: ArmLatencies, now: float) -> None:
        for metric in self.first_token if self._warm_up.warm else ():
            metric.update([timed], now)

    def evidence(self, drifts: Sequence[Drift], lost: int, unlabelled: int) -> tuple[Evidence, ...]:
        """One for each limit of the scorecard, in its order; n = 0 for what nothing is known of.

        `lost`: copies that were due and not compared. `unlabelled`: predictions that cannot be concluded from.
        """
        known = {(found.metric, found.limit): found for found in self._found(drifts, lost, unlabelled)}
        lines = [(metric, name) for metric, limit in self.key.guard.scorecard.items() for name in limits_of(limit)]
        version = self.key.candidate or ""
        return tuple(known.get(line) or Evidence(line[0], version, None, None, 0, 0, limit=line[1]) for line in lines)

    def _found(self, drifts: Sequence[Drift], lost: int, unlabelled: int) -> Iterator[Evidence]:
        yield from self.error_rate.evidence()
        yield from self.disagreement.evidence(lost)
        yield from self.contract_violations.evidence()
        yield from self.quality.evidence(unlabelled)
        for metric in (*self.total, *self.first_token):
            for found in metric.evidence():
                yield found if self._warm_up.warm else replace(found, note=self._warm_up.note)
        key = self.key
        asked = [row for row in drifts if row.side == "input"]
        said = [row for row in drifts if row.side == "prediction" and row.version == key.candidate]
        for name, rows in (("input_drift", asked), ("prediction_drift", said)):
            yield from drift_evidence(name, rows, key.candidate or "", key.guard.false_alarm)
