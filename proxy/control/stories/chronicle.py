"""What happens while something is under judgement, as it happens: exact counts from ticks, failed requests and users
from records, verdicts at even distances, examples of disagreement.

- One story for each time under judgement of a route, from the change that began it to the one that ended it: a release,
  or a canary that is configured or split by hand.
- What is gathered is written each `WRITE_SECONDS`, and with each change: a kill costs no more than that.
- Bounded: `MAX_MOMENTS` verdicts (then every other goes, and they come half as often), failed requests as
  `failed_legs` says, users as `sketch` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from typing import Any

import msgspec

from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.notices import Notice
from proxy.contracts.observation import Observation
from proxy.contracts.record import LegFacts, Record, Tick
from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.story import FleetStory, Moment, MomentLine, StoryCounts, StoryFacts
from proxy.control.route_control import RouteControl
from proxy.control.state.evidence_snapshots import EvidenceSnapshots
from proxy.control.stories.archive import Archive
from proxy.control.stories.counting import count_arm, count_rescued, row_of
from proxy.control.stories.failed_legs import FailedLegs, is_bad
from proxy.control.stories.sketch import put
from proxy.control.stories.troubles import Troubles
from proxy.release import transitions
from proxy.release.audit import plain
from proxy.stats.snapshot import SnapshotError

WRITE_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""Seconds between two looks at what is wrong."""
MAX_MOMENTS = 120
MAX_LINES = 100
"""Lines of a moment that are kept, those that fail first: an A/B test over several routes has hundreds."""
MAX_EXAMPLES = 5
"""Disagreements of a version that a story keeps, the worst."""
LATE_SECONDS = 30.0
"""Seconds after its end for which a story goes on counting what was under way."""

Examples = Callable[[str, str], Iterable[Any]]
"""Route and version to the worst disagreements, redacted."""


