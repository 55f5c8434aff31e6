"""Answers to the same request side by side: what was compared, what was not, and the worst of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import compress

from msgspec import Struct

from proxy.contracts.observation import Observation
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.stats.agreement.compare import AgreementTally, AnswerDifference, compare
from proxy.stats.agreement.compare_batch import BatchDifferences, compare_many
from proxy.stats.agreement.examples import Example, Examples
from proxy.stats.agreement.pairing import Pair, Pairing

MANY = 8
"""Pairs from which on it is cheaper to compare them in one go."""


class PairResult(Struct, frozen=True, gc=False):
    """Answers of a shadow beside the primary's: so many `pairs`, of which `disagreed`; `beside` the noise copy of the
    same request: (the shadow's differs, the noise copy's differs)."""

    route: str
    version: str
    pairs: int = 0
    disagreed: int = 0
    noise_pair: tuple[bool, bool] | None = None


class Comparer:
    """Pairs, tallies by (route, version, role), examples by (route, version)."""

    __slots__ = ("_examples", "_noisy", "_pairing", "tallies")

    def __init__(self) -> None:
        self._pairing = Pairing()
        self._examples: dict[tuple[str, str], Examples] = {}
        self._noisy: set[str] = set()
        self.tallies: defaultdict[tuple[str, str, Role], AgreementTally] = defaultdict(AgreementTally)

    def update(self, legs: Sequence[Observation], analysis: Analysis, now: float) -> list[PairResult]:
        """What `legs` (of one route, version and role) complete."""
        pairs = self._pairing.update(legs, now)
        if len(pairs) >= MANY and legs[0].route not in self._noisy:
            arms = {(copy.version, copy.role) for _, copy in pairs}
            differences = compare_many(pairs, analysis.tolerance) if len(arms) == 1 else None
            if differences is not None and pairs[0][1].role == "shadow":
                return [self._count_many(pairs, differences, analysis)]
        found: list[PairResult] = []
        for reference, copy in pairs:
            difference = compare(reference, copy, analysis.tolerance)
            if difference is not None:
                self._count(reference, copy, difference, analysis, found)
        return found

    def _count_many(self, pairs: Sequence[Pair], differences: BatchDifferences, analysis: Analysis) -> PairResult:
        kind, disagree, shift = differences
        copy = pairs[0][1]
        self.tallies[copy.route, copy.version, copy.role].update_many(kind, disagree, shift)
        disagreed = list(compress(range(len(pairs)), disagree))
        if disagreed:
            examples = self._examples_of(copy, analysis)
            for at in disagreed:
                if examples.wants(shift[at] if shift else None):
                    examples.update(*pairs[at], AnswerDifference(True, kind, shift[at] if shift else None))
        return PairResult(copy.route, copy.version, len(pairs), len(disagreed))

    def expire(self, now: float) -> None:
        """Gives up on legs that waited too long."""
        self._pairing.expire(now)

    def _count(
        self,
        reference: Observation,
        copy: Observation,
        difference: AnswerDifference,
        analysis: Analysis,
        found: list[PairResult],
    ) -> None:
        route, version, role = copy.route, copy.version, copy.role
        self.tallies[route, version, role].update(difference)
        if role == "noise":
            self._noisy.add(route)
        else:
            found.append(PairResult(route, version, 1, int(difference.disagree)))
            if difference.disagree:
                self._examples_of(copy, analysis).update(reference, copy, difference)
        if route in self._noisy:
            noise_pairs = self._pairing.noise_pairs(copy, difference.disagree)
            found += [PairResult(route, shadow, noise_pair=(differs, noise)) for shadow, differs, noise in noise_pairs]

    def _examples_of(self, copy: Observation, analysis: Analysis) -> Examples:
        key = copy.route, copy.version
        if key not in self._examples:
            self._examples[key] = Examples(analysis.redact)
        return self._examples[key]

    def worst(self, route: str, version: str) -> list[Example]:
        """The worst disagreements of a shadow, worst first, redacted."""
        kept = self._examples.get((route, version))
        return kept.worst() if kept else []

    def forget(self, route: str) -> None:
        """Drops the examples of `route`: what may be shown of them has changed."""
        for key in [key for key in self._examples if key[0] == route]:
            del self._examples[key]

    def unpaired(self) -> dict[str, int]:
        """Copies that never met their reference, by reason."""
        reasons: Counter[str] = Counter()
        for (_, _, reason), count in self._pairing.unpaired.items():
            reasons[reason] += count
        return dict(reasons)

    def unpaired_of(self, route: str, version: str | None) -> int:
        """Copies for `version` that never met their reference."""
        return sum(n for (r, v, _), n in self._pairing.unpaired.items() if (r, v) == (route, version))
