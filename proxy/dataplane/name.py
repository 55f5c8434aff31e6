"""What is known of the name of one version: its addresses, how long that holds, and who waits for it.

1. Known addresses are used at once. A name in use is looked up again every `BUSY_SECONDS`, or when the answer says that
   it ends to hold (its TTL), others every `IDLE_SECONDS`.
2. An address that `MISSES` answers in a row did not name is gone; after the first, the next one is asked for soon.
   Two, because some resolvers name a part of the addresses, each time another one.
3. A name that does not exist fails at once, until a later lookup finds it. Where name servers do not answer, the last
   addresses serve on, for `STALE_SECONDS` (RFC 8767).
4. Nobody waits twice in vain: once a lookup has outlasted a leg that waited for it, others fail at once until it ends.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from proxy.dataplane.endpoints import Address, Found, ServerEndpoint
from proxy.dataplane.local_fault import LOCAL_LOOKUPS

BUSY_SECONDS: Final = 5.0
"""Seconds between two lookups of a name with connections: as Envoy's default. The resolver of the C library does not
tell how long its answer holds."""
LEAST_TTL: Final = 1.0
MOST_TTL: Final = 60.0
"""The least and the most seconds for which an answer holds, whatever its TTL: who moves a service in a hurry should not
have to wait for what was once thought of."""
IDLE_SECONDS: Final = 60.0
"""Seconds between two lookups of a name without connections: a hundred idle sidecars are no load to a name server."""
FAILED_SECONDS: Final = 2.0
"""Seconds for which a failure holds."""
SOON_SECONDS: Final = 1.0
"""Seconds until the answer that confirms that an address is gone."""
MISSES: Final = 2
STALE_SECONDS: Final = 3600.0


class Name:
    """The addresses of one version.

    - `endpoints`: those of the last answer; `leaving`: those of earlier ones that may be gone
    - `pending`: ends with the lookup under way, None: there is none
    - `watched`: when a pool last needed it; `busy`: it had connections then
    """

    __slots__ = (
        "_answered",
        "_failure",
        "_hold",
        "_looked",
        "busy",
        "endpoints",
        "fixed",
        "leaving",
        "pending",
        "vain",
        "watched",
    )

    def __init__(self, fixed: list[Address] | None = None) -> None:
        self.fixed = fixed is not None
        self.endpoints = [ServerEndpoint(each) for each in fixed or ()]
        self.leaving: list[ServerEndpoint] = []
        self.pending: asyncio.Future[None] | None = None
        self.busy = self.vain = False
        self.watched = 0.0
        self._answered = self._looked = float("-inf")
        self._hold = BUSY_SECONDS
        self._failure: tuple[int, str] | None = None

    def is_due(self, now: float) -> bool:
        """True when it should be looked up."""
        return not self.fixed and self.pending is None and now - self._looked >= self._interval()

    def _interval(self) -> float:
        if self.leaving:
            return SOON_SECONDS
        if self._failure is not None:
            return FAILED_SECONDS
        return self._hold if self.busy else max(self._hold, IDLE_SECONDS)

    def is_old(self, now: float) -> bool:
        """True when its addresses may have changed meanwhile, and nobody has waited for the next answer in vain."""
        return bool(self.endpoints) and not self.fixed and not self.vain and now - self._looked > self._hold

    def is_unknown(self) -> bool:
        """True while nothing was ever heard of it, and nobody has waited for that in vain."""
        return not self.endpoints and self._failure is None and not self.vain

    def answered(self, found: Found, now: float) -> bool:
        """The resolver has named addresses. True: that is another set of them than before."""
        known = {each.address: each for each in (*self.leaving, *self.endpoints)}
        before = self.endpoints
        since = now if self._answered > float("-inf") else self._answered  # those of the first answer are alike
        self.endpoints = [
            known.pop(each) if each in known else ServerEndpoint(each, since) for each in dict.fromkeys(found.addresses)
        ]
        for each in self.endpoints:
            each.missing = 0
            if each.address in found.ranks:
                each.rank(*found.ranks[each.address])
        for each in known.values():
            each.missing += 1
            each.gone = each.missing >= MISSES
        self.leaving = [each for each in known.values() if not each.gone]
        self._answered, self._failure = now, None
        self._hold = BUSY_SECONDS if found.ttl is None else min(max(found.ttl, LEAST_TTL), MOST_TTL)
        self._ended(now)
        return {each.address for each in before} != {each.address for each in self.endpoints}

    def failed(self, code: int, text: str, now: float) -> bool:
        """The lookup failed with `code` of getaddrinfo(3). True: the one before did not."""
        new = self._failure is None
        self._failure = (code, text)
        self._ended(now)
        return new

    def _ended(self, now: float) -> None:
        self._looked, self.vain = now, False
        if self.pending is not None and not self.pending.done():
            self.pending.set_result(None)
        self.pending = None

    def current(self, now: float) -> list[ServerEndpoint]:
        """Where to connect to. Raises gaierror where that is not known."""
        failure = self._failure
        if failure is None and self.endpoints:
            return self.endpoints
        if failure is None:
            raise socket.gaierror(socket.EAI_AGAIN, "the name servers have not answered yet")
        if failure[0] in LOCAL_LOOKUPS and self.endpoints and now - self._answered < STALE_SECONDS:
            return self.endpoints
        raise socket.gaierror(failure[0], failure[1])
