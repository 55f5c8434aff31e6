"""The listeners of a worker: who speaks with the clients of each, by the table in force.

1. A listener with TLS never speaks in clear: one whose certificate makes no context turns all clients away, or goes on
   with the one that is in force.
2. New connections are as the table of their time says. Those of before stay, but where an authority of clients was
   taken out, or who is allowed has changed: then they end, idle ones at once, the others with their present answer.
3. How versions are told who a client is follows the table in force with each request, on connections of before, too.
"""

from __future__ import annotations

import asyncio
import logging

from proxy.contracts.table import Table
from proxy.contracts.tls import ServerTls
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.not_tls import NOT_TLS
from proxy.dataplane.introduction import PLAIN, manner_of
from proxy.dataplane.secured.admission import Admission, Soon
from proxy.dataplane.secured.connection import SecuredConnection
from proxy.dataplane.secured.listener import SecuredListener
from proxy.dataplane.shared import Shared
from proxy.tls.peer import shuts_out
from proxy.tls.reason import TlsError
from proxy.tls.server import ServerContexts

log = logging.getLogger("penumbra.worker")


class Fronts:
    """`admission`: the handshakes of all listeners."""

    __slots__ = ("_headers", "_listeners", "_manner", "_shared", "_soon", "_tls", "admission")

    def __init__(self, shared: Shared, soon: Soon) -> None:
        self._shared, self._soon = shared, soon
        self.admission = Admission(shared, soon)
        self._manner = PLAIN
        self._headers: tuple[str, ...] = ()
        self._tls: tuple[ServerTls | None, ...] = ()
        self._listeners: dict[int, SecuredListener] = {}

    def follow(self, table: Table) -> None:
        """Puts a table in force."""
        self._tls = table.listeners
        for number, tls in enumerate(table.listeners):
            if tls is None:
                self._listeners.pop(number, None)
            else:
                self._secure(number, tls)
        self._introduce(table)

    def client(self, number: int) -> asyncio.Protocol:
        """What speaks with a new client of this listener."""
        tls = self._tls[number] if number < len(self._tls) else None
        if tls is None:
            return self._above()
        listener = self._listeners.get(number)
        return TurnedAway() if listener is None else SecuredConnection(listener)

    def _secure(self, number: int, tls: ServerTls) -> None:
        listener = self._listeners.get(number)
        try:
            if listener is None:
                contexts = ServerContexts(tls)
                self._listeners[number] = SecuredListener(
                    self._shared, self.admission, contexts, self._above, NOT_TLS, self._soon
                )
            elif tls != listener.contexts.tls:
                before = listener.contexts.tls
                listener.contexts.put(tls)
                if shuts_out(before, tls):
                    listener.retire(self._shared.clock())
        except TlsError as error:
            log.error("listener %d: no TLS by its certificate, what was in force stays: %s", number, error)

    def _above(self) -> asyncio.Protocol:
        return Downstream(self._shared, self._manner)

    def _introduce(self, table: Table) -> None:
        """Introduces the clients of before anew, too: what is the proxy's own from now on, none of them may write."""
        headers = tuple("" if tls is None else tls.identity_header for tls in table.listeners)
        if (table.forwarded, headers) == (self._manner.forwarded, self._headers):
            return
        self._manner, self._headers = manner_of(table.forwarded, table.identity_headers), headers
        for client in self._shared.clients:
            client.introduce(self._manner)


class TurnedAway(asyncio.Protocol):
    """A client of a listener that has no certificate to show."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.abort()  # type: ignore[attr-defined]
