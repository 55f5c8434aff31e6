"""The states of an exchange and of an attempt, and the events that lead from one to the next.

An exchange (one client request and its answer):

- It waits for its turn (`QUEUED`), looks for its route (`ROUTING`), may wait for the body that decides about its
  version (`ROUTED`), and has a leg (`ASKING`). Until a byte of an answer was written, the primary may take over once
  (`RESCUING`), and the proxy may answer by itself (`problem`).
- Once a part of an answer was written (`ANSWERING`) there is no other answer: it ends, or it is cut off.
- The client may go at any time (`gone`). Nothing happens after the end.

An attempt (a leg, or a copy to a shadow):

- It waits for a stream (`WAITING`), has one on a new connection (`OPEN`) or on one that was used before (`REUSED`).
- RFC 9112 §9.3.1: before anything was received, and only once, the request may be sent again (`again`;
  `dataplane.resend` says when): the attempt waits for another stream (`RETRYING`), and whichever it gets is its last
  (`LAST`).
- After the answer's head (`HEADED`) comes its end (`ENDED`). An attempt is counted when it closes, so it closes once.

Integers, so that a step costs a few nanoseconds; the tables are for reading, `Steps` for running.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import i64

QUEUED: Final = 0
ROUTING: Final = 1
ROUTED: Final = 2
ASKING: Final = 3
RESCUING: Final = 4
ANSWERING: Final = 5
OVER: Final = 6

START: Final = 0
ADMIT: Final = 1
ASSIGN: Final = 2
RESCUE: Final = 3
WRITE: Final = 4
DONE: Final = 5
PROBLEM: Final = 6
CUT: Final = 7
GONE: Final = 8

EXCHANGE: dict[tuple[int, int], int] = {
    (QUEUED, START): ROUTING,
    (QUEUED, CUT): OVER,
    (QUEUED, GONE): OVER,
    (ROUTING, ADMIT): ROUTED,
    (ROUTING, PROBLEM): OVER,
    (ROUTING, GONE): OVER,
    (ROUTED, ASSIGN): ASKING,
    (ROUTED, PROBLEM): OVER,
    (ROUTED, GONE): OVER,
    (ASKING, RESCUE): RESCUING,
    (ASKING, WRITE): ANSWERING,
    (ASKING, PROBLEM): OVER,
    (ASKING, GONE): OVER,
    (RESCUING, WRITE): ANSWERING,
    (RESCUING, PROBLEM): OVER,
    (RESCUING, GONE): OVER,
    (ANSWERING, WRITE): ANSWERING,
    (ANSWERING, DONE): OVER,
    (ANSWERING, CUT): OVER,
    (ANSWERING, GONE): OVER,
}

WAITING: Final = 0
REUSED: Final = 1
RETRYING: Final = 2
OPEN: Final = 3
LAST: Final = 4
HEADED: Final = 5
ENDED: Final = 6
CLOSED: Final = 7

FRESH: Final = 0
REUSE: Final = 1
AGAIN: Final = 2
HEAD: Final = 3
END: Final = 4
CLOSE: Final = 5

ATTEMPT: dict[tuple[int, int], int] = {
    (WAITING, FRESH): OPEN,
    (WAITING, REUSE): REUSED,
    (WAITING, CLOSE): CLOSED,
    (REUSED, AGAIN): RETRYING,
    (REUSED, HEAD): HEADED,
    (REUSED, CLOSE): CLOSED,
    (RETRYING, FRESH): LAST,
    (RETRYING, REUSE): LAST,
    (RETRYING, CLOSE): CLOSED,
    (OPEN, AGAIN): RETRYING,
    (OPEN, HEAD): HEADED,
    (OPEN, CLOSE): CLOSED,
    (LAST, HEAD): HEADED,
    (LAST, CLOSE): CLOSED,
    (HEADED, END): ENDED,
    (HEADED, CLOSE): CLOSED,
    (ENDED, CLOSE): CLOSED,
}

EXCHANGE_STATES = ("queued", "routing", "routed", "asking", "rescuing", "answering", "over")
EXCHANGE_EVENTS = ("start", "admit", "assign", "rescue", "write", "done", "problem", "cut", "gone")
ATTEMPT_STATES = ("waiting", "reused", "retrying", "open", "last", "headed", "ended", "closed")
ATTEMPT_EVENTS = ("fresh", "reuse", "again", "head", "end", "close")


class IllegalStep(Exception):
    """A pair that is not in the table: a bug. The message names both."""


ROW: Final = 16
"""Places for the events of a state: a power of two, of which compiled code makes a shift."""

NOWHERE: Final = 255
"""In place of the state after a pair that is not in the table."""


class Steps:
    """A table as one flat row of bytes, so that a step is one access."""

    __slots__ = ("_events", "_next", "_states")

    def __init__(self, table: dict[tuple[int, int], int], states: tuple[str, ...], events: tuple[str, ...]) -> None:
        self._states, self._events = states, events
        self._next = bytes([table.get((at // ROW, at % ROW), NOWHERE) for at in range(ROW * len(states))])

    def after(self, state: i64, event: i64) -> i64:
        """The state after `event`. Raises IllegalStep for a pair that is not in the table."""
        following: i64 = self._next[state * ROW + event]
        if following == NOWHERE:
            raise IllegalStep(f"{self._events[event]} is not possible in state {self._states[state]}")
        return following


EXCHANGE_STEPS: Final = Steps(EXCHANGE, EXCHANGE_STATES, EXCHANGE_EVENTS)
ATTEMPT_STEPS: Final = Steps(ATTEMPT, ATTEMPT_STATES, ATTEMPT_EVENTS)
