"""The judge of a fleet: an engine like that of a single sidecar, over the sum of what all of them count.

It is made from what the store has, and what it decides is in force only when that was committed. Rules:

1. Counts are taken once: those of a report that is newer than the last one consumed, less what was consumed.
2. The sum of all sidecars is one look, so evidence is that of one proxy that saw all requests.
3. No release goes forward while the sections of its routes differ between sidecars; whatever takes traffic off is done.
4. What a sidecar knows as rolled back by a look that is not in this one's past was lost with the store: it is rolled
   back again.
5. A fleet without any past begins with its primaries alone, until no further sidecar has come for a while: one of them
   may know of a version that was rolled back (`settling`).
6. The fleet's clock goes on from the last look while somebody judges, and stands still otherwise: nobody's wall clock
   is asked, but for its first reading.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from proxy.contracts.notices import notices, texts
from proxy.contracts.settings import Settings
from proxy.contracts.table import Table
from proxy.control.engine import Engine
from proxy.control.fleet import counts, lineage
from proxy.control.fleet.bodies import (
    Answer,
    FleetEvidence,
    FleetTable,
    Intent,
    Judgement,
    MemberRow,
    ReportBody,
    decode,
    encode,
)
from proxy.control.fleet.consumption import Consumption
from proxy.control.fleet.formats import FOLLOWED_FROM, FORMAT, format_of
from proxy.control.fleet.intents import DIFFERS, TOO_LATE, too_late
from proxy.control.fleet.looks import look_of
from proxy.control.fleet.met import FleetStories
from proxy.control.fleet.recent import recent_of
from proxy.control.fleet.sections import digests_of
from proxy.control.fleet.session import Proposal
from proxy.control.fleet.settling import SETTLING, Settling
from proxy.control.fleet.store import MEMBER_SECONDS, NOWHERE, Collected, Place, Reported
from proxy.control.fleet.untold import told
from proxy.control.state.evidence_snapshots import rows_of
from proxy.control.state.rows import ChainHead
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import GENESIS, Change, Link
from proxy.release.phases import TransitionRefused
from proxy.stats.board import Board
from proxy.stats.counts.latency_window import RECENT_SECONDS

log = logging.getLogger("penumbra.fleet")

MAX_ANSWERS = 256
"""Answers to intents that are kept, the newest: sidecars look each second."""

MAX_CHANGES_A_LOOK = 32
"""Changes by hand that one look makes; further ones wait for the next, so that answers stay until they are heard."""

TWIN_SECONDS, TWIN_REPORTS = 1.5, 5
"""Two epochs of one name whose reports are younger, and more, are of two sidecars: a sidecar that begins another epoch
has written fewer when the last one of the epoch before is older."""

Execute = Callable[[Engine, Intent, float], Answer]
"""Makes the change that an intent asks for."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a judge has of the sidecar that it runs in."""

    instance: str
    settings: Settings
    execute: Execute
    prepare: Callable[[Board, Engine], None]
    """Gives reference profiles to the judge's board."""
    listen: Callable[[Change, float], None]
    """Hears of each change that was committed."""
    wall: float
    """Unix seconds, for a fleet's first look."""
    monotonic: float
    settles: float = 0.0
    """Seconds that a fleet without any past waits for a further sidecar."""
    format: int = FORMAT
    delivered: Callable[[], bool] = told
    """Whether everything that was heard was delivered."""


def evidence_of(collected: Collected, followed: FleetTable | None, own: int = FORMAT) -> FleetEvidence:
    """What a judge goes on from: the evidence in the store, or, where there is none that can be read, the states that
    this sidecar followed. Judgements begin anew then, and what was promoted or rolled back stays so. `own`: the format
    of this program."""
    if collected.evidence is not None and format_of(collected.evidence) > own:
        log.error("the fleet's evidence is a newer Penumbra's, and none is left: judgements begin anew")
    elif collected.evidence is not None:
        try:
            return decode(collected.evidence, FleetEvidence)
        except msgspec.MsgspecError as error:
            log.error("the fleet's evidence cannot be read, judgements begin anew: %s", error)
    if followed is None:
        return FleetEvidence()
    log.warning("the fleet's store has no evidence: judgements begin anew, with the states that were followed here")
    return FleetEvidence(
        followed.clock, followed.revision, list(followed.states), count=followed.count, hash=followed.hash
    )


