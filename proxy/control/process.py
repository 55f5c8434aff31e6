"""The control process: inherited sockets, signals and clocks around engine, board, link and admin API.

- SIGHUP, or a change of the configuration file, reloads; SIGUSR1 says that draining has begun; SIGTERM ends. Those that
  come before there are handlers wait for them.
- It beats once it is up: the supervisor restarts a control that has stopped to.
- When the lifeline ends the supervisor is gone, and so is this process at once: the next supervisor must find the
  store free.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation
from proxy.contracts.record import Tick
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Table
from proxy.contracts.tls_roles import judges
from proxy.control.api.handlers import ApiContext, application
from proxy.control.api.listener import AdminListener
from proxy.control.api.moves import MOVES
from proxy.control.api.refusals import refusal_of
from proxy.control.api.release_view import tags
from proxy.control.beginning import Begun, ControlArgs
from proxy.control.capture.writer import CaptureWriter
from proxy.control.certificates import CertificateFiles, Certificates
from proxy.control.containment import FreeMemory, contained, spare_the_collector
from proxy.control.disk_thread import DiskThread
from proxy.control.engine import LOOK_SECONDS
from proxy.control.file_watch import FileWatch
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.execution import execution
from proxy.control.fleet.joining import Outside, engine_of, joined
from proxy.control.history.past import Past, file_of
from proxy.control.intake import Intake
from proxy.control.judge import JudgeCaller
from proxy.control.loop_lag import LoopLag
from proxy.control.notify import Notifier
from proxy.control.profiles import Profiles
from proxy.control.promised_answers import PromisedAnswers
from proxy.control.spoken_protocols import SpokenProtocols
from proxy.control.state.steady_clock import clock_after
from proxy.control.stories.accounts import Accounts
from proxy.control.stories.archive import Archive
from proxy.control.stories.chronicle import Chronicle
from proxy.control.telemetry.certificate_metrics import CertificateCollector, HandshakeCollector
from proxy.control.telemetry.fleet_metrics import FleetCollector
from proxy.control.telemetry.history_metrics import HistoryCollector
from proxy.control.telemetry.journal import Journal, LogLines
from proxy.control.telemetry.metrics import MetricSources, registry
from proxy.control.telemetry.story_metrics import StoryCollector
from proxy.descriptor_limit import raise_descriptor_limit
from proxy.link.frames import Records
from proxy.link.pulse import Pulses
from proxy.link.server import LinkServer
from proxy.link.slot import TableSlot
from proxy.payload.decode import decode
from proxy.payload.recognise import looks_like
from proxy.stats.agreement.questions import Question
from proxy.stats.board import Board

log = logging.getLogger("penumbra.control")

PLACE = 0
"""Control's place in the page of pulses."""

EXIT_ORPHAN = 5
WAITING_PARTS = 4
"""One part in so many of control's memory is for records that wait, another for answers that are not whole yet; the
rest is for what statistics keep."""


