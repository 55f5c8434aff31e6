"""A sidecar in its fleet: what it reports, what it does with a table, and how changes by hand reach the judge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy import __version__
from proxy.contracts.record import Tick
from proxy.contracts.settings import Settings
from proxy.control.fleet import counts
from proxy.control.fleet.bodies import Answer, FleetTable, Intent, MemberRow, ReportBody, decode, encode
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.follower import Follower, known_rollbacks
from proxy.control.fleet.following import Following
from proxy.control.fleet.formats import FORMAT, STANDBY_SECONDS, format_of, stands_by, too_new
from proxy.control.fleet.intents import ASKED_SECONDS, DIFFERS, Intents
from proxy.control.fleet.judge import ClockedJudge, Execute, FleetJudge, Surroundings, evidence_of
from proxy.control.fleet.labels import LabelExchange
from proxy.control.fleet.mirror import Mirror
from proxy.control.fleet.reporter import Reporter
from proxy.control.fleet.sections import digest_of, digests_of, in_minority
from proxy.control.fleet.session import Session
from proxy.control.fleet.spread import Spread
from proxy.control.fleet.store import (
    MEMBER_SECONDS,
    NOWHERE,
    Collected,
    FleetStore,
    FollowedTable,
    Heard,
    Place,
    Report,
)
from proxy.control.fleet.untold import Teller, told
from proxy.control.open_streams import left_rows
from proxy.control.profiles import Profiles
from proxy.control.state.steady_clock import SteadyClock
from proxy.release.audit import Change
from proxy.stats.board import Board
from proxy.stats.quality.label_join import LabelOutcome

log = logging.getLogger("penumbra.fleet")

Versions = tuple[str, ...]

ANSWER_SECONDS = ASKED_SECONDS + 2.0
"""Time that the caller of a change waits for what becomes of it: a report and a table longer than the judge has."""

FORCE_SECONDS, FORCE_STEP = 2.0, 0.1
"""Time that the answer to a change waits until it is in force everywhere, and between two looks whether it is."""


NO_TABLE = "no table of the fleet has come yet"


@dataclass(frozen=True, slots=True)
class Surface:
    """What a member has of its process."""

    instance: str
    """Its name in the fleet."""
    now: Callable[[], float]
    """Monotonic seconds."""
    clock: SteadyClock
    """That of the engine."""
    unique: Callable[[], str]
    """Returns what it never returned before, anywhere."""
    execute: Execute
    """Makes the change of an intent on an engine."""
    on_label: Callable[[str, Any], LabelOutcome]
    """Takes labels for predictions of this sidecar, which were given to another one."""
    listen: Callable[[Change, float], None]
    """Hears of the fleet's changes while this sidecar judges."""
    settles: float = 0.0
    """Seconds that a fleet without any past waits for a further sidecar."""
    format: int = FORMAT
    """That of this program."""
    delivered: Callable[[], bool] = told
    """Whether everything that it heard was delivered."""


