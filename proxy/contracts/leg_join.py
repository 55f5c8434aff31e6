"""The join of the legs of one exchange, whose reports arrive in any order.

Legs meet on (source, exchange): the worker, its incarnation, and the number of the exchange there. Who joins decides
what is held of an exchange and when its legs are complete; this module decides how many exchanges are held and for how
long, so that every join of the house has the same bounds:

1. an exchange is held for at most `MAX_WAIT` seconds, or as configured, from its first leg (`late`);
2. at most `MAX_EXCHANGES` exchanges are held, then the oldest makes room (`crowded`);
3. where what is held has content (`WeighedJoin`), at most `MAX_HELD_BYTES` of it (`crowded` too).

What a bound takes out is handed back to whoever joins, because only that one knows what is lost with it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

WorkerRun = tuple[int, str]
"""A worker and its incarnation."""

ExchangeKey = tuple[WorkerRun, int]
"""An exchange: the same for all of its legs."""

JoinLoss = Literal["late", "crowded"]
"""The bound that ended the wait: `MAX_WAIT`, or else `MAX_EXCHANGES` or `MAX_HELD_BYTES`."""

MAX_EXCHANGES = 4096
"""Exchanges that are held, each with the legs that have arrived: about 8 MB, seconds of a route whose copies hang."""

MAX_HELD_BYTES = 1 << 25
"""Bytes of all exchanges that are held: four times what `MAX_EXCHANGES` of thirty numbers take."""

MAX_WAIT = 60.0
"""Seconds that a leg waits for the others, at the least where nothing else is configured: longer than a leg lives that
has 30 s for its head."""


WAIT_MARGIN = 30.0
"""Seconds beyond the slowest head of an answer that its rest and its record may take to come."""


def wait_for(responses: Iterable[float]) -> float:
    """Seconds that legs wait for each other where answers may take so many to begin.

    >>> wait_for([1.0, 30.0]), wait_for([600.0])
    (60.0, 630.0)
    """
    return max(MAX_WAIT, max(responses, default=0.0) + WAIT_MARGIN)


class Held(Protocol):
    """The part of an exchange that a join holds; `since` is when its first leg came (seconds of a monotonic clock)."""

    @property
    def since(self) -> float: ...


class Weighed(Held, Protocol):
    """One with content: `weight` is how many bytes it was last said to hold on to."""

    weight: int


T = TypeVar("T", bound=Held)
W = TypeVar("W", bound=Weighed)


class LegJoin(OrderedDict[ExchangeKey, T]):
    """Exchanges that wait for legs, oldest first, each with what is held of it.

    A dict with a bound: reading, replacing and deleting are those of a dict, because they happen for each record; new
    exchanges come in by `hold`. An ordered dict, because a plain one is slow to iterate once it was emptied from its
    front.

    - `max_exchanges`: how many are held.
    - `max_wait`: seconds for which each is held; may change.
    - `ended`: exchanges that each bound has taken out, since the start.
    """

    ended: Counter[JoinLoss]

    def __init__(self, max_exchanges: int = MAX_EXCHANGES, max_wait: float = MAX_WAIT) -> None:
        super().__init__()
        self._max_exchanges, self.max_wait = max_exchanges, max_wait
        self.ended = Counter()

    def hold(self, key: ExchangeKey, held: T) -> list[tuple[ExchangeKey, T]]:
        """Holds a new exchange; the one that was `crowded` out by it, or nothing."""
        self[key] = held
        if len(self) <= self._max_exchanges:
            return []
        self.ended["crowded"] += 1
        return [self.popitem(last=False)]

    def expire(self, now: float) -> list[tuple[ExchangeKey, T]]:
        """The exchanges that are `late` at `now`, oldest first; they are held no longer."""
        late: list[tuple[ExchangeKey, T]] = []
        while self and now - next(iter(self.values())).since >= self.max_wait:
            late.append(self.popitem(last=False))
        self.ended["late"] += len(late)
        return late


class WeighedJoin(LegJoin[W]):
    """A join of exchanges with content, whose sum is bounded too. Exchanges leave by `let_go`, not by `del`.

    - `max_bytes`: of all that is held; an exchange that weighs more by itself is not held at all.
    - `bytes`: what is held now.
    """

    def __init__(self, max_exchanges: int = MAX_EXCHANGES, max_bytes: int = MAX_HELD_BYTES) -> None:
        super().__init__(max_exchanges)
        self._max_bytes = max_bytes
        self.bytes = 0

    def hold(self, key: ExchangeKey, held: W) -> list[tuple[ExchangeKey, W]]:
        """As in any join; the new exchange has its weight yet to get."""
        crowded = super().hold(key, held)
        return self._left(crowded) if crowded else crowded

    def weigh(self, held: W, more: int) -> list[tuple[ExchangeKey, W]]:
        """An exchange that is held weighs `more` bytes than before; the ones that this has `crowded` out."""
        held.weight += more
        self.bytes += more
        if self.bytes <= self._max_bytes:
            return []
        crowded: list[tuple[ExchangeKey, W]] = []
        while self.bytes > self._max_bytes:
            crowded += self._left([self.popitem(last=False)])
        self.ended["crowded"] += len(crowded)
        return crowded

    def let_go(self, key: ExchangeKey) -> None:
        """Ends the wait of an exchange that is complete."""
        self.bytes -= self.pop(key).weight

    def expire(self, now: float) -> list[tuple[ExchangeKey, W]]:
        """As in any join."""
        return self._left(super().expire(now))

    def _left(self, gone: list[tuple[ExchangeKey, W]]) -> list[tuple[ExchangeKey, W]]:
        for _, held in gone:
            self.bytes -= held.weight
        return gone