def run(args: ControlArgs, begun: Begun, load: Callable[[], Settings], lines: LogLines, files: CertificateFiles) -> int:
    """Runs until SIGTERM; returns the exit code. `load` raises ConfigError; lines of the access log go to `lines`."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Control(args, begun, load, lines, files).serve())
    finally:
        begun.close()
    return 0


class Control:
    """The parts of one control process, wired."""

    def __init__(
        self,
        args: ControlArgs,
        begun: Begun,
        load: Callable[[], Settings],
        lines: LogLines,
        files: CertificateFiles,
    ) -> None:
        settings, store, mirror, self._found = begun
        self._args, self._load = args, load
        self._now = clock_after(store.clock(), time.time())
        self._slot = TableSlot(args.slot_fd)
        counting = Counting() if settings.fleet else None
        self._board = Board(memory=settings.memory, tap=counting)
        self._chronicle = Chronicle(Archive(settings.state), self._board.examples)
        told, host = Accounts(self._chronicle, mirror.store if mirror else store), socket.gethostname()
        self._notifier = Notifier(lambda: store.head.hash, self._now.wall, host, settings.state, told.of)
        self._engine = engine_of(settings, store, self._board, self._publish, self._notifier.listen, self._now)
        fleet = counting and mirror and joined(self._engine, self._board, counting, mirror, self._outside())
        self._fleet = fleet or None
        if self._fleet is not None:
            self._chronicle.heard = self._fleet.stories
        self._promised = PromisedAnswers(decode)
        protocols = SpokenProtocols(self._promised.decode, looks_like)
        self._judge = JudgeCaller(self._judged)
        self._certificates = Certificates(files, lambda: self._engine.settings, self._renewed, time.time)
        self._history = Past(self._engine, self._board, file_of(settings.state))
        faults = {"protocol-mistaken": protocols.faults, "judge-without-scores": self._judge.faults}
        faults |= {"certificate": self._certificates.by_route, "messages-undelivered": self._notifier.faults}
        faults |= {"history-not-stored": self._history.faults}
        self._engine.on_protocols(protocols.learnt, faults)
        part = settings.memory // WAITING_PARTS
        clocks = time.thread_time, time.monotonic
        self._intake = Intake(protocols.decode, self._observed, self._section, *clocks, part, protocols.together)
        self._capture, self._journal = CaptureWriter(), Journal(lines)
        self._profiles = Profiles(self._board)
        self._lag, self._free = LoopLag(), FreeMemory()
        self._mirror = mirror
        self._link = LinkServer(self._ticked, self._recorded, settings.workers, self._shed, memory=part)
        self._pulses = Pulses(args.pulse_fd)
        context = ApiContext(self._engine, self._board, self._metrics(), lambda: self._link.workers, self._now)
        context.fleet, context.history, context.chronicle = self._fleet, self._history, self._chronicle
        context.labelled = lambda labels: self._capture.label(labels, self._now.wall())
        self._context, self._api = context, AdminListener(application(context), context.connections)
        self._watch = FileWatch(args.config)
        self._named: dict[str, FileWatch] = {}  # files of credentials and packages
        self._over = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    def _outside(self) -> Outside:
        execute = execution(MOVES, tags, refusal_of)
        unique = lambda: os.urandom(8).hex()  # noqa: E731
        notifier, host = self._notifier, socket.gethostname()
        return Outside(self._now, time.monotonic, unique, host, execute, notifier.listen, lambda: notifier.idle)

    async def serve(self) -> None:
        """From the first table to SIGTERM."""
        self._heed_settings()
        with contained("taking up stories"):
            self._chronicle.begin(self._engine.keeper.snapshots)
        self._engine.begin(self._now(), self._slot.read(), self._found)
        self._adopt(self._load)  # `load` may have gone on with older settings at first: now the mistake is shown
        self._use_threads()
        self._listen_to_signals(asyncio.get_running_loop())
        api = self._api
        await api.start([socket.socket(fileno=fd) for fd in self._args.admin_fds], self._engine.settings.admin.tls)
        await self._link.start(socket.socket(fileno=self._args.link_fd))
        spare_the_collector()
        self._pulses.keep_beating(PLACE, asyncio.get_running_loop())
        self._lag.keep_looking(asyncio.get_running_loop())
        log.info("control is up: table %d, %d routes", self._engine.revision, len(self._engine.routes))
        if self._fleet is not None:
            self._fleet.start()
        await self._look_until_over()
        if self._fleet is not None:
            await self._fleet.close()
        await self._link.close()
        await api.close()
        await self._notifier.close()
        await self._judge.close()
        self._capture.close()
        self._engine.keeper.snapshots.close(self._engine.routes, self._board)
        self._chronicle.close()
        await self._history.close(self._now())
        await self._journal.close(self._now.wall())

    def _use_threads(self) -> None:
        """From here on nobody waits long for a disk."""
        disk = DiskThread(name="state")  # of all that stands beside the state file
        self._engine.keeper.use(disk)
        self._chronicle.archive.use(disk)
        self._notifier.use_thread(disk)
        if self._mirror is not None:
            self._mirror.use(disk)

    def _tell_of_states(self) -> None:
        with contained("following the states of stories"):
            self._chronicle.follow(self._engine.routes, self._now.wall())

    def _listen_to_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR1, self._drain)
        loop.add_signal_handler(signal.SIGTERM, self._over.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())  # what came since the birth is heeded now
        loop.add_reader(self._args.lifeline_fd, self._orphaned)

    def _orphaned(self) -> None:
        if not os.read(self._args.lifeline_fd, 1):
            log.error("the supervisor is gone")  # an error is written before the program goes on
            os._exit(EXIT_ORPHAN)

    async def _look_until_over(self) -> None:
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), LOOK_SECONDS)
            except TimeoutError:
                self._look()

    def _look(self) -> None:
        raise_descriptor_limit()  # somebody may have lowered it
        self._link.look()
        if self._fleet is not None:
            with contained("looking after the lease of the fleet"):
                self._fleet.member.look()
        with contained("judging what time brings"):
            self._engine.on_time(self._now())
            self._notifier.look(self._engine, self._fleet is None or self._fleet.member.session.is_judge)
        with contained("keeping the history"):
            self._history.look(self._now())
        with contained("telling stories"):
            self._chronicle.on_time(self._engine.routes, self._engine.notices, self._now.wall())
        with contained("asking judges"):
            self._judge.ask(self._board.questions(), self._now())
        with contained("telling of overdue exchanges"):
            self._journal.look(self._now.wall())
        with contained("letting go of old captures"):
            self._capture.look(self._now.wall())
        self._certificates.look(time.monotonic())
        self._free.look(time.monotonic())
        if self._watch.changed():
            log.info("the configuration file has changed")
            self._reload()
        # All are looked at each time: whether a file stands still shows from one look to the next.
        if changed := [path for path, watch in self._named.items() if watch.changed()]:
            log.info("a file that the configuration names has changed: %s", ", ".join(changed))
            self._reload()

    def _reload(self) -> None:
        """Reads the configuration in a thread: a large one takes seconds, and ticks and deadlines do not wait."""
        self._again = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._read_until_taken())

    async def _read_until_taken(self) -> None:
        while self._again:
            self._again = False
            for watch in (self._watch, *self._named.values()):
                watch.take()
            loaded = asyncio.get_running_loop().create_task(asyncio.to_thread(self._load))
            await asyncio.wait([loaded])
            self._adopt(loaded.result)

    def _adopt(self, load: Callable[[], Settings]) -> None:
        with contained("a reload"):
            self._engine.reload(load, self._now())
        self._heed_settings()

    def _renewed(self, settings: Settings) -> None:
        self._engine.renew(settings, self._now())
        self._heed_settings()

    def _heed_settings(self) -> None:
        """Applies the settings beside the routes."""
        settings = self._engine.settings
        paths = {each.file for each in settings.credentials.values() if each.file}
        paths |= {each.path for each in settings.packages.values()} | {*settings.package_keys}
        self._named = {path: self._named.get(path) or FileWatch(path) for path in sorted(paths)}
        self._api.use(self._engine.settings.admin.tls)
        if self._fleet is not None:
            self._fleet.use(self._engine.settings.fleet)
        self._judge.use(judges(self._engine.settings))
        self._notifier.use(self._engine.settings.notify, self._engine.settings.admin.public_url)
        self._capture.use(self._engine.settings.capture, self._engine.settings.routes)
        self._history.use(self._engine.settings.history)
        self._intake.budget = self._engine.settings.analysis_part
        self._promised.wait = self._engine.settings.pairing
        self._board.wait_for_pairs(self._engine.settings.pairing)
        with contained("the settings of log and spans"):
            self._journal.use(self._engine.settings)
        self._profiles.use(route.section for route in self._engine.routes.values())
        self._engine.on_profile_faults(self._profiles.faults)

    def _drain(self) -> None:
        self._context.draining = True

    def _publish(self, table: Table) -> None:
        """Workers first: they must not wait for a slow disk."""
        self._link.publish(table)
        try:
            self._slot.write(table)
        except OSError as error:
            log.error("the table could not be written for workers that start while control is gone: %s", error)
        self._tell_of_states()

    def _ticked(self, tick: Tick) -> float:
        with contained("keeping what a tick tells"):  # before what is decided by it, which is told with these counts
            self._chronicle.on_tick(tick, self._now.wall())
            self._history.on_tick(tick, self._now())
        with contained("counting a tick"):
            if self._fleet is not None:
                self._fleet.member.on_tick(tick)
            self._engine.on_tick(tick, self._now())
        return self._intake.sample_at(self._now())

    def _recorded(self, batch: Records) -> int:
        """Takes as many records as `Intake` says, in any order: nobody changes one."""
        source, records = (batch.worker, batch.incarnation), batch.records
        analysed = False
        with contained("analysing records"):
            records, analysed = records[: self._intake.take(records, source, self._now())], True
        legs = [record for record in records if not record.partial]
        with contained("capturing records"):
            for key in self._board.differing():
                self._capture.remark(key, "differs")
            self._capture.take(legs, source)
        with contained("telling of exchanges"):
            self._journal.take(legs, source, self._now.wall())
        with contained("remembering failed requests"):
            self._engine.on_records(legs)
            self._chronicle.on_records(legs, source, self._now.wall())
        self._board.on_lost_records(0 if analysed else len(legs))
        return len(records)

    def _judged(self, question: Question, score: float | None) -> None:
        with contained("taking the score of a judge"):
            self._board.on_judged(question, score)

    def _shed(self, reason: str, count: int) -> None:
        self._board.on_lost_records(count, reason)
        self._intake.shed()

    def _observed(self, observations: Iterable[Observation], now: float, alike: Sequence[AlikeLegs]) -> None:
        settled = self._promised.settled(observations, now)
        for seen in settled:
            if seen.content:
                self._capture.remark((seen.source, seen.exchange), f"{seen.version}:{seen.content}")
        self._board.on_observations(settled, now, alike)
        with contained("keeping what answers tell"):
            self._chronicle.on_observations(settled)

    def _section(self, route: str) -> RouteSettings | None:
        control = self._engine.routes.get(route)
        return control.section if control else None

    def _metrics(self) -> CollectorRegistry:
        sources = MetricSources(
            board=self._board,
            engine=self._engine,
            workers=lambda: self._link.workers,
            notifier=self._notifier,
            capture=self._capture,
            journal=self._journal,
            restarts=self._pulses.restarts,
            now=self._now,
            judges=self._judge.calls,
            lag=self._lag,
            bounds=(
                self._link.bounds_reached,
                self._intake.bounds_reached,
                self._history.bounds_reached,
                self._notifier.bounds_reached,
                lambda: {**self._context.bounds_reached, **self._context.connections.let_go},
            ),
        )
        made = registry(sources)
        if self._fleet is not None:
            made.register(FleetCollector(self._fleet))
        made.register(HistoryCollector(self._history))
        made.register(StoryCollector(self._chronicle.archive))
        made.register(CertificateCollector(self._certificates))
        made.register(HandshakeCollector(self._board.counters, lambda: self._api.handshakes))
        ProcessCollector(registry=made)
        return made