class FleetMember:
    """What a `Session` is of."""

    def __init__(
        self, engine: Follower, board: Board, counting: Counting, store: FleetStore, mirror: Mirror, surface: Surface
    ) -> None:
        fleet = engine.settings.fleet
        assert fleet is not None
        self._engine, self._board, self._counting, self._mirror = engine, board, counting, mirror
        self._surface, self.instance, self._now = surface, surface.instance, surface.now
        self.fleet = fleet.name
        self.following = Following(fleet.lease)
        self._reporter = Reporter(self.instance, counting, surface.unique, self._now())
        self._labels = LabelExchange(self.instance, surface.on_label, board.predicted, board.count_unknown)
        self.session = Session(store, self.instance, self, self.following, self._now, surface.unique)
        self._sent_at = self._followed_at = self._now()
        self._followed, self._format = NOWHERE, 0
        self.spread = Spread()
        self._began = (-1, NOWHERE)
        self._judges_by: Settings | None = None
        self.fault = NO_TABLE
        """Why there is no table to follow; "" where there is one."""
        self._noted = mirror.learnt()
        self._intents = Intents(mirror.asked(), self._note_asked, surface.unique, self._now())
        engine.known_bad = {route: versions for route, (_, versions) in self._noted.items()} | self._intents.held
        self._learnt: dict[str, Place] = {route: place for route, (place, _) in self._noted.items()}
        self._told: dict[str, tuple[str, int]] = {}
        self._lost: tuple[int, dict[tuple[str, str], int]] = (-1, {})
        self._digests: tuple[Settings | None, str, dict[str, str]] = (None, "", {})
        self._teller = Teller(surface.listen, surface.delivered)
        self.wake = asyncio.Event()

    # -- what there is to see

    @property
    def table(self) -> FleetTable | None:
        """The table that is followed."""
        return self._engine.fleet

    @property
    def members(self) -> list[MemberRow]:
        """The sidecars, as the judge saw them at its last look."""
        return self.table.members if self.table else []

    @property
    def apart(self) -> bool:
        """Whether only primaries have traffic here, because the store has been silent for the lease."""
        return self._engine.apart

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self._now()

    @property
    def table_age(self) -> float:
        """Seconds since the table that is followed came."""
        return self._now() - self._followed_at

    @property
    def late_legs(self) -> int:
        """Finished legs whose counts came too late to be evidence. Monotone."""
        return self._reporter.late_legs

    @property
    def mirror(self) -> Mirror:
        """This sidecar's copy of the fleet's audit chain."""
        return self._mirror

    def in_force(self, route: str, place: Place) -> tuple[int, int]:
        """At how many members a change of a route, made by a look, is in force, and of how many: those that follow that
        look or a later one, and whose section is one that the table is of. What is in force at this sidecar alone has
        no place."""
        if place == NOWHERE:
            return 1, max(len(self.members), 1)
        names = {each.section.name for each in self._engine.release_of(route).routes}
        there = [row for row in self.members if row.follows >= place and not names & {*row.alone}]
        return len(there), len(self.members)

    # -- what comes in

    def on_tick(self, tick: Tick) -> None:
        """Counts a tick for the fleet."""
        self._counting.on_tick(tick)

    def on_labels(self, labels: list[tuple[str, Any]]) -> int:
        """Passes labels on to the sidecars that made the predictions; how many had no place."""
        return self._reporter.add_labels(self._labels.ask(labels, self._now()))

    def look(self) -> None:
        """Does what time brings: without the store for longer than the lease, and without a table that can be read,
        only primaries have traffic."""
        self._reporter.add_labels(self._labels.look(self._reporter.waiting, self._now()))
        self._mirror.look()
        fleet, silent = self._engine.settings.fleet, self.following.apart(self._now())
        self._engine.silence = self.fault or ("the fleet's store has been silent for the lease" if silent else "")
        if fleet is None or (silent and fleet.on_lost == "hold"):
            return  # as it was: before the first table, that is nothing
        self._engine.set_apart(silent or bool(self.fault), self._surface.clock())

    def refusal(self, route: str, action: str) -> Answer | None:
        """Why no judge is asked for a change; None: one would be. A rollback is always asked for."""
        names = [each.section.name for each in self._engine.release_of(route).routes]
        differ = [name for name in names if self._engine.differs(name)] if action != "rollback" else []
        if not differ:
            return None
        why = f"the section of {differ[0]} is not the one that the fleet judges by"
        return Answer("", DIFFERS, f"{why}: {self.following.judge or 'nobody'} judges; nothing was asked for")

    async def command(self, route: str, action: str, value: dict[str, Any], who: str, etag: str) -> Answer:
        """Has the judge make a change by hand; a rollback is made here at once. Raises UndecidedError."""
        engine, off = self._engine, action == "rollback"
        if refusal := self.refusal(route, action):
            return refusal
        names = [each.section.name for each in engine.release_of(route).routes]
        self._intents.refuse_more()
        routes = engine.take_off(names, str(value.get("reason", "")), self._surface.clock()) if off else {}
        id = self._intents.ask(Intent("", route, action, value, who, etag), self._now(), routes)
        self.wake.set()
        return await self._intents.answer(id, ANSWER_SECONDS)

    async def until_in_force(self, route: str, place: Place) -> tuple[int, int]:
        """Waits until all members follow a look, at most `FORCE_SECONDS`: then at how many it is in force, of how
        many."""
        for _ in range(int(FORCE_SECONDS / FORCE_STEP)):
            if all(member.follows >= place for member in self.members):
                break
            await asyncio.sleep(FORCE_STEP)
        return self.in_force(route, place)

    # -- a session's sidecar

    @property
    def links(self) -> int:
        return self._mirror.count

    @property
    def lacks_links(self) -> bool:
        return self._mirror.lacks

    def catch_up(self, table: FollowedTable) -> None:
        if self.table is not None:
            self._mirror.take(table.links, self.table.count, self.table.hash)
            self._teller.catch_up(self._mirror.store, self._surface.clock.wall())

    @property
    def may_judge(self) -> bool:
        own, others = self._settings()[0], [row for row in self.members if row.instance != self.instance]
        here = MemberRow(self.instance, 0.0, settings=own)
        if self.stands_by:
            return False
        return self._now() - self._followed_at > MEMBER_SECONDS or not in_minority(own, (here, *others))

    @property
    def stands_by(self) -> str:
        """Why it does not judge though it could: a newer program does; "" where that is not so."""
        return self._stands_by(self._format)

    def _stands_by(self, format: int) -> str:
        if not self.fault and self._now() - self._followed_at >= STANDBY_SECONDS:
            return ""
        return stands_by(format, self._surface.format)

    def _settings(self) -> tuple[str, dict[str, str]]:
        settings = self._engine.settings
        if self._digests[0] is not settings:
            self._digests = settings, digest_of(settings), digests_of(settings)
        return self._digests[1:]

    def report(self) -> Report:
        if self._judges_by is not self._engine.settings:
            self.session.begin_anew()
        self._sent_at = self._now()
        report = self._reporter.next(self._written, self._sent_at)
        key = f"{report.epoch}:{self.instance}"
        for route in self._learnt:
            self._told.setdefault(route, (key, report.seq))
        return report

    def _written(self, counting: Counting) -> bytes:
        self._count_lost()
        self._note_epoch()
        digest, sections = self._settings()
        body = ReportBody(
            counts.rows_of(counting.cells),
            self._followed,
            digest,
            sections,
            known_rollbacks(self._engine.states, self._learnt),
            self._intents.told(self._engine.differs, self._now()),
            self._board.counters.under_way(self._surface.clock()),
            self._engine.apart,
            __version__,
            self._began[1],
            self.table.taken.get(self._reporter.key, 0) if self.table else 0,
            self._surface.format,
            tuple(name for name in self._engine.routes if self._engine.differs(name)),
            left_rows(self._board.counters, self._engine.states.values()),
        )
        return encode(body)

    def _note_epoch(self) -> None:
        """Notes the table that was followed when an epoch began."""
        if self._counting.epoch != self._began[0]:
            self._began = self._counting.epoch, self._followed

    def _count_lost(self) -> None:
        """Counts pairs that were sent and not compared since the epoch began."""
        epoch, base = self._lost
        now = {
            (name, version): self._board.unpaired_copies(name, version)
            for name, route in self._engine.routes.items()
            for version in {*route.situation.candidates, *route.situation.shadows}
        }
        if epoch != self._counting.epoch:
            base = now
        for (route, version), count in now.items():
            self._counting.on_lost(route, version, count - base.setdefault((route, version), count))
        self._lost = self._counting.epoch, base

    def answered(self, report: Report, heard: Heard) -> None:
        self._intents.heard(heard, self._sent_at, self._now())
        bodies = self._reporter.answered(report, heard, self._sent_at)
        self._reporter.add_labels(self._labels.heard(bodies, self._now()))
        self._note_epoch()

    def follow(self, table: FollowedTable) -> None:
        try:
            body = decode(table.body, FleetTable)
        except msgspec.MsgspecError as error:
            self._unread(f"its table cannot be read: {error}")
            return
        self._format = body.format
        if body.followed_from > self._surface.format:
            self._unread(too_new(body.format, self._surface.format))
            return
        self.fault, self._followed, self._followed_at = "", table.place, self._now()
        self.spread.follow(body, table.place, self._now())
        self._mirror.take(table.links, body.count, body.hash)
        self._teller.catch_up(self._mirror.store, self._surface.clock.wall())
        self._intents.settle(body.answers)
        before = {name: state.rolled_back for name, state in self._engine.states.items()}
        knows = {name: self._judge_knows(name, body) for name in self._engine.routes}
        self._engine.follow(body, knows, self._surface.clock())
        self._learn(table.place, {state.route: state.rolled_back for state in body.states}, before)

    def _unread(self, why: str) -> None:
        """It may say that a version was rolled back, so the table before is followed no more."""
        if self.fault != why:
            log.error("the fleet's table is not followed, all traffic to the primaries: %s", why)
        self.fault = why

    def _learn(self, place: Place, theirs: Mapping[str, Versions], before: Mapping[str, Versions]) -> None:
        """Notes at which look the versions that are rolled back here were known to the judge."""
        for name, state in self._engine.states.items():
            if not state.rolled_back or state.rolled_back != before.get(name):
                self._learnt.pop(name, None)
                self._told.pop(name, None)
            if state.rolled_back and {*state.rolled_back} <= {*theirs.get(name, ())}:
                self._learnt[name] = place
        self._note()

    def _note(self) -> None:
        """Keeps what is rolled back for the next start; looks alone are not worth a write."""
        known = known_rollbacks(self._engine.states, self._learnt)
        if {name: row[1] for name, row in known.items()} != {name: row[1] for name, row in self._noted.items()}:
            self._noted = known
            self._mirror.note(known, self._mirror.asked())

    def _note_asked(self, asked: Mapping[str, bytes]) -> None:
        if asked != self._mirror.asked():
            self._mirror.note(self._noted, asked)

    def _judge_knows(self, route: str, table: FleetTable) -> bool:
        if route in self._intents.held:
            return False
        if route not in self._learnt:
            return True
        key, seq = self._told.get(route, ("", 0))
        return bool(key) and table.taken.get(key, 0) >= seq

    def fit(self, collected: Collected) -> bool:
        """Whether no member follows a later look than this one, where the store lost that, and no newer program has
        judged lately."""
        if self._stands_by(format_of(collected.evidence)):
            return False
        latest = NOWHERE
        for each in collected.reports:
            if each.age < MEMBER_SECONDS and each.body is not None:
                with suppress(msgspec.MsgspecError):
                    latest = max(latest, decode(each.body, ReportBody).follows)
        return latest <= max(collected.place, self.following.place)

    def judge(self, collected: Collected) -> ClockedJudge:
        around = Surroundings(
            self.instance,
            self._engine.settings,
            self._surface.execute,
            lambda board, engine: Profiles(board).use(route.section for route in engine.routes.values()),
            self._teller.listen,
            self._surface.clock.wall(),
            self._now(),
            self._surface.settles,
            self._surface.format,
            delivered=self._teller.is_done,
        )
        self._judges_by = around.settings
        log.info("this sidecar judges for the fleet from now on")
        evidence = evidence_of(collected, self._engine.fleet, around.format)
        self._teller.begin(evidence.told, evidence.count)
        self._teller.catch_up(self._mirror.store, self._surface.clock.wall())
        return ClockedJudge(FleetJudge(around, evidence), self._now)
