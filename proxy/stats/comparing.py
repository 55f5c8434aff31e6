"""Answers to the same request side by side: what was compared, what was not, and the worst of it."""

from __future__ import annotations

from collections import Counter, defaultdict

from msgspec import Struct

from proxy.contracts.observation import Observation
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.stats.agreement import Tally, compare
from proxy.stats.examples import Example, Examples
from proxy.stats.pairing import Pairing


class Compared(Struct, frozen=True, gc=False):
    """A shadow's answer beside the primary's (`differs`), or beside that of the noise copy too (`noise`: does that one
    differ from the primary's)."""

    route: str
    version: str
    differs: bool
    noise: bool | None = None


class Comparing:
    """Pairs, tallies by (route, version, role), examples by (route, version)."""

    __slots__ = ("_examples", "_noisy", "_pairing", "tallies")

    def __init__(self) -> None:
        self._pairing = Pairing()
        self._examples: dict[tuple[str, str], Examples] = {}
        self._noisy: set[str] = set()
        self.tallies: defaultdict[tuple[str, str, Role], Tally] = defaultdict(Tally)

    def update(self, seen: Observation, analysis: Analysis, now: float) -> list[Compared]:
        """What `seen` completes."""
        pairs = self._pairing.update(seen, now)
        return [found for pair in pairs for found in self._compare(*pair, analysis)] if pairs else []

    def expire(self, now: float) -> None:
        """Gives up on legs that waited too long."""
        self._pairing.expire(now)

    def _compare(self, reference: Observation, copy: Observation, analysis: Analysis) -> list[Compared]:
        difference = compare(reference, copy, analysis.tolerance)
        if difference is None:
            return []
        self.tallies[copy.route, copy.version, copy.role].update(difference)
        if copy.role == "noise":
            self._noisy.add(copy.route)
        elif difference.disagree:
            key = copy.route, copy.version
            if key not in self._examples:
                self._examples[key] = Examples(analysis.redact)
            self._examples[key].update(reference, copy, difference)
        if copy.route not in self._noisy:
            return [Compared(copy.route, copy.version, difference.disagree)]
        beside = self._pairing.beside_noise(copy, difference.disagree)
        met = [Compared(copy.route, version, shadow, noise) for version, shadow, noise in beside]
        return met if copy.role == "noise" else [Compared(copy.route, copy.version, difference.disagree), *met]

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