class FleetJudge:
    """Goes on from `evidence`."""

    def __init__(self, around: Surroundings, evidence: FleetEvidence) -> None:
        self._around, self._evidence = around, evidence
        self._began, self._clock = around.monotonic, evidence.clock or around.wall
        self._told: list[tuple[Change, float]] = []
        self._board = Board(memory=around.settings.memory)
        self._store, self._stories = Store(":memory:"), FleetStories()
        self._reports: dict[tuple[str, str], tuple[Reported, ReportBody]] = {}
        self.known: dict[tuple[str, str], int] = {}
        self._asked: set[str] = set()
        """Ids of the changes that members ask for."""
        self._consumption = Consumption(evidence.consumed)
        self._settling = Settling(evidence, around.settles, self._clock)
        self.engine = self._engine(evidence)

    def _engine(self, evidence: FleetEvidence) -> Engine:
        now = self._clock
        self._store.save(evidence.states, (), evidence.revision, now)
        if evidence.kept:
            self._store.remember(evidence.kept, None)
        self._store.head = ChainHead(evidence.revision, evidence.count, evidence.hash or GENESIS)
        engine = Engine(self._around.settings, self._store, self._board, _ignored, self._hear)
        engine.keeper.snapshots.beside = self._stories
        engine.begin(now)
        self._around.prepare(self._board, engine)
        return engine

    def _hear(self, change: Change, at: float) -> None:
        self._told.append((change, at))

    def look(self, collected: Collected, place: Place, monotonic: float) -> Proposal:
        """One look; it will stand at `place`."""
        now = self._clock + max(monotonic - self._began, 0.0)
        self._take(collected.reports, now)
        members = self._members(collected.reports)
        self._settling.look(evidence := self._evidence, {row.instance for row in members}, now)
        self.engine.held = _held(members) | (dict.fromkeys(self.engine.routes, SETTLING) if evidence.begins else {})
        for route, versions in self._lost_rollbacks():
            self._roll_back(route, versions, now)
        look = look_of(self._consume(), place[1])
        self._stories.count(look, now)
        look.tick.under_way = self._under_way(members)
        self.engine.on_look(look, now)
        self._answer(place, collected.time, now)
        self.engine.on_time(now)
        self._note_judgements(place)
        return self._proposal(place, members, _twins(collected.reports), now)

    def tell(self) -> None:
        """Tells of the changes of a look that was committed."""
        told, self._told = self._told, []
        for change, at in told:
            self._around.listen(change, at)

    @property
    def latest(self) -> Place:
        """The latest look that a sidecar reports to follow."""
        return max((body.follows for _, body in self._reports.values()), default=NOWHERE)

    # -- reports

    def _take(self, reports: Sequence[Reported], now: float) -> None:
        self._forget_the_gone(reports, now)
        for each in reports:
            key = each.instance, each.epoch
            if each.body is None:
                if key in self._reports:
                    self._reports[key] = each, self._reports[key][1]
                continue
            try:
                self._reports[key] = each, decode(each.body, ReportBody)
            except msgspec.MsgspecError as error:
                log.warning("the report of %s cannot be read: %s", each.instance, error)
            self.known[key] = each.seq

    def _consume(self) -> counts.Cells:
        """What is new in all reports, summed up."""
        grown = []
        for key, report, body in self._new():
            grown.append(self._of_now(*self._consumption.take(key, report.seq, body)))
            self._reports[report.instance, report.epoch] = report, msgspec.structs.replace(body, counted=[])
        return counts.total(grown)

    def _of_now(self, cells: counts.Cells, followed: Place) -> counts.Cells:
        """The cells of routes whose present judgement had begun where the sidecar counted: `followed` is the table of
        its report before. What it counted of an earlier one is no evidence on this one, and neither is what it counted
        before there was any, or before the store lost it."""
        begun = {route for route, each in self._evidence.judgements.items() if followed >= each.began}
        return {key: cell for key, cell in cells.items() if key[1] in begun}

    def _note_judgements(self, place: Place) -> None:
        found = {}
        for name, route in self.engine.routes.items():
            known = self._evidence.judgements.get(name)
            now = Judgement(route.state.since, route.situation.candidates, place)
            same = known is not None and (known.since, known.candidates) == (now.since, now.candidates)
            found[name] = known if same and known is not None else now
        self._evidence.judgements = found

    def _new(self) -> list[tuple[str, Reported, ReportBody]]:
        """The reports of which nothing was consumed yet, by `EPOCH:INSTANCE`."""
        rows = [(f"{epoch}:{instance}", *row) for (instance, epoch), row in self._reports.items()]
        return [row for row in rows if self._consumption.is_new(row[0], row[1].seq)]

    def _under_way(self, members: Iterable[MemberRow]) -> list[tuple[str, str, str, float]]:
        """The oldest inference of each arm that a member has under way."""
        present = {member.instance for member in members}
        oldest: dict[tuple[str, str, str], float] = {}
        for (instance, _), (report, body) in self._reports.items():
            for *arm, age in body.under_way if instance in present and report.age < MEMBER_SECONDS else ():
                key = (arm[0], arm[1], arm[2])
                oldest[key] = max(oldest.get(key, 0.0), age + report.age)
        return [(*key, age) for key, age in oldest.items()]

    def _forget_the_gone(self, reports: Sequence[Reported], now: float) -> None:
        """Drops reports that the store has no more."""
        there = {(each.instance, each.epoch) for each in reports}
        self._reports = {key: row for key, row in self._reports.items() if key in there}
        self.known = {key: seq for key, seq in self.known.items() if key in there}
        self._consumption.look(reports, now)

    def _members(self, reports: Iterable[Reported]) -> list[MemberRow]:
        """The sidecars that reported lately, each by its newest epoch."""
        newest: dict[str, MemberRow] = {}
        mine = digests_of(self._around.settings)
        for each in sorted(reports, key=lambda report: -report.age):
            if each.age >= MEMBER_SECONDS or (each.instance, each.epoch) not in self._reports:
                continue
            body = self._reports[each.instance, each.epoch][1]
            differs = tuple(
                sorted(name for name in {*mine, *body.sections} if mine.get(name) != body.sections.get(name))
            )
            newest[each.instance] = MemberRow(
                each.instance, each.age, body.follows, body.settings, differs, body.version, body.alone, body.left
            )
        return [newest[name] for name in sorted(newest)]

    # -- what is not evidence

    def _lost_rollbacks(self) -> list[tuple[str, tuple[str, ...]]]:
        """What new reports say; an old one would undo what was decided since, for as long as the store has it."""
        found = []
        for _, _, body in self._new():
            for route, (place, versions) in body.rolled_back.items():
                if route in self.engine.routes and not lineage.includes(self._evidence.lineage, place):
                    found.append((route, versions))
        return found

    def _roll_back(self, route: str, versions: tuple[str, ...], now: float) -> None:
        control = self.engine.route(route)
        has = {*control.situation.candidates, *control.situation.split}
        gone = tuple(version for version in versions if version in has)
        if not gone:
            return
        why = f"{', '.join(gone)} had been rolled back before the store lost it"
        try:
            self.engine.command(route, "rollback", lambda s: transitions.take_off(s, gone, why, now), "fleet", why, now)
        except TransitionRefused as error:
            log.warning("%s: %s: %s", route, why, error)

    def _answer(self, place: Place, time: float, now: float) -> None:
        """Makes the changes that sidecars ask for, each once."""
        done = {answer.id for answer in self._evidence.answers}
        lately = [body for report, body in self._reports.values() if report.age < MEMBER_SECONDS]
        waiting = {intent.id: (intent, body) for body in lately for intent in body.intents if intent.id not in done}
        self._asked = {intent.id for body in lately for intent in body.intents}
        made = list(waiting.values())[:MAX_CHANGES_A_LOOK]
        answers = [self._made(intent, body, time, now) for intent, body in made]
        placed = [msgspec.structs.replace(answer, place=place) for answer in answers]
        self._evidence.answers = [*self._evidence.answers, *placed][-MAX_ANSWERS:]

    def _made(self, intent: Intent, body: ReportBody, time: float, now: float) -> Answer:
        """What becomes of a change; `body` is the report of who was asked for it."""
        route, mine = intent.route, digests_of(self._around.settings)
        if too_late(intent, time):
            return msgspec.structs.replace(TOO_LATE, id=intent.id)
        if route not in self.engine.routes:
            why = f"the configuration of {self._around.instance}, which judges, has no route {route}"
            return Answer(intent.id, DIFFERS, why)
        if intent.versions and not self._on_trial(route) & {*intent.versions}:
            gone = f"{', '.join(intent.versions)} is not on trial"
            if route in body.alone:
                return Answer(intent.id, DIFFERS, f"{gone} at {self._around.instance}, which judges")
            return Answer(intent.id, "refused", f"{gone} any more")
        answer = self._around.execute(self.engine, intent, now)
        if answer.kind and mine[route] != body.sections.get(route, ""):
            why = f"{answer.detail}; the section of {route} at {self._around.instance}, which judges, is another one"
            return msgspec.structs.replace(answer, detail=why)
        return answer

    def _on_trial(self, route: str) -> set[str]:
        """What a rollback of a route would take off."""
        return {version for state in self.engine.release_of(route).states for version in transitions.taken_off(state)}

    # -- what comes of it

    def _proposal(self, place: Place, members: list[MemberRow], twins: list[str], now: float) -> Proposal:
        evidence, engine = self._evidence, self.engine
        links = tuple(self._new_links())
        if self._around.delivered():
            evidence.told = evidence.count
        evidence.clock, evidence.revision, evidence.format = now, engine.revision, self._around.format
        evidence.states = list(engine.states.values())
        evidence.kept = rows_of(engine.routes, self._board, self._stories.follow(engine.routes, now))
        evidence.lineage = lineage.extended(evidence.lineage, place)
        evidence.count, evidence.hash = self._store.head.count, self._store.head.hash
        return Proposal(encode(evidence), encode(self._table(members, twins, now)), links, evidence.count)

    def _new_links(self) -> list[Link]:
        """All of them: states that are in force without their entries would be an audit with a hole."""
        return self._store.audit(self._evidence.count, -1)

    def _table(self, members: list[MemberRow], twins: list[str], now: float) -> FleetTable:
        engine, evidence = self.engine, self._evidence
        told = {name: [*notices("fleet-twins", *twins), *engine.notices(name)] for name in engine.routes}
        return FleetTable(
            revision=engine.revision,
            states=evidence.states,
            clock=now,
            verdicts={name: list(route.status.verdicts) for name, route in engine.routes.items()},
            baselines={name: list(route.status.baseline) for name, route in engine.routes.items()},
            legs={name: route.status.legs for name, route in engine.routes.items()},
            warnings={name: texts(found) for name, found in told.items()},
            kinds={name: [notice.kind for notice in found] for name, found in told.items()},
            taken=dict(self._consumption.taken),
            answers=[answer for answer in evidence.answers if answer.id in self._asked],
            members=members,
            judge=self._around.instance,
            count=evidence.count,
            hash=evidence.hash,
            settling=bool(evidence.begins),
            format=self._around.format,
            followed_from=FOLLOWED_FROM,
            recent=recent_of(self._board, engine.routes, now),
            window=min(RECENT_SECONDS, now - self._clock),
            stories=self._stories.told,
        )


