"""Answers to the same request side by side: counts of those compared and those lost, and the worst disagreements."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import compress

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.leg_join import MAX_HELD_BYTES, ExchangeKey
from proxy.contracts.observation import Observation
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.compare_batch import BatchDifferences, compare_alike, compare_batch
from proxy.stats.agreement.examples import Example, Examples
from proxy.stats.agreement.pairing import Pair, Pairing
from proxy.stats.agreement.questions import Question, Questions
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.settle import settle
from proxy.stats.agreement.tally import AgreementTally, AnswerDifference
from proxy.stats.alike_join import AlikePairs
from proxy.stats.arrays import Floats
from proxy.stats.grouped import grouped

MIN_BATCH = 8
"""Pairs from which on it is cheaper to compare them in one go."""


MAX_DIFFERING = 4096
"""Exchanges that differ of which nobody has asked yet, the newest."""


class PairResult(Struct, frozen=True, gc=False):
    """Compared answers of one shadow: their counts, or one of them beside the noise copy of the same request."""

    route: str
    version: str
    """The shadow's version."""
    pairs: int = 0
    """Answers compared with the primary's."""
    disagreed: int = 0
    """Answers among them that disagree."""
    noise_pair: tuple[bool, bool] | None = None
    """(The shadow's answer disagrees, the noise copy's answer disagrees); None for counts."""


