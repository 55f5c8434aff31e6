"""Connections to the admin API by TLS: a socket's protocol below, and the transport of one in clear above.

- What is above is made once the handshake is complete and its client is one that is allowed: not a byte of others is
  read.
- A handshake that fails ends with TLS's own word for why, HTTP in clear with an answer in clear.
- Handshakes under way are bounded in number and time: slow ones keep nobody out.
- An authority that is taken out, or another `allow`, ends all connections: clients come again, if they may.
- A certificate of which no TLS can be made leaves what is in force. Where nothing is, all are turned away until one can
  be used: control goes on without its API, since the traffic needs the rest of it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from time import time  # noqa: TID251  certificates are valid by this clock
from typing import Any, cast

from proxy.contracts.tls import ServerTls
from proxy.control.api.unreadable import problem
from proxy.tls.peer import refusal, shown, shuts_out
from proxy.tls.reason import TlsError, reason_of
from proxy.tls.server import ServerContexts

log = logging.getLogger("penumbra.control")

HANDSHAKE = 0x16
"""First byte of a record that begins TLS (RFC 8446 §5.1)."""

HANDSHAKE_SECONDS = 10.0
"""Seconds for a handshake, the silence before it included."""

MAX_HANDSHAKES = 64
"""Handshakes under way; one more takes the place of the oldest."""

AGAIN_SECONDS = 60.0
"""Seconds before the same kind of failure is logged again."""

READ_BYTES = 65_536

IN_CLEAR = problem("not_tls", "this port speaks TLS: ask by https")


class AdminTls:
    """All connections of the API by TLS. `above`: makes what speaks HTTP; `look` now and then, with the time."""

    def __init__(self, tls: ServerTls, above: Callable[[], asyncio.Protocol], now: Callable[[], float]) -> None:
        self.contexts: ServerContexts | None = None
        """None: no TLS can be made yet."""
        self.above, self.now = above, now
        self._wanted, self._retry = tls, 0.0
        self.shaking: dict[AdminTlsConnection, float] = {}
        self.open: set[AdminTlsConnection] = set()
        self.results: Counter[str] = Counter()
        """Handshakes by how they ended. Monotone."""
        self._told: dict[str, float] = {}
        self._begin()

    def protocol(self) -> asyncio.Protocol:
        """That of a new socket."""
        return _TurnedAway(self) if self.contexts is None else AdminTlsConnection(self, self.contexts)

    def put(self, tls: ServerTls) -> None:
        """New connections are made by `tls`."""
        self._wanted = tls
        if self.contexts is None:
            self._begin()
        elif tls != self.contexts.tls:
            self._exchange(self.contexts, tls)

    def _begin(self) -> None:
        self._retry = self.now() + AGAIN_SECONDS
        try:
            self.contexts = ServerContexts(self._wanted)
        except TlsError as error:
            log.error("the admin API: no TLS by its certificate, all are turned away: %s", error)

    def _exchange(self, contexts: ServerContexts, tls: ServerTls) -> None:
        before = contexts.tls
        try:
            contexts.put(tls)
        except TlsError as error:
            log.error("the admin API: no TLS by its certificate, what was in force stays: %s", error)
            return
        if shuts_out(before, tls):
            for each in [*self.open, *self.shaking]:
                each.close()

    def enter(self, one: AdminTlsConnection) -> None:
        """A handshake begins."""
        if len(self.shaking) >= MAX_HANDSHAKES:
            next(iter(self.shaking)).give_up("too_many")
        self.shaking[one] = self.now() + HANDSHAKE_SECONDS

    def leave(self, one: AdminTlsConnection) -> None:
        """A handshake, or a connection, has ended."""
        self.shaking.pop(one, None)
        self.open.discard(one)

    def look(self) -> None:
        """Ends the handshakes that take too long. Where there is no TLS yet, tries again once in a while: what was
        missing may have been memory, or a descriptor."""
        now = self.now()
        if self.contexts is None and now >= self._retry:
            self._begin()
        for each in [each for each, end in self.shaking.items() if end <= now]:
            each.give_up("timeout")

    def count(self, result: str, detail: str = "") -> None:
        """A handshake has ended: `ok`, or why it failed, which is logged once in a while."""
        self.results[result] += 1
        now = self.now()
        if result != "ok" and now - self._told.get(result, -AGAIN_SECONDS) >= AGAIN_SECONDS:
            self._told[result] = now
            log.warning("TLS with a client of the admin API has failed: %s%s", result, f" ({detail})" if detail else "")


class _TurnedAway(asyncio.Protocol):
    """A client while no TLS can be made."""

    def __init__(self, all_: AdminTls) -> None:
        self._all = all_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._all.count("other", "no certificate of its own can be used")
        cast(asyncio.Transport, transport).abort()


class AdminTlsConnection(asyncio.Protocol, asyncio.Transport):
    """What is above calls it as an `asyncio.Transport`."""

    def __init__(self, all_: AdminTls, contexts: ServerContexts) -> None:
        super().__init__()
        self._all = all_
        self._raw: asyncio.Transport | None = None
        self._above: asyncio.Protocol | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = contexts.tls
        self._session = contexts.front.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._begun = self._paused = self._over = False

    # the socket below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = cast(asyncio.Transport, transport)
        self._all.enter(self)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if not self._begun and data[0] != HANDSHAKE:
            self._fail("not_tls", last=IN_CLEAR if data[:1].isalpha() else b"")
            return
        self._begun = True
        self._incoming.write(data)
        if self._above is None:
            self._shake()
        else:
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._above is not None:
            self._above.connection_lost(exc)
        elif self._begun and not self._over:
            self._all.count("closed")
        self._over = True
        self._all.leave(self)

    def pause_writing(self) -> None:
        if self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        if self._above is not None:
            self._above.resume_writing()

    # the handshake

    def give_up(self, result: str) -> None:
        """Ends a handshake at once."""
        if self._begun:
            self._all.count(result)
        self.abort()

    def _shake(self) -> None:
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._fail(reason_of(error), error.reason or str(error))
            return
        self._flush()
        if refused := refusal(self._tls, shown(self._session), time()):
            self.give_up(refused) if refused == "expired" else self._fail(refused)
            return
        self._all.count("ok")
        self._all.leave(self)
        self._all.open.add(self)
        self._above = self._all.above()
        self._above.connection_made(self)
        self._read()

    def _fail(self, result: str, detail: str = "", last: bytes = b"") -> None:
        self._all.count(result, detail)
        if last and self._raw is not None:
            self._raw.write(last)
        self.close()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and self._raw is not None:
            self._raw.write(data)

    # what comes

    def _read(self) -> None:
        while not (self._over or self._paused) and self._above is not None:
            try:
                data = self._session.read(READ_BYTES)
            except ssl.SSLWantReadError:
                self._flush()
                return
            except ssl.SSLError:  # what came is no TLS, or was changed on its way
                self._flush()
                self.close()
                return
            if not data:
                self.close()
                return
            self._above.data_received(data)

    # the transport above

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends `data`."""
        if not len(data) or self._over:
            return
        try:
            self._session.write(data)
        except ssl.SSLError:  # the connection has ended by TLS
            self.abort()
            return
        self._flush()

    def close(self) -> None:
        """Ends with goodbye, once what was written is sent."""
        if self._over or self._raw is None:
            return
        self._over = True
        if self._above is not None:
            with suppress(ssl.SSLError):  # the client's goodbye is not waited for
                self._session.unwrap()
        self._flush()
        self._all.leave(self)
        self._raw.close()

    def abort(self) -> None:
        """Ends at once."""
        self._over = True
        self._all.leave(self)
        if self._raw is not None:
            self._raw.abort()

    def is_closing(self) -> bool:
        """As of a transport, likewise below."""
        return self._over or self._raw is None or self._raw.is_closing()

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        if not self._paused and self._raw is not None:
            self._paused = True
            self._raw.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and self._raw is not None and not self.is_closing():
            self._paused = False
            self._raw.resume_reading()
            asyncio.get_running_loop().call_soon(self._read)

    def get_write_buffer_size(self) -> int:
        return self._raw.get_write_buffer_size() if self._raw is not None else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._raw is not None:
            self._raw.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        match name:
            case "peercert":
                return shown(self._session)
            case "ssl_object":
                return self._session
            case "sslcontext":
                return self._session.context
        return self._raw.get_extra_info(name, default) if self._raw is not None else default
