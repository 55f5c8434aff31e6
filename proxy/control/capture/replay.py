"""The decision code without sockets, clocks and disk: ticks and records in, decisions out.

A backtest feeds it captured records, a simulation invented ones. Engine and board are those of production.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.identity import Identity
from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.observation import Observation
from proxy.contracts.record import TICK_SECONDS, ArmTick, Tick
from proxy.contracts.release import Verdict
from proxy.contracts.settings import Settings
from proxy.contracts.table import Protocol
from proxy.control.capture.exchanges import is_unread
from proxy.control.capture.format import Captured, LabelLine, arms_of
from proxy.control.capture.labels import KnownLabels
from proxy.control.engine import LOOK_SECONDS, Engine
from proxy.control.promised_answers import PromisedAnswers
from proxy.control.spoken_protocols import SpokenProtocols
from proxy.control.state.store import Store
from proxy.payload.alike import read_alike
from proxy.payload.decode import decode
from proxy.payload.recognise import looks_like
from proxy.release.audit import Change
from proxy.stats.board import Board
from proxy.stats.look import Look

DECISION_ACTIONS = frozenset({"rollback", "drop", "pause", "notify", "advance", "promote", "settle"})


class ReplayedAction(Struct, frozen=True):
    """An action of the decision code on captured records."""

    at: float
    """Unix seconds."""
    route: str
    """The route, or the release over several."""
    action: str
    """One of `DECISION_ACTIONS`."""
    reason: str
    """The sentence of the audit entry."""
    requests: int
    """Legs of the route's candidates until then."""


class Rehearsal:
    """An engine that publishes to nobody and stores in memory."""

    def __init__(self, settings: Settings, now: float) -> None:
        self.acts: list[ReplayedAction] = []
        self._legs: Counter[str] = Counter()
        self._seq = 0
        self._looked = now
        self._promised = PromisedAnswers(decode)
        self._protocols = SpokenProtocols(self._promised.decode, looks_like)  # as control does
        self._store = Store(":memory:")
        self.board = Board()
        quiet = replace(settings, state=":memory:", notify=(), capture=None)
        self.engine = Engine(quiet, self._store, self.board, lambda table: None, self._heard)
        self.engine.begin(now)

    def close(self) -> None:
        """Frees the store."""
        self._store.close()

    def _heard(self, change: Change, now: float) -> None:
        if change.action in DECISION_ACTIONS:
            routes = [change.after.route, *change.beside] if change.beside else [change.route]
            legs = sum(self._legs[route] for route in routes)
            self.acts.append(ReplayedAction(now, change.route, change.action, change.why, legs))

    def tick(self, arms: list[ArmTick], now: float) -> None:
        """Takes the counts of workers until `now`, and looks where it is time to."""
        self.engine.on_tick(self._tick(arms), now)
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self.engine.on_time(now)

    def count(self, arms: list[ArmTick], now: float) -> None:
        """Takes the counts of workers until `now`, and judges nothing: whoever counts so looks itself."""
        self.engine.on_look(Look(self._tick(arms)), now)

    def _tick(self, arms: list[ArmTick]) -> Tick:
        self._seq += 1
        for arm in arms:
            if arm.role == "canary" or arm.role == "shadow":
                self._legs[arm.route] += arm.counted()
        return Tick(0, "rehearsal", self._seq, self.engine.revision, arms=arms)

    def observe(self, legs: Sequence[Captured], now: float) -> None:
        """Takes what bodies say; no leg of a call whose messages nobody reads."""
        sections = {section.name: section for section in self.engine.settings.routes}

        def together(route: str) -> tuple[Protocol, Identity] | None:
            spoken = self._protocols.together(route, sections[route].protocol)
            return None if spoken is None else (spoken, sections[route].analysis.identity)

        alike: list[AlikeLegs] = []
        seen: list[Observation] = []
        if not sections.keys() >= set(map(_ROUTE, legs)):
            legs = [leg for leg in legs if leg.route in sections]
        for source, watched in _by_source(legs).items():
            read, odd = read_alike(watched, source, together)
            alike += [each for each, _ in read]
            for at in odd:
                section = sections[watched[at].route]
                seen.append(self._protocols.decode(watched[at], section.protocol, source, section.analysis))
        self.board.on_observations(self._promised.settled(seen, now), now, alike)

    def verdicts(self) -> dict[str, tuple[Verdict, ...]]:
        """The scorecard of each route as it stands."""
        return {name: route.status.verdicts for name, route in self.engine.routes.items()}


def replay(
    settings: Settings,
    legs: Iterable[Captured],
    labels: Iterable[LabelLine] = (),
    labelled: Callable[[str], None] = lambda route: None,
) -> Rehearsal:
    """Actions that captured legs would have led to, in the order in which they were captured; those that are no part of
    the uniform sample are no evidence (`sampling`). A label counts as soon as its request does; `labelled` hears of
    which route it is."""
    rehearsal: Rehearsal | None = None
    now = 0.0
    with closing(KnownLabels(labels)) as known:
        for now, batch in _batches(leg for leg in legs if not leg.extra):
            rehearsal = rehearsal or Rehearsal(settings, now)
            rehearsal.tick(arms_of(batch), now)
            rehearsal.observe([leg for leg in batch if not is_unread(leg)], now)
            for leg in batch:
                if leg.path and leg.request_id and (label := known.get(leg.request_id)) is not None:
                    rehearsal.board.on_label(leg.request_id, label, now)
                    labelled(leg.route)
    rehearsal = rehearsal or Rehearsal(settings, now)
    rehearsal.engine.on_time(now + LOOK_SECONDS)
    return rehearsal


def _batches(legs: Iterable[Captured]) -> Iterator[tuple[float, list[Captured]]]:
    """Legs by the tick in which they ended; time does not go back where workers overlap."""
    now = 0.0
    for slot, group in groupby(legs, key=lambda leg: int(leg.finished / TICK_SECONDS)):
        now = max(now, (slot + 1) * TICK_SECONDS)
        yield now, list(group)


_ROUTE: Callable[[Captured], str] = attrgetter("route")
_SOURCE: Callable[[Captured], WorkerRun] = attrgetter("worker", "incarnation")


def _by_source(legs: Sequence[Captured]) -> Mapping[WorkerRun, Sequence[Captured]]:
    """Legs by the worker that reported them, in order."""
    named = list(map(_SOURCE, legs))
    if len(set(named)) == 1:
        return {named[0]: legs}  # nearly always
    sources: defaultdict[WorkerRun, list[Captured]] = defaultdict(list)
    for source, leg in zip(named, legs, strict=True):
        sources[source].append(leg)
    return sources
