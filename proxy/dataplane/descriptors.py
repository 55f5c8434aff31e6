"""Budgets of file descriptors: a worker has so many, and each purpose has a part of its own.

1. Nobody takes a descriptor from another purpose: neither shadows nor candidates nor clients starve the connections to
   the primaries.
2. A client beyond its part is refused with 503 before anything else suffers (`Shared.opened`).
3. A connection to a model server beyond its part takes the place of one that is idle, whoever made that; where none is,
   the leg waits for one of its own pool, and fails with `no_resources` where the pool has none. That is charged to
   nobody.

The limit is that of the process (RLIMIT_NOFILE), which is raised as far as it may be, again and again: somebody may
lower it while this runs (prlimit(1)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

OWN: Final = 64
"""Descriptors of the worker itself: sockets that it inherits, the link, the loop's, files of the resolver."""

CLIENTS: Final = 0.4
"""Part of the rest for clients: each of them may need a connection to the primary at the same time."""
PRIMARY: Final = 0.4
CANDIDATE: Final = 0.1
"""For canaries, baselines and arms of A/B tests: one that needs more gets slower, and nothing else does."""
SHADOW: Final = 0.1


class Budget:
    """Descriptors for one purpose. `evictors`: each closes an idle connection of one pool; True: it had one."""

    __slots__ = ("evictors", "limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self.evictors: list[Callable[[], bool]] = []

    def take(self) -> bool:
        """Whether a connection may be made; it then counts until `give`."""
        if self.is_spent() and not any(evict() for evict in self.evictors):
            return False
        self.used += 1
        return True

    def is_spent(self) -> bool:
        """True while nobody gets one but for another that is closed."""
        return self.used >= self.limit

    def give(self) -> None:
        """A connection has ended, or was not made."""
        self.used -= 1


class Descriptors:
    """The budgets of a worker that may open `limit` files."""

    __slots__ = ("candidate", "clients", "primary", "shadow")

    def __init__(self, limit: int) -> None:
        self.primary, self.candidate, self.shadow = Budget(0), Budget(0), Budget(0)
        self.allow(limit)

    def allow(self, limit: int) -> None:
        """Shares out a limit that is another one now."""
        free = max(limit - OWN, 0)
        self.clients = int(free * CLIENTS)
        self.primary.limit, self.candidate.limit = int(free * PRIMARY), int(free * CANDIDATE)
        self.shadow.limit = int(free * SHADOW)