class ClockedJudge:
    """A `FleetJudge` with the clock of its sidecar: what a session has look."""

    def __init__(self, judge: FleetJudge, now: Callable[[], float]) -> None:
        self._judge, self._now = judge, now

    @property
    def known(self) -> dict[tuple[str, str], int]:
        return self._judge.known

    @property
    def latest(self) -> Place:
        return self._judge.latest

    def look(self, collected: Collected, place: Place) -> Proposal:
        return self._judge.look(collected, place, self._now())

    def committed(self) -> None:
        self._judge.tell()


def _ignored(table: Table) -> None:
    """The judge's engine has no workers: sidecars make their tables from the states that they follow."""


def _twins(reports: Iterable[Reported]) -> list[str]:
    """What is said of names that several sidecars have at once."""
    lately = [each.instance for each in reports if each.age < TWIN_SECONDS and each.seq >= TWIN_REPORTS]
    twins = sorted(name for name, count in Counter(lately).items() if count > 1)
    return [f"fleet.instance: several sidecars have the name {name}: each needs one of its own" for name in twins]


def _held(members: Iterable[MemberRow]) -> dict[str, str]:
    """Routes whose release does not go forward, and why."""
    found: dict[str, list[str]] = {}
    for member in members:
        for route in member.differs:
            found.setdefault(route, []).append(member.instance)
    hint = "where that is another service, each needs a fleet.name of its own"
    return {
        route: f"no stage advances: the section of this route differs at {', '.join(names[:5])}; {hint}"
        for route, names in found.items()
    }
