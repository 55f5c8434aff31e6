"""State that the connections of a worker share: the table in force, counters, records, bounds, and whoever has
deadlines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import random

from proxy.contracts.client_bounds import ClientBounds
from proxy.dataplane.client_ports import ClientConnection
from proxy.dataplane.live import LiveRoute, LiveTable, Target
from proxy.dataplane.memory import NO_MEMORY, REQUESTS, ROOMY
from proxy.dataplane.ports import Timed
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.rollback import Departures
from proxy.dataplane.stall import LoopWatch
from proxy.dataplane.tally import Tally
from proxy.dataplane.timings import Timings
from proxy.dataplane.unexpected import expire, give_up, unexpected

Turned = Callable[["Shared", ClientConnection, asyncio.Transport, bytes, float], None]

log = logging.getLogger("penumbra.worker")


class Shared:
    """The state that a worker's connections, exchanges and legs have in common.

    - `table`: the table in force, None until the first one has come; `draining`: the worker is about to end
    - `exchanges`, `copies`: those under way, for the sweep of deadlines; `clients`: open connections
    - `secured`: connections that hold the state of TLS; `shaking`: those that are no clients yet, or no more
    - `bounds`: what clients may send; `deciding_body`: one of them
    - `http2`: takes over a client's connection that turns out to speak HTTP/2; None: none may
    - `hop`: the block that tells this program that a request has passed through it, empty: nothing is told
    - `short`: requests have found no memory since there was room for everything
    - `memory`: the budget that everything draws on
    - `copied`: bytes of request bodies that copies under way hold
    - `departures`: streams on versions that were rolled back
    - `watch`: whether the event loop stands still
    - `clock`: monotonic seconds, read where something ends; everything else is told when it happens
    """

    __slots__ = (
        "bounds",
        "clients",
        "clock",
        "copied",
        "copies",
        "deciding_body",
        "departures",
        "draining",
        "exchanges",
        "heads",
        "hop",
        "http2",
        "max_clients",
        "memory",
        "recorder",
        "secured",
        "shaking",
        "short",
        "table",
        "tally",
        "timings",
        "watch",
    )

    def __init__(
        self,
        tally: Tally,
        recorder: Recorder,
        timings: Timings,
        max_clients: int,
        clock: Callable[[], float],
        hop: str = "",
        client: ClientBounds | None = None,
    ) -> None:
        self.bounds = client or ClientBounds()
        self.deciding_body = self.bounds.deciding_body  # a plain number: each request asks for it
        self.tally, self.recorder, self.timings, self.clock = tally, recorder, timings, clock
        self.table: LiveTable | None = None
        self.hop = b"x-penumbra-hop: %b\r\n" % hop.encode() if hop else b""
        self.draining = False
        self.http2: Turned | None = None
        self.max_clients = max_clients
        self.exchanges: set[Timed] = set()
        self.copies: set[Timed] = set()
        self.clients: set[ClientConnection] = set()
        self.copied = self.secured = self.shaking = 0
        self.departures = Departures(random)
        self.short = False
        self.memory = recorder.memory
        self.watch = LoopWatch(timings.leg_sweep, timings.stall)

    def opened(self, client: ClientConnection, now: float) -> None:
        """A client has connected; one too many is turned away."""
        self.clients.add(client)
        self.tally.connections += 1
        if self.draining and not client.was_admitted():
            client.close()
        elif len(self.clients) + self.shaking > self.max_clients:
            client.refuse("too_many_connections", f"the limit is {self.max_clients}", now)
        elif self.memory.is_full():
            self.memory.shed[REQUESTS] += 1
            client.refuse("no_memory", NO_MEMORY, now)
        elif len(self.clients) > ROOMY:
            client.narrow()

    def has_passed(self, hops: bytes) -> bool:
        """Whether a request with these hops comes from this program: it would go in circles."""
        return bool(self.hop) and self.hop[16:-2] in hops

    def replaced(self, client: ClientConnection, by: ClientConnection) -> None:
        """Another protocol has taken over a client's connection."""
        self.clients.discard(client)
        self.memory.forget(client)
        self.clients.add(by)

    def closed(self, client: ClientConnection) -> None:
        """A client's connection has ended."""
        self.clients.discard(client)
        self.memory.forget(client)
        self.tally.connections -= 1

    def judge(self, target: Target, route: LiveRoute, inference: bool, succeeded: bool, now: float) -> None:
        """Tells the target's breaker how a leg went, and the others how the primary's did; a change is logged."""
        breaker = target.breaker_of(inference)
        if breaker is None:
            route.health.update(succeeded, now)
            return
        if breaker.succeeded() if succeeded else breaker.failed(now, route.health):
            state = "ejected" if breaker.open else "back"
            kind = "" if inference else ", for requests that are no inferences"
            log.warning("route %s: %s %s is %s%s", route.name, target.arm.role, target.version, state, kind)

    def look(self, now: float) -> None:
        """A regular look: after a stall, deadlines are moved on by what nobody could hear."""
        self.memory.look(len(self.clients), self.recorder.waiting(), self.secured)
        self._tell_of_memory()
        late = self.watch.look(now)
        self.tally.lag(late)
        if late > self.watch.least:
            for each in (*self.exchanges, *self.copies):
                each.postpone(late)

    def _tell_of_memory(self) -> None:
        memory = self.memory
        if not self.short and memory.shed[REQUESTS]:
            self.short = True
            log.warning("no memory for more requests: %d bytes of %d are in use", memory.used(), memory.limit)
        elif self.short and memory.has_room():
            self.short = False
            log.info("memory for requests is there again")

    def sweep_deadlines(self, now: float) -> None:
        """Ends exchanges and copies that have taken too long."""
        for exchange in tuple(self.exchanges):
            expire(exchange, now)
        for copy in tuple(self.copies):
            expire(copy, now)
        self.departures.sweep(self.exchanges, now)

    def follow(self, table: LiveTable, now: float) -> None:
        """`table` is in force."""
        self.table = table
        self.departures.follow(table.routes, self.exchanges, now)

    def under_way(self, now: float) -> list[tuple[str, str, str, float]]:
        """The age of the oldest inference under way, in seconds, of each route, version and role that has any."""
        ages: dict[tuple[str, str, str], float] = {}
        for each in (*self.exchanges, *self.copies):
            each.note_age(ages, now)
        return [(*key, age) for key, age in ages.items()]

    def streams(self) -> list[tuple[str, str, str, int]]:
        """How many streams are open of each route, version and role that has any."""
        found: dict[tuple[str, str, str], int] = {}
        for each in self.exchanges:
            arm = each.asked() if each.is_stream() else None
            if arm is not None:
                key = (arm.route, arm.version, arm.role)
                found[key] = found.get(key, 0) + 1
        return [(*key, count) for key, count in found.items()]

    def give_up(self, reason: str) -> None:
        """Ends all exchanges and copies; each is counted with `reason`, and charged to nobody."""
        for each in (*self.exchanges, *self.copies):
            give_up(each, reason)

    def sweep_clients(self, now: float) -> None:
        """Ends connections of clients that are idle or slow for too long."""
        for client in tuple(self.clients):
            try:
                client.sweep(now)
            except Exception as error:
                unexpected(error)
                client.close()
