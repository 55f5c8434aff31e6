"""The routes that are watched: their comparisons and their rows, and what is known of each.

| call, of one route | returns |
|---|---|
| `evidence(route, now)` | one `Evidence` for each limit of each candidate, in order; n = 0 before any data |
| `baseline_evidence(route)`, `baseline_silence(route)` | the same of its baseline; legs that it should have had |
| `findings(route)` | world or model: one `Finding` for each candidate and shadow |
| `drift(route)`, `shape(route, row)` | a `Drift` for each feature of each stream, and the distributions behind one |
| `proposed(route)` | identifiers and times among its features |
| `profile(route)`, `violations(route)` | the reference profile in force; broken rules of the data contract |
| `identity_changes(route)`, `answerers.of(route)` | changes of models since the last call; who answers at present |
| `agreement(route, version, role)`, `examples(route, version)` | pairs compared; the worst disagreements, redacted |
| `bad_events(route, version)`, `latency(route, version, role, q, now)` | figures of one arm |
| `snapshot(route)`, `restore(route, snapshots)` | evidence as bytes for the next process, and back |

A breach is at `log_breach` ≥ ln(1/guard.false_alarm): the limits of a scorecard share `false_alarm` already.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain

from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.identity import IdentityChange
from proxy.contracts.metrics import of_kind
from proxy.contracts.settings import DEFAULT_ANALYSIS, Analysis, Guard, Limit
from proxy.contracts.table import Protocol, Role
from proxy.stats.comparison import Comparison, ComparisonKey, PrimaryHistory, keys_of
from proxy.stats.diagnosis import Finding, diagnose
from proxy.stats.drift.figures import BinnedRows, Drift, FeatureShape
from proxy.stats.drift.profile import BodySide, Profile
from proxy.stats.drift.recognition import Recognised
from proxy.stats.drift.streams import Streams
from proxy.stats.identity.answerers import Answerers
from proxy.stats.look import Tap
from proxy.stats.plain_shadows import PlainShadows
from proxy.stats.snapshot import fits, freeze, thaw
from proxy.stats.totals import BOUNDS, Totals

DEFAULT_MAX_PSI = 0.2
"""PSI above which a distribution is commonly called shifted (Siddiqi, Credit Risk Scorecards, 2006)."""


class WatchedRoutes(Totals):
    """Routes by name. `tap` hears of what is counted."""

    __slots__ = ("_baselines", "_comparisons", "_histories", "_left_out", "_shadows", "_streams", "_tap", "answerers")

    def __init__(self, labels: int, memory: int, tap: Tap | None) -> None:
        super().__init__(labels, memory)
        self._tap = tap
        self.answerers = Answerers()
        self._histories: defaultdict[tuple[str, str, int], PrimaryHistory] = defaultdict(PrimaryHistory)
        self._comparisons: dict[str, tuple[Comparison, ...]] = {}
        self._baselines: dict[str, tuple[str, Guard] | None] = {}
        self._streams: dict[str, tuple[tuple[Analysis, Protocol], Streams]] = {}
        self._shadows = PlainShadows()
        self._left_out: Counter[str] = Counter(dict.fromkeys(BOUNDS, 0))

    def watch(
        self,
        route: str,
        candidates: tuple[str, ...],
        primary: str,
        guard: Guard,
        protocol: Protocol,
        now: float,
        analysis: Analysis = DEFAULT_ANALYSIS,
    ) -> None:
        """Sets the candidates that are judged on `route`, each against `primary` or its baseline
        (`use_baseline`), and how bodies are analysed.

        A comparison whose key (candidate, primary, guard, protocol, baseline, prices) was watched before goes on; any
        other begins new, but for what does not depend on a baseline (`Comparison.take_over`).
        Streams and profile begin new with another `analysis` or `protocol`. Without candidates only the primary's
        history is learnt; the first candidate meets the history from before its time, each further one a new history.
        """
        before = self._comparisons.get(route, ())
        keys = keys_of(candidates, primary, guard, protocol, self._baselines.get(route), self.prices)
        # A baseline meets the primary's history from before its time, as the first candidate does.
        places = (0 if key.of_baseline else place for place, key in enumerate(keys))
        found = [self._comparison(route, key, place, before) for key, place in zip(keys, places, strict=True)]
        self._comparisons[route] = tuple(found)
        for gone in (comparison for comparison in before if comparison.key not in keys):
            self._left_out.update(gone.left_out)
        current = self._streams.get(route)
        if current is None or current[0] != (analysis, protocol):
            self._comparer.forget(route)
            self._left_out.update(current[1].left_out if current else {})
            self._streams[route] = (
                (analysis, protocol),
                Streams(analysis.reference, analysis.detectors, analysis.ignore, self._on_binned(route)),
            )

    def _on_binned(self, route: str) -> Callable[[BinnedRows], None] | None:
        tap = self._tap
        return None if tap is None else lambda rows: tap.on_binned(route, rows)

    def use_baseline(self, route: str, baseline: tuple[str, Guard] | None) -> None:
        """From the next `watch` on, judges the candidates of `route` against this version, and the version itself by
        its guard against the primary; None: there is no baseline."""
        self._baselines[route] = baseline

    def _comparison(self, route: str, key: ComparisonKey, place: int, before: tuple[Comparison, ...]) -> Comparison:
        """The comparison of `key`: one of those before, or a new one."""
        known = next((comparison for comparison in before if comparison.key == key), None)
        if known is not None:
            return known
        history = self._histories[route, key.reference, place]
        made = Comparison(key, history, self.uncompared(route, key.candidate))
        akin = (each for each in before if replace(each.key, baseline=key.baseline) == key)
        if (other := next(akin, None)) is not None:
            made.take_over(other)
        return made

    def use_profile(self, route: str, profile: Profile) -> None:
        """Judges drift of a watched route against `profile`; a side that it lacks is still learnt."""
        self._streams[route][1].use_profile(profile)

    def profile(self, route: str) -> Profile:
        """The reference profile in force; a side that is still being learnt is empty."""
        streams = self._streams_of(route)
        return streams.profile if streams else Profile()

    def _streams_of(self, route: str) -> Streams | None:
        current = self._streams.get(route)
        return current[1] if current else None

    def _analysis(self, route: str) -> Analysis | None:
        current = self._streams.get(route)
        return current[0][0] if current else None

    def identity_changes(self, route: str) -> list[IdentityChange]:
        """The versions under whose name another model answers than before, since the last call. One that several
        candidates are judged against comes once."""
        changes = (change for each in self._comparisons.get(route, ()) for change in each.identity_changes())
        return list({change.version: change for change in changes}.values())

    def wavering(self, route: str) -> bool:
        """Whether the newest answers name a model that is not known yet: a verdict may be about another one."""
        return any(each.wavering for each in self._comparisons.get(route, ()))

    def may_begin_anew(self, route: str, version: str) -> bool:
        """Whether the evidence that rests on `version` has not begun anew too often."""
        return all(each.may_begin_anew for each in self._comparisons.get(route, ()) if version in each.identities)

    def restarts(self, route: str) -> dict[str, int]:
        """How often the evidence about each candidate began anew because of another model."""
        return {candidate: each.restarts for candidate, each in self._judged(route)}

    def begin_anew(self, route: str, version: str) -> None:
        """Drops what rests on a model that answers no more under the name of `version`: evidence, a primary's history
        and learnt predictions, drift, scores, predictions that wait for labels, and examples."""
        begun: list[Comparison] = []
        for index, each in enumerate(self._comparisons.get(route, ())):
            if version in each.identities:
                self._left_out.update(each.left_out)
                place = 0 if each.key.of_baseline else index
                if each.key.reference == version:
                    self._histories[route, version, place] = PrimaryHistory()
                history = self._histories[route, each.key.reference, place]
                each = each.anew(history, self.uncompared(route, each.key.candidate))
            begun.append(each)
        self._comparisons[route] = tuple(begun)
        if streams := self._streams_of(route):
            streams.forget(version, any(each.key.primary == version for each in begun))
        self._scorer.forget(route, version)
        self._shadows.forget(route, *(() if any(each.key.primary == version for each in begun) else (version,)))
        self._comparer.forget(route)

    def _judged(self, route: str) -> list[tuple[str, Comparison]]:
        """The candidates of a route with their comparisons; without a candidate only the primary is learnt."""
        comparisons = [each for each in self._comparisons.get(route, ()) if not each.key.of_baseline]
        return [(each.key.candidate, each) for each in comparisons if each.key.candidate is not None]

    def findings(self, route: str) -> tuple[Finding, ...]:
        """World or model: one finding for each candidate, then for each shadow that nothing judges."""
        pairs = self._shadows.beside(route, {name: each.disagreement for name, each in self._judged(route)})
        return tuple(diagnose(self.drift(route), each, version) for version, each in pairs.items())

    def evidence(self, route: str, now: float) -> tuple[Evidence, ...]:
        """One line for each limit of each candidate's scorecard, candidates in their order; empty without one."""
        judged = self._judged(route)
        needs_drift = any(metric.name in each.key.guard.scorecard for _, each in judged for metric in of_kind("drift"))
        drifts = self.drift(route) if needs_drift else []
        return tuple(line for judgement in judged for line in self._evidence_of(route, *judgement, drifts))

    def baseline_evidence(self, route: str) -> tuple[Evidence, ...]:
        """As `evidence`, of the route's baseline against its primary; empty without one."""
        judged = [each for each in self._comparisons.get(route, ()) if each.key.of_baseline]
        return tuple(line for each in judged for line in self._evidence_of(route, each.key.candidate or "", each, []))

    def baseline_silence(self, route: str) -> float:
        """The legs that a route's baseline should have had since its last one; 0 without a baseline."""
        return max((each.silence for each in self._comparisons.get(route, ())), default=0.0)

    def _evidence_of(self, route: str, candidate: str, each: Comparison, drifts: list[Drift]) -> tuple[Evidence, ...]:
        inconclusive = self._scorer.inconclusive(route, candidate, each.key.primary, each.key.baseline)
        return each.evidence(drifts, self._lost(route, each), inconclusive)

    def snapshot(self, route: str) -> list[bytes]:
        """The state of each comparison of `route`, in order, for a later process."""
        return [freeze(each, self._lost(route, each)) for each in self._comparisons.get(route, ())]

    def restore(self, route: str, snapshots: Iterable[bytes]) -> None:
        """Fills the fresh comparisons of `route` with the snapshots of an earlier process; those of candidates that
        have left since are passed over. Raises SnapshotError."""
        waiting = list(snapshots)
        for comparison in self._comparisons.get(route, ()):
            while len(waiting) > 1 and not fits(comparison, waiting[0]):
                del waiting[0]
            if waiting:
                lost = thaw(comparison, waiting.pop(0))
                comparison.unseen = self.uncompared(route, comparison.key.candidate) - lost
                self.answerers.adopt(route, comparison.identities)

    def _lost(self, route: str, comparison: Comparison) -> int:
        """Copies that were due and not compared since the comparison began."""
        return self.uncompared(route, comparison.key.candidate) - comparison.unseen

    def drift(self, route: str) -> list[Drift]:
        """Every feature of every stream of `route`; `drifted` at the scorecard's `max_psi`, or `DEFAULT_MAX_PSI`."""
        streams, comparisons = self._streams_of(route), self._comparisons.get(route)
        if streams is None or not comparisons:
            return []
        lines = comparisons[0].key.guard.scorecard
        return streams.drift(
            {m.side: lines.get(m.name, Limit()).max_psi or DEFAULT_MAX_PSI for m in of_kind("drift") if m.side}
        )

    def proposed(self, route: str) -> list[Recognised]:
        """Identifiers and times among its features, which `analysis.ignore` should name."""
        streams = self._streams_of(route)
        return streams.proposed if streams else []

    def shape(self, route: str, row: Drift) -> FeatureShape | None:
        """The reference and live distributions behind a row of `drift`."""
        streams = self._streams_of(route)
        return streams.shape(row) if streams else None

    def violations(self, route: str) -> dict[tuple[str, Role, str], int]:
        """Broken rules of the data contract, by version, role and rule."""
        return dict(self._streams[route][1].violations) if route in self._streams else {}

    def missing(self, route: str) -> dict[tuple[str, Role, BodySide], int]:
        """Values of features that are none, by version, role and side."""
        return dict(self._streams[route][1].missing) if route in self._streams else {}

    def bounds_reached(self) -> dict[str, int]:
        """Counts of what each full bound left out (`BOUNDS`); verdicts rest on the rest."""
        left_out = self._left_out.copy()
        for _, streams in self._streams.values():
            left_out.update(streams.left_out)
        for comparison in chain.from_iterable(self._comparisons.values()):
            left_out.update(comparison.left_out)
        left_out["classes"] += sum(score.beyond_classes for score in self._scorer.scores.values())
        left_out["questions"] += self._comparer.questions.left_out
        left_out["identities"] += self.answerers.left_out
        left_out["texts"] += self._comparer.left_out
        left_out["early_labels"] += self._scorer.labels.forgotten
        left_out["sticky_keys"] += sum(
            rate.sticky.forgotten for history in self._histories.values() for rate in history.rates.values()
        )
        return dict(left_out)
