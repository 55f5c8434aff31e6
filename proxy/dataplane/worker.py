"""A worker process: accepts on the inherited socket, follows tables, reports ticks, drains.

Deadlines are swept, not timed: one timer for all legs (`Timings.leg_sweep`), so that a request costs no timer. A
worker without control serves on: after the lease it sends everything to the primaries. A worker that starts before
control is up follows the table that it has promised; one that starts while control is gone takes the last table from
the slot, primaries only.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial

import uvloop

from proxy.contracts.backlog import LISTEN_BACKLOG
from proxy.contracts.table import Table, primaries_only
from proxy.contracts.worker_args import WorkerArgs
from proxy.dataplane.descriptors import Descriptors
from proxy.dataplane.dialing import ServerDialer
from proxy.dataplane.fronts import Fronts
from proxy.dataplane.h2.connection import TURN
from proxy.dataplane.h2.downstream import take_over
from proxy.dataplane.live import Registry
from proxy.dataplane.lookups import Lookups
from proxy.dataplane.memory import Memory
from proxy.dataplane.names import LookUp, VersionNames
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.shared import Shared
from proxy.dataplane.tally import Tally
from proxy.dataplane.timings import Timings
from proxy.dataplane.unexpected import unexpected
from proxy.descriptor_limit import raise_descriptor_limit
from proxy.link.client import LinkClient, hello
from proxy.link.outbox import Outbox
from proxy.link.pulse import Pulses
from proxy.link.slot import TableSlot

log = logging.getLogger("penumbra.worker")


class Worker:
    """The shell of the process: `shared` is what it looks after. `ask` looks versions up, in tests.

    - `leased`: control has been heard from within the table's lease
    """

    def __init__(self, args: WorkerArgs, timings: Timings | None = None, ask: LookUp | None = None) -> None:
        self._args = args
        self._timings = timings = timings or Timings(args.client)
        self._hello = hello(args.index)
        self._outbox = Outbox(args.index, self._hello.incarnation)
        self._link = LinkClient(args.link_path, self._outbox, self._hello, self._apply, time.monotonic)
        recorder = Recorder(self._outbox, time.time() - time.monotonic(), Memory(args.memory))
        self._files = raise_descriptor_limit()
        self._descriptors = descriptors = Descriptors(self._files)
        clients = self._clients()
        self.shared = Shared(Tally(), recorder, timings, clients, time.monotonic, args.hop, args.client)
        self.shared.http2 = take_over
        self._names = VersionNames(self.shared.tally, time.monotonic, ask or Lookups().ask)
        self._fronts = Fronts(self.shared, lambda turn: asyncio.get_running_loop().call_soon(turn))
        self._registry = Registry(self.shared.tally, ServerDialer(timings, self._names), descriptors)
        self._slot, self._pulses = TableSlot(args.slot_fd), Pulses(args.pulse_fd)
        self._source: Table | None = None
        self._endpoints: dict[str, dict[str, str]] | None = None
        self.leased = True
        self._unleased = 0.0
        self._servers: list[asyncio.Server] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serves until told to stop; the process's exit code."""
        loop, times = asyncio.get_running_loop(), self._timings
        TURN.begin(loop.call_soon)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C is the supervisor's to handle
        for unheeded in (signal.SIGHUP, signal.SIGUSR1):
            signal.signal(unheeded, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())  # what came since the birth is heeded now
        loop.add_reader(self._args.lifeline_fd, self._orphaned)
        self._pulses.keep_beating(self._args.index + 1, loop)
        link = loop.create_task(self._link.run())
        self._every(times.tick, self._tick)
        self._every(times.leg_sweep, self._sweep_deadlines)
        self._every(times.client_sweep, self._sweep_connections)
        self._every(times.garbage, gc.collect)
        await self._first_table()
        if not self._stop.is_set():
            await self._serve()
            await self._stop.wait()
        await self._drain()
        link.cancel()
        for timer in self._timers:
            timer.cancel()
        loop.remove_reader(self._args.lifeline_fd)
        TURN.begin(None)
        return 0

    async def _first_table(self) -> None:
        patience = time.monotonic() + self._timings.first_table
        while self.shared.table is None and not self._stop.is_set():
            try:
                async with asyncio.timeout(self._timings.slot_look):
                    await self._ready.wait()
            except TimeoutError:
                self._look_into_slot(patience, time.monotonic())

    def _look_into_slot(self, patience: float, now: float) -> None:
        """Takes what control, which is about to be up, has promised; and after `patience` the last table of all."""
        table, promised = self._slot.promised()
        if table is not None and promised and now < promised + table.lease:
            self._source, self._link.heard = table, promised
            self._follow(table)
        elif table is not None and now >= patience:
            log.warning("no control: serving the primaries of the last table")
            self._source, self.leased, self._unleased = table, False, now
            self._follow(primaries_only(table))

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        numbers = self._args.listeners or (0,) * len(self._args.listen_fds)
        for fd, number in zip(self._args.listen_fds, numbers, strict=True):
            sock = socket.socket(fileno=fd)  # no copy: closed, it refuses
            sock.setblocking(False)
            client = partial(self._fronts.client, number)
            self._servers.append(await loop.create_server(client, sock=sock, backlog=LISTEN_BACKLOG))
        gc.collect()
        gc.freeze()
        gc.disable()
        log.info("worker %d serves, table %d", self._args.index, self.shared.table.revision if self.shared.table else 0)

    async def _drain(self) -> None:
        shared = self.shared
        shared.draining = True
        for server in self._servers:
            server.close()
        shaking = self._fronts.admission
        shaking.drain(time.monotonic())
        await _until(lambda: not (shared.clients or shared.copies or shaking.under_way), self._args.drain)
        if shared.clients:
            log.warning("drain deadline: %d connections cut off", len(shared.clients))
        shared.give_up("draining")
        await self._report_all()

    async def _report_all(self) -> None:
        # Two ticks: the one under way, and one with what was counted meanwhile.
        for _ in range(2):
            await _until(lambda: self._outbox.may_tick, 1.0)
            self._tick()
        await _until(lambda: self._outbox.may_tick, 1.0)

    def _every(self, seconds: float, action: Callable[[], object]) -> None:
        """Does `action` after so many seconds, again and again. By timers: a task would wake the loop twice."""
        place = len(self._timers)
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._again, place, seconds, action))

    def _again(self, place: int, seconds: float, action: Callable[[], object]) -> None:
        try:
            TURN.write()  # timers come before what is called soon: nobody looks at what is said and not written
            action()
        except Exception:  # a bug must not end all deadlines and all ticks
            log.exception("periodic work failed")
        self._timers[place] = asyncio.get_running_loop().call_later(seconds, self._again, place, seconds, action)

    def _orphaned(self) -> None:
        log.error("the supervisor is gone")
        os._exit(1)

    # tables

    def _apply(self, table: Table) -> None:
        if self._source is not None and table.revision < self._source.revision:
            log.warning("table %d comes after %d: control's store went back", table.revision, self._source.revision)
        self._source, self.leased = table, True
        self._follow(table)
        self._ready.set()

    def _follow(self, table: Table) -> None:
        self.shared.follow(self._registry.compile(table), time.monotonic())
        self._fronts.follow(table)

    def _check_lease(self, now: float) -> None:
        """The lease ends with control's silence and begins anew with its next word."""
        if self._source is None:
            return
        if not self.leased:
            if self._link.heard > self._unleased:
                self._apply(self._source)
            return
        if now - self._link.heard >= self._source.lease:
            log.error("control has been silent for %g s: all traffic goes to the primaries", self._source.lease)
            self.leased, self._unleased = False, now
            self._follow(primaries_only(self._source))

    # periodic

    def _tick(self) -> None:
        now = time.monotonic()
        self._check_lease(now)
        # Control judges with the tick: what bodies say of the same legs comes before it.
        self._link.send_records()
        sample = self._link.sample
        self.shared.recorder.sample = sample
        if not self._outbox.may_tick:
            return
        revision = self._source.revision if self._source is not None else 0
        tick = self.shared.tally.take(
            self._args.index, self._hello.incarnation, revision, self.leased, self._outbox.take_dropped()
        )
        tick.under_way, tick.streams = self.shared.under_way(now), self.shared.streams()
        memory = self.shared.memory
        tick.memory, tick.memory_limit, tick.shed = memory.used(), memory.limit, memory.take_shed()
        tick.endpoints, self._endpoints = self._endpoints, None
        self._link.send_tick(tick)

    def _clients(self) -> int:
        """How many there may be."""
        clients = min(self._args.connections, self._descriptors.clients)
        if clients < self._args.connections:
            asked = self._args.connections
            log.warning("the limit of open files allows %d clients, not %d: raise it", clients, asked)
        return clients

    def _heed_descriptor_limit(self) -> None:
        limit = raise_descriptor_limit()
        if limit != self._files:
            self._files = limit
            self._descriptors.allow(limit)
            self.shared.max_clients = self._clients()

    def _sweep_deadlines(self) -> None:
        self._heed_descriptor_limit()
        if self._outbox.may_tick and self.shared.tally.is_urgent():
            self._tick()
        elif self._outbox.ripe:
            self._link.send_records()
        now = time.monotonic()
        self.shared.look(now)
        self.shared.sweep_deadlines(now)

    def _sweep_connections(self) -> None:
        now = time.monotonic()
        self.shared.sweep_clients(now)
        self._fronts.admission.sweep(now)
        for pool in self._registry.pools:
            try:
                pool.sweep(now)
            except Exception as error:  # the others' names and idle connections have theirs
                unexpected(error)
        self._names.sweep(now)
        self._endpoints = self._registry.endpoints(now)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    # Polled: a drain is rare, and an event would cost every connection and every tick.
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def run(args: WorkerArgs) -> int:
    """The worker process's main function."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(args))


async def _run(args: WorkerArgs) -> int:
    return await Worker(args).run()
