"""Whether the other side of a connection by HTTP/2 still lives: nobody tells of a machine that was cut off.

1. Silence counts only while calls are open, and from the last byte that was heard. After `patience` seconds of it a
   sign of life is asked for (PING), once: servers of gRPC allow one in five minutes without data, and end whoever asks
   more often.
2. Whoever has not answered that after `ANSWER` seconds is dead. Any byte is an answer.
3. Calls that were given up while nothing was heard of a server are a reason to send it no further ones by this
   connection (`gave_up`), long before there is one to ask: `FEW` of them in a silence of `SOON` seconds, or one in a
   silence of `LATE`.
4. A loop that stood still has heard nothing, and that says nothing.
"""

from __future__ import annotations

from typing import Final

ANSWER: Final = 20.0
"""Seconds for the answer to a PING: gRPC's own default."""

FEW: Final = 3
SOON: Final = 1.0
LATE: Final = 5.0
"""A client that cancels what it has just begun says nothing about the server."""

REGULAR: Final = 2.0
"""Seconds between looks; what is beyond, the loop stood still."""

CALM: Final = 0
ASK: Final = 1
DEAD: Final = 2


class Silence:
    """Of one connection. Seconds are monotonic.

    - `asked`: when a sign of life was asked for, 0: it was not; `looked`: when it was last looked at
    - `since`: when a silence of open calls began, as far as looks can tell
    - `waiting`: when the first call was sent since something was heard; `given_up`: how many of them were since
    """

    __slots__ = ("asked", "given_up", "looked", "since", "waiting")

    def __init__(self) -> None:
        self.asked = self.looked = self.since = self.waiting = 0.0
        self.given_up = 0

    def look(self, busy: bool, heard: float, patience: float, now: float) -> int:
        """What is to be done: nothing, ask, or let go. `busy`: calls are open; `heard`: when a byte last came."""
        late = now - self.looked - REGULAR if self.looked else 0.0
        self.looked = now
        if late > 0.0:
            self.since += late
            self.asked += late if self.asked else 0.0
        if not busy:
            self.since, self.asked = now, 0.0
            return CALM
        if heard > self.since:
            self.since, self.asked = heard, 0.0
        if self.asked:
            return DEAD if now - self.asked > ANSWER else CALM
        if now - self.since <= patience:
            return CALM
        self.asked = now
        return ASK

    def sent(self, now: float) -> None:
        """The first call goes out since something was heard."""
        self.waiting, self.given_up = now, 0

    def gave_up(self, heard: float, now: float) -> bool:
        """A call was given up of which nothing had been heard. True: no further ones should be sent."""
        if heard > self.waiting:
            return False
        self.given_up += 1
        silent = now - self.waiting
        return silent >= LATE or (silent >= SOON and self.given_up >= FEW)
