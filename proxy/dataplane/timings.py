"""Times that a worker keeps, apart from those that a route configures. One argument, so that tests can shorten them."""

from __future__ import annotations

from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.record import TICK_SECONDS


class Timings:
    """All in seconds.

    - `head`, `keep_alive`, `linger`, `body`: as configured (`contracts.client_bounds`)
    - `drain_idle`: `keep_alive` while the worker drains. Not zero: a client may be sending just now; one that does gets
      its answer, and the connection ends with it.
    - `leg_sweep`: between looks at the deadlines of exchanges and copies: how late a deadline may be met.
    - `stall`: how late such a look may be; one that is later finds a loop that stood still (`dataplane.stall`).
      Scheduling alone takes a few milliseconds.
    - `client_sweep`: between looks at idle and slow clients and at idle connections to model servers.
    - `tick`: between reports to control: the records that wait, then a tick, with which control judges.
    - `garbage`: between collections of cyclic garbage. The hot path makes none, so that looking for it after so many
      allocations, as Python does, would only cost latency; what errors leave behind is collected then.
    - `first_table`: how long a starting worker waits for control before it takes the table from the slot; `slot_look`:
      between looks for one that control has promised.
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
        "slot_look",
        "stall",
        "tick",
    )

    def __init__(self, client: ClientBounds | None = None) -> None:
        bounds = client or ClientBounds()
        self.head, self.keep_alive = bounds.head_timeout, bounds.keep_alive
        self.linger, self.body = bounds.linger, bounds.body_timeout
        self.drain_idle = 1.0
        self.leg_sweep, self.stall, self.client_sweep = 0.025, 0.05, 0.5
        self.tick, self.garbage, self.first_table = TICK_SECONDS, 30.0, 1.0
        self.slot_look = 0.01