class Comparer:
    """Brings pairs together, compares them, and keeps tallies and the worst examples of each shadow. `max_bytes`: of
    pairs that wait.

    >>> from proxy.contracts.observation import Tensor
    >>> facts = {"exchange": 1, "request_id": "a", "route": "r", "share": 1.0, "status": 200, "failure": ""}
    >>> times = {"started": 0.0, "first_byte": 0.0, "total": 0.0, "copies": 1}
    >>> one, two = ((Tensor("y", 1, 1, "number", [y]),) for y in (1.0, 2.0))
    >>> primary = Observation(**facts, **times, version="v1", role="primary", outputs=one)
    >>> shadow = Observation(**facts, **times, version="v2", role="shadow", outputs=two)
    >>> comparer = Comparer()
    >>> comparer.update([shadow], Analysis(), now=0.0)
    []
    >>> (result,) = comparer.update([primary], Analysis(), now=0.1)
    >>> result.version, result.pairs, result.disagreed
    ('v2', 1, 1)
    """

    __slots__ = (
        "_differing",
        "_examples",
        "_left_out",
        "_noisy",
        "_pairing",
        "_rules",
        "lost_requests",
        "questions",
        "tallies",
    )

    def __init__(self, max_bytes: int = MAX_HELD_BYTES) -> None:
        self._pairing = Pairing(max_bytes=max_bytes)
        self._examples: dict[tuple[str, str], Examples] = {}
        self._noisy: set[str] = set()
        self._differing: deque[ExchangeKey] = deque(maxlen=MAX_DIFFERING)
        self._left_out = 0
        self._rules: dict[str, AnswerRules] = {}
        self.tallies: defaultdict[tuple[str, str, Role], AgreementTally] = defaultdict(AgreementTally)
        """Tallies by (route, version, role); role `noise` is the primary against itself."""
        self.questions = Questions()
        """Pairs that wait for the score of a judge."""
        self.lost_requests: dict[tuple[str, str, str], str] = {}
        """The last request whose pair was lost, by (route, version, reason)."""

    def wait(self, seconds: float) -> None:
        """For how long an answer waits for the one to compare it with."""
        self._pairing.wait(seconds)

    def update(self, legs: Sequence[Observation], analysis: Analysis, now: float) -> list[PairResult]:
        """Takes legs of one route, version and role; returns the results of the pairs that they complete."""
        pairs = self._pairing.update(legs, now)
        return self._compared(pairs, self._rules_of(legs[0].route, analysis)) if pairs else []

    def update_alike(self, legs: AlikeLegs, analysis: Analysis, now: float) -> list[PairResult]:
        """The same of legs that are alike."""
        alike, pairs = self._pairing.update_alike(legs, now)
        if not alike and not pairs:
            return []
        rules = self._rules_of(legs.route, analysis)
        return [result for each in alike for result in self._compared_alike(each, rules)] + self._compared(pairs, rules)

    def settled(self, analysis: Callable[[str], Analysis | None], now: float) -> list[PairResult]:
        """The results of pairs of which one leg came alike with others and the other one by itself; to be asked for
        when the batch is over. `analysis` is that of a route."""
        results: list[PairResult] = []
        for route, pairs in grouped(self._pairing.settled(now), _route_of).items():
            if (configured := analysis(route)) is not None:
                results += self._compared(pairs, self._rules_of(route, configured))
        return results

    def _compared_alike(self, pairs: AlikePairs, rules: AnswerRules) -> list[PairResult]:
        mine, other = pairs.live.outputs, pairs.copies.outputs
        if len(pairs) >= MIN_BATCH and pairs.copies.role == "shadow" and pairs.copies.route not in self._noisy:
            a = _rows(pairs.live, pairs.live_places)
            differences = compare_alike(mine, other, a, _rows(pairs.copies, pairs.copy_places), rules)
            if differences is not None:
                return [self._count_batch(pairs, differences, rules)]
        return self._compared([pairs.pair(at) for at in range(len(pairs))], rules)

    def _compared(self, pairs: Sequence[Pair], rules: AnswerRules) -> list[PairResult]:
        """The results of pairs of one route."""
        if len(pairs) >= MIN_BATCH and pairs[0][1].route not in self._noisy:
            arms = {(copy.version, copy.role) for _, copy in pairs}
            differences = compare_batch(pairs, rules) if len(arms) == 1 else None
            if differences is not None and pairs[0][1].role == "shadow":
                return [self._count_batch(ListedPairs(pairs), differences, rules)]
        results: list[PairResult] = []
        for reference, copy in pairs:
            rules.learn(reference)
            left_out = rules.left_out
            settled = settle(reference, copy, rules)
            if isinstance(settled, AnswerDifference):
                if rules.left_out > left_out:
                    settled = replace(settled, sampled=True)
                if self.questions.hold(reference, copy, settled, rules):
                    continue
                self._count(reference, copy, settled, rules, results)
            elif settled is not None:
                self._lose(copy, settled)
        return results

    def _rules_of(self, route: str, analysis: Analysis) -> AnswerRules:
        rules = self._rules.get(route)
        if rules is None or (rules.analysis is not analysis and rules.analysis != analysis):
            self._left_out += rules.left_out if rules else 0
            rules = self._rules[route] = AnswerRules(analysis)
        return rules

    def on_judged(self, question: Question, score: float | None) -> list[PairResult]:
        """The results of a pair that waited for a judge; None: it has no score."""
        self.questions.settle(question)
        if self._rules.get(question.copy.route) is not question.rules:
            self._lose(question.copy, "replaced")  # another configuration, or another model, is compared by now
            return []
        results: list[PairResult] = []
        found = question.result(score)
        if found.lost:
            self._lose(question.copy, found.lost)
        else:
            self._count(question.reference, question.copy, found, question.rules, results)
        return results

    def _count_batch(
        self, pairs: ListedPairs | AlikePairs, differences: BatchDifferences, rules: AnswerRules
    ) -> PairResult:
        kind, disagree, shift = differences
        route, version, role = pairs.arm
        self.tallies[route, version, role].update_batch(kind, disagree, shift)
        disagreed = list(compress(range(len(pairs)), disagree))
        self._differing += pairs.keys(disagreed)
        if disagreed:
            examples = self._examples_of(route, version, rules)
            for at in examples.wanted(disagreed, shift):
                if examples.wants(shift[at] if shift else None):
                    usual = AnswerDifference(True, kind, shift[at] if shift else None)
                    pair = pairs.pair(at)
                    examples.update(*pair, compare(*pair, rules) or usual)
        return PairResult(route, version, len(pairs), len(disagreed))

    def differing(self) -> list[ExchangeKey]:
        """The exchanges whose copies were found to differ since the last call, the newest of them."""
        found = list(self._differing)
        self._differing.clear()
        return found

    def _lose(self, copy: Observation, reason: str) -> None:
        self.tallies[copy.route, copy.version, copy.role].lost[reason] += 1
        self.lost_requests[copy.route, copy.version, reason] = copy.request_id

    @property
    def left_out(self) -> int:
        """Texts, rated rows and boxes of answers that were not among those that were compared. Monotone."""
        return self._left_out + sum(rules.left_out for rules in self._rules.values())

    def expire(self, now: float) -> None:
        """Gives up on legs that waited longer than any leg lives."""
        self._pairing.expire(now)

    def unbalanced(self, route: str) -> int:
        """Due pairs of `route` that neither wait nor have a result: 0, or there is a mistake in this program."""
        settled = sum(tally.pairs + tally.lost.total() for (name, _, _), tally in self.tallies.items() if name == route)
        given_up = sum(n for (name, _, _), n in self._pairing.unpaired.items() if name == route)
        return self._pairing.due[route] - self._pairing.waiting[route] - settled - given_up - self.questions.held[route]

    @property
    def due(self) -> Mapping[str, int]:
        """Pairs that were due, by route."""
        return self._pairing.due

    @property
    def waiting(self) -> Mapping[str, int]:
        """Due pairs that wait for their copy, by route."""
        return self._pairing.waiting

    @property
    def unpaired_by_version(self) -> Mapping[tuple[str, str, str], int]:
        """Due pairs given up, by (route, version, reason)."""
        return self._pairing.unpaired

    def _count(
        self,
        reference: Observation,
        copy: Observation,
        difference: AnswerDifference,
        rules: AnswerRules,
        results: list[PairResult],
    ) -> None:
        route, version, role = copy.route, copy.version, copy.role
        self.tallies[route, version, role].update(difference)
        if role == "noise":
            self._noisy.add(route)
        else:
            results.append(PairResult(route, version, 1, int(difference.disagree)))
            if difference.disagree:
                self._differing.append((copy.source, copy.exchange))
                self._examples_of(route, version, rules).update(reference, copy, difference)
        if route in self._noisy:
            noise_pairs = self._pairing.noise_pairs(copy, difference.disagree)
            results += [
                PairResult(route, shadow, noise_pair=(differs, noise)) for shadow, differs, noise in noise_pairs
            ]

    def _examples_of(self, route: str, version: str, rules: AnswerRules) -> Examples:
        key = route, version
        if key not in self._examples:
            self._examples[key] = Examples(rules.analysis.redact)
        return self._examples[key]

    def worst(self, route: str, version: str) -> list[Example]:
        """The worst disagreements of a shadow, worst first, redacted."""
        examples = self._examples.get((route, version))
        return examples.worst() if examples else []

    def forget(self, route: str) -> None:
        """Drops the examples of `route`, because the redaction rules changed."""
        for key in [key for key in self._examples if key[0] == route]:
            del self._examples[key]
        gone = self._rules.pop(route, None)
        self._left_out += gone.left_out if gone else 0

    def unpaired(self) -> dict[str, int]:
        """Copies that never met their reference, by reason."""
        reasons: Counter[str] = Counter()
        for (_, _, reason), count in self._pairing.unpaired.items():
            reasons[reason] += count
        return dict(reasons)

    def unpaired_of(self, route: str, version: str | None) -> int:
        """Copies for `version` that never met their reference."""
        return sum(n for (r, v, _), n in self._pairing.unpaired.items() if (r, v) == (route, version))


class ListedPairs:
    """Pairs of one arm, each by itself, as `AlikePairs` has those that are alike."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def arm(self) -> tuple[str, str, Role]:
        copy = self._pairs[0][1]
        return copy.route, copy.version, copy.role

    def pair(self, at: int) -> Pair:
        return self._pairs[at]

    def keys(self, places: Sequence[int]) -> list[ExchangeKey]:
        return [(self._pairs[at][1].source, self._pairs[at][1].exchange) for at in places]


def _rows(legs: AlikeLegs, places: Sequence[int]) -> Floats:
    """The values of answers, shape (places, width)."""
    table: Floats = np.frombuffer(legs.output_rows).reshape(len(legs), -1)[places]
    return table


def _route_of(pair: Pair) -> str:
    return pair[1].route
