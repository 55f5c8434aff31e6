"""What is counted since the start, whatever is judged: for /metrics, and losses by reason.

The read-only side of the board, monotone but for `waiting`: what a comparison begins anew goes on here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import astuple

from proxy.contracts.histogram import bucket
from proxy.contracts.leg_join import MAX_HELD_BYTES
from proxy.contracts.metrics import OUTCOME_METRICS
from proxy.contracts.observation import NO_USAGE, Observation, Usage
from proxy.contracts.price import Price
from proxy.contracts.table import Role
from proxy.stats.agreement.comparer import Comparer
from proxy.stats.agreement.examples import Example
from proxy.stats.agreement.tally import AgreementTally
from proxy.stats.counts.content import ContentCounters
from proxy.stats.counts.counters import Counters
from proxy.stats.counts.latency_window import Histogram
from proxy.stats.quality.label_join import MAX_WAITING_BYTES, LabelOutcome
from proxy.stats.quality.scorer import Scorer
from proxy.stats.quality.scores import Score

USAGE_KINDS = Usage.__struct_fields__

BOUNDS = {
    "layouts": "bodies of further layouts than a route's `MAX_LAYOUTS`",
    "columns": "columns, once for each batch, that a full profile did not learn",
    "classes": "predictions of further classes than F1 tells apart",
    "questions": "pairs of texts that a judge was not asked about, because as many waited as may",
    "detectors": "names that ADWIN was to watch and does not",
    "early_labels": "labels that waited for their request, and went",
    "scores": "scores that AUROC could not match with one of the other class",
    "shares": "parts of the traffic of which late legs no longer find the other version's",
    "rows": "rows of large bodies that are not in the sample that drift is measured of",
    "texts": "texts (and rated rows, and boxes) of large answers that are not among those that are compared",
    "sticky_keys": "keys that failed and were forgotten; their next failure counts again",
    "identities": "answers that name further models than are told apart",
}
"""Bounds of the statistics, in the words of `Board.bounds_reached`, and what is left out beyond each."""


WAITING_PART = 1 / 4
"""Part of the memory for pairs that wait, and for predictions that wait for a label, each; the rest is for rows,
profiles and evidence."""

AMPLE_MEMORY = 1 << 28
"""Bytes with which every bound is at its own size."""


class Totals:
    """Counts of all routes. `labels`: requests whose predictions may wait for a label at a time. `memory`: bytes that
    all of it may keep."""

    __slots__ = (
        "_comparer",
        "_costs",
        "_messages",
        "_scorer",
        "_tokens",
        "_unread_requests",
        "_unreadable",
        "_untold",
        "_usage",
        "content",
        "counters",
        "lost_elsewhere",
        "prices",
    )

    def __init__(self, labels: int, memory: int) -> None:
        self.counters = Counters()
        self.content = ContentCounters()
        self.lost_elsewhere: Counter[tuple[str, str | None]] = Counter()
        """Pairs that other sidecars sent and did not compare, by (route, version)."""
        part = int(memory * WAITING_PART)
        self._comparer = Comparer(min(part, MAX_HELD_BYTES))
        self._scorer = Scorer(labels, min(part, MAX_WAITING_BYTES))
        self._unreadable: Counter[tuple[str, str, str, str, str]] = Counter()
        self._unread_requests: dict[tuple[str, str, str, str], str] = {}
        self._usage: Counter[tuple[str, str, str, str]] = Counter()
        self._untold: Counter[tuple[str, str, str, str]] = Counter()
        self._costs: defaultdict[tuple[str, str, str, str], float] = defaultdict(float)
        self._messages: Counter[tuple[str, str, str]] = Counter()
        self.prices: dict[str, Price] = {}
        """What the tokens of versions cost, by name."""
        self._tokens: defaultdict[tuple[str, str, str], tuple[Histogram, Histogram]] = defaultdict(_histograms)

    def _count_all(self, legs: Sequence[Observation]) -> list[Observation]:
        """Counts legs; returns those of which there is anything to count, which are few where answers are numbers."""
        told = [
            leg
            for leg in legs
            if leg.text is not None
            or leg.content
            or leg.unreadable_response
            or leg.unreadable_request
            or leg.usage is not None
        ]
        for leg in told:
            self._count(leg)
        return told

    def _count(self, leg: Observation) -> None:
        """Counts what could not be read of a leg, its tokens, and their times."""
        if leg.unreadable_request or leg.unreadable_response:
            self._count_unreadable(leg)
        elif leg.content:
            self._unread_requests[leg.route, leg.version, "response", leg.content] = leg.request_id
        if leg.usage is not None:
            self._count_usage(leg, leg.usage)
        elif leg.said is not None:
            self._untold[leg.route, leg.version, leg.role, "absent"] += 1
        if leg.text is not None and leg.text.first_token is not None:
            first, gap = self._tokens[leg.route, leg.version, leg.role]
            first.update({bucket(leg.text.first_token): 1}, leg.text.first_token)
            for pause in leg.text.gaps:
                gap.update({bucket(pause): 1}, pause)
        if leg.text is not None and leg.text.pieces:
            self._messages[leg.route, leg.version, leg.role] += leg.text.pieces

    def _count_usage(self, leg: Observation, usage: Usage) -> None:
        if usage == NO_USAGE:
            self._untold[leg.route, leg.version, leg.role, "values"] += 1
            return
        for kind, tokens in zip(USAGE_KINDS, astuple(usage), strict=True):
            if tokens:
                self._usage[leg.route, leg.version, leg.role, kind] += tokens
        price = self.prices.get(leg.version)
        cost = price.cost(usage, silent=leg.text is None) if price else None
        if price and cost is not None:
            self._costs[leg.route, leg.version, leg.role, price.currency] += cost

    def _count_unreadable(self, leg: Observation) -> None:
        for side, reason in (("request", leg.unreadable_request), ("response", leg.unreadable_response)):
            if reason:
                self._unreadable[leg.route, leg.version, leg.role, side, reason] += 1
                self._unread_requests[leg.route, leg.version, side, reason] = leg.request_id

    def agreement(self, route: str, version: str, role: Role = "shadow") -> AgreementTally:
        """Pairs compared since the start; role `noise` is the primary against itself."""
        return self._comparer.tallies.get((route, version, role), AgreementTally())

    def compared(self) -> list[tuple[str, str, Role]]:
        """Route, version and role of what `agreement` knows of."""
        return list(self._comparer.tallies)

    def examples(self, route: str, version: str) -> list[Example]:
        """The worst disagreements of a shadow, worst first, redacted."""
        return self._comparer.worst(route, version)

    def wait_for_pairs(self, seconds: float) -> None:
        """For how long an answer waits for the one to compare it with."""
        self._comparer.wait(seconds)

    @property
    def tokens(self) -> Mapping[tuple[str, str, str], tuple[Histogram, Histogram]]:
        """Time to the first token, and between tokens, by (route, version, role)."""
        return MappingProxyType(self._tokens)

    @property
    def messages(self) -> Mapping[tuple[str, str, str], int]:
        """Messages of analysed streams by gRPC, by (route, version, role)."""
        return MappingProxyType(self._messages)

    @property
    def usage(self) -> Mapping[tuple[str, str, str, str], int]:
        """Tokens as the servers count them, of analysed answers, by (route, version, role, kind of `Usage`)."""
        return MappingProxyType(self._usage)

    @property
    def untold(self) -> Mapping[tuple[str, str, str, str], int]:
        """Answers of language models whose tokens nobody knows, by (route, version, role, reason): `absent`, they do
        not tell; `values`, what they tell can not be."""
        return MappingProxyType(self._untold)

    @property
    def costs(self) -> Mapping[tuple[str, str, str, str], float]:
        """What analysed answers cost that tell their tokens, by (route, version, role, currency)."""
        return MappingProxyType(self._costs)

    @property
    def scores(self) -> Mapping[tuple[str, str, Role], Score]:
        """Scores of labelled predictions by (route, version, role)."""
        return MappingProxyType(self._scorer.scores)

    @property
    def labelled(self) -> Mapping[tuple[str, str, Role], int]:
        """Predictions that met a label, by (route, version, role)."""
        return MappingProxyType(self._scorer.labelled)

    @property
    def unscored(self) -> Mapping[tuple[str, str], int]:
        """Predictions whose label did not fit them, by (route, version)."""
        return MappingProxyType(self._scorer.unscored)

    @property
    def feedbacks(self) -> Mapping[LabelOutcome, int]:
        """Labels by what became of them."""
        return MappingProxyType(self._scorer.labels.outcomes)

    @property
    def unlabelled(self) -> Mapping[tuple[str, str], int]:
        """Requests whose predictions were given up without a label, by (route, reason)."""
        return MappingProxyType(self._scorer.labels.lost)

    @property
    def unreadable(self) -> Mapping[tuple[str, str, str, str, str], int]:
        """Bodies that could not be read, by (route, version, role, side, reason)."""
        return MappingProxyType(self._unreadable)

    @property
    def pairs(self) -> Mapping[tuple[str, str, str, str], int]:
        """Due pairs by (route, version, result, reason): `agrees` (reason `sample`: by a part), `differs` (by the rule
        that decided) and `lost`."""
        rows: Counter[tuple[str, str, str, str]] = Counter()
        for (route, version, role), tally in self._comparer.tallies.items():
            if role == "noise":
                continue
            rows[route, version, "agrees", ""] = tally.pairs - tally.disagreements - tally.sampled
            if tally.sampled:
                rows[route, version, "agrees", "sample"] = tally.sampled
            rows.update({(route, version, "differs", kind): n for kind, n in tally.kinds.items()})
            rows.update({(route, version, "lost", reason): n for reason, n in tally.lost.items()})
        for source in (self._comparer.unpaired_by_version, self.counters.shadow_dropped):
            for (route, version, reason), n in source.items():
                rows[route, version, "lost", reason] += n
        return rows

    @property
    def due(self) -> Mapping[str, int]:
        """Pairs that were due, by route; copies that were not sent are not in them."""
        return MappingProxyType(self._comparer.due)

    @property
    def waiting(self) -> Mapping[str, int]:
        """Due pairs that wait for their copy, by route."""
        return MappingProxyType(self._comparer.waiting)

    def unbalanced(self, route: str) -> int:
        """Due pairs of `route` without a result that do not wait either: 0, or this program has a mistake."""
        return self._comparer.unbalanced(route)

    @property
    def unread_requests(self) -> Mapping[tuple[str, str, str, str], str]:
        """An example of unreadable bodies: the last request's id, by (route, version, side, reason)."""
        return MappingProxyType(self._unread_requests)

    @property
    def lost_requests(self) -> Mapping[tuple[str, str, str], str]:
        """An example of lost pairs: the last request's id, by (route, version, reason)."""
        return MappingProxyType(self._comparer.lost_requests)

    @property
    def unpaired(self) -> dict[str, int]:
        """Copies that never met their reference, by reason."""
        return self._comparer.unpaired()

    def uncompared(self, route: str, version: str | None) -> int:
        """Copies for `version` that were due and not compared: dropped, never paired, or lost."""
        key = (route, version)
        dropped = sum(n for (r, v, _), n in self.counters.shadow_dropped.items() if (r, v) == key)
        return dropped + self.unpaired_copies(route, version) + self.lost_elsewhere[key]

    def unpaired_copies(self, route: str, version: str | None) -> int:
        """Those among them that were sent: never paired, or lost."""
        lost = self.agreement(route, version, "shadow").lost.total() if version is not None else 0
        return self._comparer.unpaired_of(route, version) + lost

    def bad_events(self, route: str, version: str) -> dict[str, tuple[int, int]]:
        """Bad events of `version` as the primary of `route` since the start, and the observations that they are among,
        by metric; one without observations is left out."""
        key = (route, version, "primary")
        arm = self.counters.arms.get(key)
        counts = {metric: (arm.outcomes[bad], arm.counted) for metric, bad in OUTCOME_METRICS.items()} if arm else {}
        invalid = sum(bad for (*whose, _), bad in self.content.invalid.items() if tuple(whose) == key)
        counts["invalid_rate"] = invalid, self.content.analysed[key]
        return {metric: (bad, n) for metric, (bad, n) in counts.items() if n}

    def latency(self, route: str, version: str, role: Role, q: float, now: float) -> float | None:
        """The q-quantile of the total latency over the last minute, in seconds; None without data."""
        arm = self.counters.arms.get((route, version, role))
        return arm.recent_total.quantile(q, now) if arm else None


def _histograms() -> tuple[Histogram, Histogram]:
    return Histogram(), Histogram()
