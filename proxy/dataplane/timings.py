"""Times that a worker keeps, apart from those that a route configures. One argument, so that tests can shorten them."""

from __future__ import annotations

from proxy.contracts.record import TICK_SECONDS

HEAD_TIMEOUT = 15.0
KEEP_ALIVE = 75.0


class Timings:
    """All in seconds.

    - `head`: from the first byte of a request's head to its last. nginx has 60, Envoy none by default, HAProxy asks.
    - `keep_alive`: how long a client's connection may stay without a request: nginx's default.
    - `drain_idle`: the same while the worker drains. Not zero: a client may be sending just now; one that does gets its
      answer, and the connection ends with it.
    - `linger`: how long input is read and thrown away after an answer that ends the connection (RFC 9112 §9.6).
    - `body`: how long a body may pause while it has not yet decided about the route (then the route's `idle` holds).
    - `server_idle`: how long a connection to a model server may be idle. Shorter than the common server limit of 60; a
      server that closes sooner costs one silent retry.
    - `leg_sweep`: between looks at the deadlines of exchanges and copies: how late a deadline may be met.
    - `stall`: how late such a look may be; one that is later finds a loop that stood still (`dataplane.stall`).
      Scheduling alone takes a few milliseconds.
    - `client_sweep`: between looks at idle and slow clients and at idle connections to model servers.
    - `tick`: between reports to control: the records that wait, then a tick, with which control judges.
    - `garbage`: between collections of cyclic garbage. The hot path makes none, so that looking for it after so many
      allocations, as Python does, would only cost latency; what errors leave behind is collected then.
    - `first_table`: how long a starting worker waits for control before it takes the table from the slot.
    """

    __slots__ = (
        "body",
        "client_sweep",
        "drain_idle",
        "first_table",
        "garbage",
        "head",
        "keep_alive",
        "leg_sweep",
        "linger",
        "server_idle",
        "stall",
        "tick",
    )

    def __init__(self) -> None:
        self.head, self.keep_alive = HEAD_TIMEOUT, KEEP_ALIVE
        self.drain_idle, self.linger = 1.0, 2.0
        self.body = 60.0
        self.server_idle = 55.0
        self.leg_sweep, self.stall, self.client_sweep = 0.025, 0.05, 0.5
        self.tick, self.garbage, self.first_table = TICK_SECONDS, 30.0, 1.0
