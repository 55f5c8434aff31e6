"""A worker process: accepts on the inherited socket, follows tables, reports ticks, drains.

Deadlines are swept, not timed: one timer for all legs each `LEG_SWEEP` seconds, so that a request costs no timer. A
worker without control serves on: after the lease it sends everything to the primaries, and a worker that starts while
control is gone takes the last table from the slot, primaries only.
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
from typing import TYPE_CHECKING

import uvloop

from proxy.contracts.table import Table, primaries_only
from proxy.contracts.worker_args import WorkerArgs
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.live import LiveTable, Registry, Target
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.tally import Tally
from proxy.link.client import LinkClient, hello
from proxy.link.outbox import Outbox
from proxy.link.slot import TableSlot

if TYPE_CHECKING:
    from proxy.dataplane.exchange import Exchange
    from proxy.dataplane.shadow import ShadowLeg

log = logging.getLogger("penumbra.worker")

TICK = 0.1
"""Seconds between ticks."""

RECORDS = 0.25
"""Seconds that records wait for more: what they are evidence of is judged about once a second."""

LEG_SWEEP = 0.025
"""Seconds between looks at the deadlines of legs: how much later than configured a deadline may be met."""

CLIENT_SWEEP = 0.5
"""Seconds between looks at idle and slow clients and at idle upstream connections."""

GARBAGE = 30.0
"""Seconds between collections of cyclic garbage. The hot path makes none, so that looking for it after so many
allocations, as Python does, would only cost latency; what errors leave behind is collected here."""

FIRST_TABLE = 1.0
"""Seconds that a starting worker waits for control before it takes the table from the slot."""

BACKLOG = 4096


class Worker:
    """The state that the connections of a worker share. `table` is None until the first one has come."""

    def __init__(self, args: WorkerArgs) -> None:
        self._args = args
        self._hello = hello(args.index)
        self._outbox = Outbox(args.index, self._hello.incarnation)
        self._link = LinkClient(args.link_path, self._outbox, self._hello, self._apply, time.monotonic)
        self.tally = Tally()
        self.recorder = Recorder(self._outbox, time.time() - time.monotonic())
        self._registry = Registry(self.tally)
        self._slot = TableSlot(args.slot_fd)
        self._source: Table | None = None
        self.table: LiveTable | None = None
        self.leased = True
        self._unleased = 0.0
        self.draining = False
        self.exchanges: set[Exchange] = set()
        self._clients: set[Downstream] = set()
        self._shadows: set[ShadowLeg] = set()
        self.shadow_bytes = 0
        self._server: asyncio.Server | None = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serves until told to stop; the process's exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's Ctrl-C is the supervisor's to handle
        loop.add_reader(self._args.lifeline_fd, self._orphaned)
        link = loop.create_task(self._link.run())
        tasks = [
            link,
            loop.create_task(self._every(TICK, self._tick)),
            loop.create_task(self._every(RECORDS, self._link.send_records)),
            loop.create_task(self._every(LEG_SWEEP, self._sweep_legs)),
            loop.create_task(self._every(CLIENT_SWEEP, self._sweep_clients)),
            loop.create_task(self._every(GARBAGE, gc.collect)),
        ]
        await self._first_table()
        if not self._stop.is_set():
            await self._serve()
            await self._stop.wait()
        await self._drain()
        for task in tasks:
            task.cancel()
        loop.remove_reader(self._args.lifeline_fd)
        return 0

    async def _first_table(self) -> None:
        while self.table is None and not self._stop.is_set():
            try:
                async with asyncio.timeout(FIRST_TABLE):
                    await self._ready.wait()
            except TimeoutError:
                table = self._slot.read()
                if table is not None:
                    log.warning("no control: serving the primaries of the last table")
                    self._source, self.leased, self._unleased = table, False, time.monotonic()
                    self.table = self._registry.compile(primaries_only(table))

    async def _serve(self) -> None:
        sock = socket.socket(fileno=self._args.listen_fd)  # no copy: closed, it refuses
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Downstream(self), sock=sock, backlog=BACKLOG)
        gc.collect()
        gc.freeze()
        gc.disable()
        log.info("worker %d serves, table %d", self._args.index, self.table.revision if self.table else 0)

    async def _drain(self) -> None:
        self.draining = True
        if self._server is not None:
            self._server.close()
        await _until(lambda: not self._clients and not self._shadows, self._args.drain)
        if self._clients:
            log.warning("drain deadline: %d connections cut off", len(self._clients))
        await self._report_all()

    async def _report_all(self) -> None:
        # Two ticks: the one under way, and one with what was counted meanwhile.
        self._link.send_records()
        for _ in range(2):
            await _until(lambda: self._outbox.may_tick, 1.0)
            self._tick()
        await _until(lambda: self._outbox.may_tick, 1.0)

    async def _every(self, seconds: float, action: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                action()
            except Exception:  # a bug must not end all deadlines and all ticks
                log.exception("periodic work failed")

    def _orphaned(self) -> None:
        log.error("the supervisor is gone")
        os._exit(1)

    # tables

    def _apply(self, table: Table) -> None:
        if self._source is not None and table.revision < self._source.revision:
            log.warning("table %d comes after %d: control's store went back", table.revision, self._source.revision)
        self._source, self.leased = table, True
        self.table = self._registry.compile(table)
        self._ready.set()

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
            self.table = self._registry.compile(primaries_only(self._source))

    # connections and legs

    def opened(self, client: Downstream) -> None:
        self._clients.add(client)
        self.tally.connections += 1
        if self.draining:
            client.transport.close()
        elif len(self._clients) > self._args.connections:
            client.refuse("too_many_connections", f"the limit is {self._args.connections}")

    def closed(self, client: Downstream) -> None:
        self._clients.discard(client)
        self.tally.connections -= 1

    def shadow_started(self, leg: ShadowLeg) -> None:
        self._shadows.add(leg)
        leg.target.inflight += 1
        leg.arm.inflight += 1
        self.shadow_bytes += len(leg.request)

    def shadow_done(self, leg: ShadowLeg) -> None:
        self._shadows.discard(leg)
        leg.target.inflight -= 1
        leg.arm.inflight -= 1
        self.shadow_bytes -= len(leg.request)

    def breaker_changed(self, target: Target, route: str) -> None:
        state = "ejected" if target.breaker is not None and target.breaker.open else "back"
        log.warning("route %s: %s %s is %s", route, target.arm.role, target.version, state)

    # periodic

    def _tick(self) -> None:
        now = time.monotonic()
        self._check_lease(now)
        sample = self._link.sample
        self.recorder.sample = sample
        if not self._outbox.may_tick:
            return
        revision = self._source.revision if self._source is not None else 0
        tick = self.tally.take(
            self._args.index, self._hello.incarnation, revision, self.leased, self._outbox.take_dropped()
        )
        self._link.send_tick(tick)

    def _sweep_legs(self) -> None:
        if self._outbox.ripe:
            self._link.send_records()
        now = time.monotonic()
        for exchange in tuple(self.exchanges):
            exchange.expire(now)
        for leg in [leg for leg in self._shadows if leg.deadline < now]:
            leg.expire(now)

    def _sweep_clients(self) -> None:
        now = time.monotonic()
        for client in tuple(self._clients):
            client.sweep(now)
        for pool in self._registry.pools:
            pool.sweep(now)


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
