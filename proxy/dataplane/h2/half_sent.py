"""Clients that have sent half of a block of fields: what that holds is not seen from here, so they are few.

A block is read once it is whole, and what has come of it is held until then: up to a frame and `MAX_CONTINUATIONS`
more, about 150 KB. A block whose end does not come is ended by `client.head_timeout`. Before that a further one takes
the place of the one that has waited longest, where there are more than `MOST`, or more than `PATIENT` and it is older
than `GRACE`. Heads of honest clients are whole within milliseconds.
"""

from __future__ import annotations

from typing import Final

from proxy.dataplane.client_ports import ClientConnection

MOST: Final = 128
"""Half-sent blocks at a time in a worker: 19 MB at worst."""

PATIENT: Final = 32
GRACE: Final = 1.0
"""Seconds after which a block that is still half sent is one of the slow, who make room for others sooner."""


class HalfSent:
    """Of one worker, in the order in which they began."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: dict[ClientConnection, float] = {}

    def begin(self, client: ClientConnection, now: float) -> ClientConnection | None:
        """`client` has sent a part. Returns who has to go for it."""
        since = self._since
        since.setdefault(client, now)
        if len(since) <= PATIENT:
            return None
        oldest, began = next(iter(since.items()))
        if len(since) <= MOST and now - began < GRACE:
            return None
        del since[oldest]
        return oldest

    def end(self, client: ClientConnection) -> None:
        """Its block is whole, or its connection has ended; also for one that has none."""
        self._since.pop(client, None)


HALF_SENT: Final = HalfSent()
"""Of this worker, which has one thread."""
