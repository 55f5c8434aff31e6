"""The one door to statistics: ticks, observations and labels in; evidence, counts and drift out.

Data in:

| call | when | what it does |
|---|---|---|
| `watch(route, candidates, primary, …)` | a live state may have changed | begins new comparisons where it did |
| `use_baseline(route, baseline)` | before `watch` | judges candidates against it, not against the primary |
| `prices` | before `watch` | what the tokens of each version cost, as configured |
| `use_profile(route, profile)` | a profile file was read | judges drift against it, not against a learnt profile |
| `on_tick(tick, now)` | a tick arrived; once for each | counts legs, errors and latencies |
| `on_observations(observations, now, alike)` | a batch of records was decoded | compares, bins, keeps predictions |
| `on_label(request_id, label, now)` | a label arrived | scores; returns what became of the label |
| `on_time(now)` | several times a second | counts rows that waited long enough |
| `questions()`, `on_judged(question, score)` | texts differ, and a judge is configured | asks, and takes the score |
| `begin_anew(route, version)` | another model answers under a version | drops what rests on the one before |
| `on_lost_records(count, reason)` | records could not be analysed | counts them as dropped |
| `on_look(look, now)` | a judge summed what a fleet counted | counts it; instead of ticks and observations |

Knowledge out, of one route: `stats.watched` has the table.

For /metrics, monotone whatever is judged: `counters`, `content`, `tokens`, `usage`, `untold`, `costs`, `scores`, and
losses by reason (`stats.totals`).

`now` is monotonic seconds. No method raises on a tick or an observation that decodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.identity import in_bodies
from proxy.contracts.leg_join import ExchangeKey
from proxy.contracts.observation import Observation
from proxy.contracts.record import Tick
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.agreement.questions import Question
from proxy.stats.counts.asked_nothing import AskedNothing
from proxy.stats.counts.content import ContentCounts
from proxy.stats.door import admitted
from proxy.stats.drift.figures import RowCounts
from proxy.stats.evidence.answer_measures import measured, measures
from proxy.stats.grouped import grouped
from proxy.stats.look import Look, Tap
from proxy.stats.quality.label_join import MAX_WAITING_REQUESTS, LabelledPrediction, LabelOutcome
from proxy.stats.totals import AMPLE_MEMORY
from proxy.stats.watched import WatchedRoutes

FLUSH_SECONDS = 0.25
"""Seconds between two looks at the rows that wait to be counted. Rows wait for about a second, and each look walks over
all routes."""


FLUSHED_AT_ONCE = 1 << 20
"""Bytes of rows that one look counts before it leaves the other routes to the next one: a few milliseconds."""


class Board(WatchedRoutes):
    """All statistics of one control process. `labels`: requests whose predictions may wait for a label at a time. `tap`
    hears of what is counted.

    >>> from proxy.contracts.record import ArmTick
    >>> from proxy.contracts.settings import Guard, Limit
    >>> board = Board()
    >>> board.watch("r", ("v2",), "v1", Guard({"error_rate": Limit(max_ratio=1.5)}), "json", now=0.0)
    >>> primary = ArmTick("r", "v1", "primary", 0.9, {"200": 890, "500": 10})
    >>> canary = ArmTick("r", "v2", "canary", 0.1, {"200": 60, "500": 40})
    >>> board.on_tick(Tick(0, "a", 1, 1, arms=[primary, canary]), now=1.0)
    >>> (line,) = board.evidence("r", now=1.0)
    >>> line.metric, line.limit, line.value, line.n, line.log_breach > 6.9  # ln(1/false_alarm)
    ('error_rate', 'max_ratio', 0.4, 100, True)
    """

    __slots__ = ("_asked_nothing", "_flushed", "_unflushed")

    def __init__(self, labels: int = MAX_WAITING_REQUESTS, memory: int = AMPLE_MEMORY, tap: Tap | None = None) -> None:
        super().__init__(labels, memory, tap)
        self._asked_nothing = AskedNothing()
        self._flushed = -FLUSH_SECONDS
        self._unflushed: list[str] = []

    def on_tick(self, tick: Tick, now: float) -> None:
        """Counts a tick. The caller sees to it that each tick comes once."""
        self.counters.update(tick, now)
        for route, arms in grouped((arm for arm in tick.arms if arm.inference), _ROUTE).items():
            for comparison in self._comparisons.get(route, ()):
                comparison.on_arms(arms, now)
            self.answerers.add_arms(route, arms)
        self._on_identities(now)

    def on_look(self, look: Look, now: float) -> None:
        """Counts what a fleet counted since the last look: one look of every test."""
        self.on_tick(look.tick, now)
        for route, counts in look.routes.items():
            streams = self._streams_of(route)
            for version, lost in counts.lost.items():
                self.lost_elsewhere[route, version] += lost
            if streams is not None:
                streams.add_binned(counts.binned, now)
            self._on_pairs(counts.pairs)
            self._on_rows(route, counts.rows, now)
            for comparison in self._comparisons.get(route, ()):
                comparison.on_content(counts.contents, now)
                comparison.on_measured(counts.measured, now)
                comparison.on_identities(counts.identities)

    def on_lost_records(self, count: int, reason: str = "internal") -> None:
        """Counts records that reached control and could not be analysed."""
        self.counters.drop_records(reason, count)

    def on_observations(self, observations: Iterable[Observation], now: float, alike: Sequence[AlikeLegs] = ()) -> None:
        """Takes a batch of decoded records through every pipeline: pairs, rows, predictions, tokens. Only inferences
        are evidence. `alike`: those of the batch that are alike."""
        compared: list[PairResult] = []
        contents: defaultdict[str, list[ContentCounts]] = defaultdict(list)
        for each in alike:
            compared += self._on_alike(each, contents, now)
        inferences = self._asked_nothing.update([admitted(leg) for leg in observations if leg.inference], now)
        for (route, *_), legs in grouped(inferences, _ARM).items():
            current = self._streams.get(route)
            if current is None:
                continue
            (analysis, protocol), streams = current
            compared += self._comparer.update(legs, analysis, now)
            if counts := self.content.update(legs):
                contents[route].append(counts)
            if in_bodies(analysis.identity, protocol):
                self.answerers.add_legs(legs, now)
            if rows := streams.update(legs, now):
                self._on_rows(route, rows, now)
            if analysis.wait > 0:
                self._on_labelled(self._scorer.update(legs, analysis.wait, now))
            for leg in self._count_all(legs):
                if leg.text is not None or leg.usage is not None:
                    self._on_tokens(route, leg, now)
            if any(comparison.told for comparison in self._comparisons.get(route, ())):
                for leg in legs:
                    if leg.text is None and leg.usage is None and leg.answered:
                        self._on_tokens(route, leg, now)
        self._on_pairs(compared + self._comparer.settled(self._analysis, now))
        for route, counted in contents.items():
            if self._tap is not None:
                self._tap.on_contents(route, counted)
            for comparison in self._comparisons.get(route, ()):
                comparison.on_content(counted, now)
        self._on_identities(now)
        self._comparer.expire(now)
        self._scorer.labels.expire(now)
        self.on_time(now)

    def _on_alike(
        self, legs: AlikeLegs, contents: defaultdict[str, list[ContentCounts]], now: float
    ) -> list[PairResult]:
        """The same of legs that are alike, without a text among their answers."""
        route, current = legs.route, self._streams.get(legs.route)
        if current is None:
            return []
        (analysis, protocol), streams = current
        compared = self._comparer.update_alike(legs, analysis, now)
        contents[route].append(self.content.update_alike(legs))
        if in_bodies(analysis.identity, protocol):
            self.answerers.add_alike(legs, now)
        if rows := streams.update_alike(legs, now):
            self._on_rows(route, rows, now)
        if analysis.wait > 0:
            self._on_labelled(self._scorer.update_alike(legs, analysis.wait, now))
        if any(comparison.told for comparison in self._comparisons.get(route, ())):
            for leg in legs:
                self._on_tokens(route, leg, now)
        return compared

    def _on_tokens(self, route: str, leg: Observation, now: float) -> None:
        if self._tap is not None:
            self._tap.on_measured(route, measured(leg, measures(self.prices)))
        for comparison in self._comparisons.get(route, ()):
            comparison.on_tokens(leg, now)

    def _on_identities(self, now: float) -> None:
        for route, named in self.answerers.flush(now).items():
            if self._tap is not None:
                self._tap.on_identities(route, named)
            for comparison in self._comparisons.get(route, ()):
                comparison.on_identities(named)

    def _on_pairs(self, compared: list[PairResult]) -> None:
        """One look of a sequential test for all pairs of a batch."""
        if self._tap is not None and compared:
            self._tap.on_pairs(compared)
        for (route, version), pairs in grouped(compared, _VERSION).items():
            judged = [each for each in self._comparisons.get(route, ()) if each.key.candidate == version]
            for comparison in judged:
                comparison.disagreement.update(pairs)
            if not judged:
                self._shadows.update(route, version, pairs)

    def questions(self) -> list[Question]:
        """Pairs of texts that a judge is to be asked about; each must come back by `on_judged`."""
        return self._comparer.questions.take()

    def differing(self) -> list[ExchangeKey]:
        """The exchanges whose copies were found to differ since the last call, the newest of them."""
        return self._comparer.differing()

    def on_judged(self, question: Question, score: float | None) -> None:
        """Takes the score of a pair, 0 to 1; None: there is none."""
        self._on_pairs(self._comparer.on_judged(question, score))

    def on_time(self, now: float) -> None:
        """Counts rows that waited long enough; for times without observations."""
        if not self._unflushed and now - self._flushed < FLUSH_SECONDS:
            return
        if not self._unflushed:
            self._flushed, self._unflushed = now, list(self._streams)
            if self._asked_nothing.held and now - self._asked_nothing.since >= FLUSH_SECONDS:
                self.on_observations((), now)
        done = 0
        while self._unflushed and done < FLUSHED_AT_ONCE:
            if streams := self._streams_of(route := self._unflushed.pop()):
                done += streams.weigh_flush(now)
                self._on_rows(route, streams.flush(now), now)

    def _on_rows(self, route: str, rows: list[RowCounts], now: float) -> None:
        if self._tap is not None and rows:
            self._tap.on_rows(route, rows)
        for comparison in self._comparisons.get(route, ()) if rows else ():
            comparison.on_rows(rows, now)

    def on_label(self, request_id: str, label: Any, now: float, counts_unknown: bool = True) -> LabelOutcome:
        """Joins a late label with the predictions for its request: one value, or a list with one for each row. One that
        is unknown may be another sidecar's, and is not counted where `counts_unknown` says so."""
        outcome, labelled = self._scorer.on_label(request_id, label, now)
        if outcome == "unknown" and not counts_unknown:
            self.count_unknown(-1)
        self._on_labelled(labelled)
        return outcome

    def count_unknown(self, count: int) -> None:
        """Counts labels that no sidecar of a fleet knows."""
        self._scorer.labels.outcomes["unknown"] += count

    def predicted(self, request_id: str) -> bool:
        """Whether predictions for a request wait for a label, or have it."""
        return self._scorer.labels.knows(request_id)

    def _on_labelled(self, labelled: list[LabelledPrediction]) -> None:
        for prediction in labelled:
            for comparison in self._comparisons.get(prediction.route, ()):
                scores = self._scorer.scores_of(prediction.route, comparison.key.primary)
                comparison.on_label(prediction, scores)


_ROUTE = attrgetter("route")
_ARM = attrgetter("route", "version", "role", "share")
_VERSION = attrgetter("route", "version")