class Chronicle:
    """The stories under way. Times are Unix seconds."""

    __slots__ = (
        "_dirty",
        "_due",
        "_examples",
        "_failed",
        "_last",
        "_looked",
        "_open",
        "_states",
        "archive",
        "heard",
        "troubles",
    )

    def __init__(self, archive: Archive, examples: Examples) -> None:
        self.archive, self._examples = archive, examples
        self.heard: Callable[[], Mapping[str, FleetStory]] = dict
        """What the judge of a fleet counted, by route."""
        self._open: dict[str, StoryFacts] = {}
        self._last: dict[str, float] = {}
        self._states: dict[str, RouteState] = {}
        self._failed = FailedLegs()
        self.troubles = Troubles()
        self._dirty: set[str] = set()
        self._due = self._looked = 0.0

    def facts(self, route: str, first: float = 0.0, last: float = inf) -> Iterator[StoryFacts]:
        """The stories of a route that began from `first` to `last`, oldest first; each is read when it is asked for."""
        own, kept = self._open.get(route), self.archive.of(route, first, last)
        if own is not None:
            self._hear(own)
        yield from (each for each in kept if own is None or each.began < own.began)
        if own is not None and first <= own.began <= last:
            yield own

    def latest(self, route: str, last: float) -> StoryFacts | None:
        """The newest story of a route that began until `last`."""
        own = self._open.get(route)
        if own is None or own.began > last:
            return self.archive.latest(route, last)
        self._hear(own)
        return own

    def _hear(self, facts: StoryFacts) -> None:
        """Takes the counts of the whole fleet, which the table has that ended the story too."""
        told = self.heard().get(facts.route)
        if told is not None and set(facts.candidates) <= set(told.candidates) and told.counts != facts.fleet:
            facts.fleet = told.counts
            self._dirty.add(facts.route)

    def begin(self, snapshots: EvidenceSnapshots | None = None) -> None:
        """Takes up what an earlier process was about to tell. Counts are kept with the evidence in `snapshots`, which
        counts the same requests: a kill takes both back to the same moment."""
        if snapshots is not None:
            snapshots.beside = self
        self._open = {facts.route: facts for facts in self.archive.all() if facts.ended is None}

    def follow(self, routes: Mapping[str, RouteControl], at: float) -> None:
        """Follows the states of routes. To be called with each new table."""
        for name, control in routes.items():
            before = self._states.get(name)
            if control.state is not before:
                self._states[name] = control.state
                self._enter(control, at)

    def _enter(self, control: RouteControl, at: float) -> None:
        state, name = control.state, control.state.route
        versions, own = transitions.candidates(state), self._open.get(name)
        going = own is not None and own.ended is None
        anew = own is not None and not transitions.goes_on(own.plan, state)
        if own is not None and going and (anew or not versions or not set(versions) <= set(own.candidates)):
            own.ended = at
            self._note_examples(own)
            self._write(name)
            going = False
        if versions and not going:
            sticky, plan = control.section.sticky is not None, transitions.plan_mark(state)
            self._open[name] = StoryFacts(name, versions, at, sticky=sticky, plan=plan)
            self._last.pop(name, None)
            self._write(name)
        if (told := self._open.get(name)) is not None:
            told.plan = told.plan or transitions.plan_mark(state)
            self._dirty.add(name)
            self._due = 0.0

    def counted(self, route: str) -> bytes:
        """As `Beside` says; what is written of the story is written with the next look."""
        facts, self._due = self._open.get(route), 0.0
        return b"" if facts is None else msgspec.msgpack.encode(facts.counts)

    def recall(self, route: str, counts: bytes) -> None:
        """As `Beside` says. Raises SnapshotError."""
        facts = self._open.get(route)
        try:
            known = msgspec.msgpack.decode(counts, type=StoryCounts)
        except (ValueError, RecursionError) as error:
            raise SnapshotError(str(error)) from error
        if facts is not None and facts.began == known.began:
            facts.take(known)

    def on_tick(self, tick: Tick, at: float) -> None:
        """Counts legs and rescues."""
        for arm in tick.arms:
            facts = self._counting(arm.route, at)
            if facts is None or not arm.codes:
                continue
            count_arm(facts, facts.candidates, arm, at)
            self._dirty.add(arm.route)
        for route, version, reason, count in tick.rescued:
            facts = self._counting(route, at)
            if facts and version in facts.candidates:
                count_rescued(facts, reason, count)

    def on_records(self, records: Iterable[Record], source: WorkerRun, at: float) -> None:
        """Looks at finished legs."""
        followed = {route: facts for route, facts in self._open.items() if _counts(facts, at)}
        if not followed:
            return
        references: list[Record] = []
        for record in records:
            facts = followed.get(record.route)
            if facts is None:
                continue
            if record.version in facts.candidates:
                self._candidate(facts, record, source)
            elif record.role in ("primary", "rescue"):
                references.append(record)
        self._failed.references(references, source)

    def on_observations(self, observations: Iterable[Observation]) -> None:
        """Hears of answers whose bodies are none."""
        for seen in observations:
            facts = self._open.get(seen.route) if seen.content else None
            if facts and seen.version in facts.candidates and not is_bad(seen):
                row_of(facts, seen.version, seen.role).invalid += 1
                self._dirty.add(seen.route)
                self._failed.bad(facts, seen, seen.source, seen.content or "")

    def on_time(
        self, routes: Mapping[str, RouteControl], notices: Callable[[str], Iterable[Notice]], at: float
    ) -> None:
        """Notes the verdicts and what is wrong with each route, and writes what has changed."""
        if at >= self._looked + LOOK_SECONDS:
            self._looked = at
            for name in routes:
                self.troubles.update(name, notices(name), at)
        for name, facts in tuple(self._open.items()):
            control = routes.get(name)
            if control is None or not _counts(facts, at):
                if facts.ended is None:
                    facts.ended = at
                self._write(name)
                del self._open[name]
                continue
            self._hear(facts)
            if facts.ended is None and at - self._last.get(name, 0.0) >= facts.every:
                self._last[name] = at
                self._note(facts, control, at)
        if at >= self._due:
            self._due = at + WRITE_SECONDS
            for name in tuple(self._dirty):
                self._write(name, False)

    def close(self) -> None:
        """Writes the rest."""
        for name in tuple(self._open):
            self._write(name)

    def _counting(self, route: str, at: float) -> StoryFacts | None:
        facts = self._open.get(route)
        return facts if facts is not None and _counts(facts, at) else None

    def _candidate(self, facts: StoryFacts, record: LegFacts, source: WorkerRun) -> None:
        if record.role == "canary":
            facts.seen += 1
            if record.key:
                facts.keyed += 1
                put(facts.keys, record.key)
        if is_bad(record):
            self._failed.bad(facts, record, source)

    def _note(self, facts: StoryFacts, control: RouteControl, at: float) -> None:
        worst_first = sorted(control.status.verdicts, key=lambda verdict: verdict.outcome != "fail")
        lines = [line_of(verdict) for verdict in worst_first[:MAX_LINES]]
        state = control.state
        facts.moments.append(Moment(at, state.phase, state.stage + 1, control.status.legs, lines))
        if len(facts.moments) > MAX_MOMENTS:
            facts.moments, facts.every = facts.moments[::2], facts.every * 2
        self._note_examples(facts)
        self._dirty.add(facts.route)

    def _note_examples(self, facts: StoryFacts) -> None:
        for version in facts.candidates:
            if examples := [plain(each) for each in self._examples(facts.route, version)][:MAX_EXAMPLES]:
                facts.disagreements[version] = examples

    def _write(self, name: str, wait: bool = True) -> None:
        if self.archive.put(self._open[name], wait):
            self._dirty.discard(name)


def line_of(verdict: Verdict) -> MomentLine:
    """A verdict as a moment keeps it."""
    return MomentLine(
        verdict.metric,
        verdict.bound,
        verdict.version,
        verdict.route,
        verdict.outcome,
        plain(verdict.value),
        verdict.limit,
        verdict.n,
        plain(verdict.log_breach),
        plain(verdict.own),
        plain(verdict.reference),
        verdict.n_reference,
        verdict.lost,
        verdict.needed,
    )


def _counts(facts: StoryFacts, at: float) -> bool:
    return facts.ended is None or at - facts.ended <= LATE_SECONDS
