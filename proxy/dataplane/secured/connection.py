"""A client's connection by TLS: a socket's protocol below, and the transport of a client's connection above.

1. What is above is made once the handshake is complete and its client is one that is allowed: not a byte of others is
   read. It knows a connection in clear no more than this one.
2. Every connection ends in TLS first, where it has begun: by an alert of `ssl`, or with goodbye (close_notify). One
   that may still be sending is listened to for `linger`, so that it gets that and not a reset.
3. The client's goodbye and the end of its socket are one thing: the end of its interest. What it has not said to the
   end, HTTP tells (RFC 9112 §9.8).
4. What has been received and not read is at most what one read of a socket holds: the socket is paused meanwhile.
5. A client that speaks HTTP in clear is told so in clear.
"""

from __future__ import annotations

import asyncio
import ssl
from time import time  # noqa: TID251  certificates are valid by this clock
from typing import Any, Final

from proxy.contracts.tls import ServerTls
from proxy.dataplane.secured.admission import Shaking
from proxy.dataplane.secured.engine import TlsEngine
from proxy.dataplane.secured.identity import identity_line
from proxy.dataplane.secured.listener import SecuredListener
from proxy.tls.peer import names, refusal, shown
from proxy.tls.reason import reason_of

SILENT: Final = 0
"""Nothing has come."""
WAITING: Final = 1
"""It is the client's move."""
IN_LINE: Final = 2
"""It is this worker's."""
OPEN: Final = 3
ENDING: Final = 4
"""All is said: what comes is thrown away until the client has closed."""
CLOSED: Final = 5

HANDSHAKE: Final = 0x16
"""First byte of a record that begins TLS (RFC 8446 §5.1)."""

MAX_WAITING: Final = 64 * 1024
"""Bytes that wait for the turn of a handshake. A client's first words are at most a record, its last ones may be
followed by a request."""

MAX_UNASKED: Final = 64 * 1024
"""Bytes of answers to the client's TLS, not to its requests: new keys, or words against a renegotiation. Thousands of
them between two answers are of somebody who means harm; so is one who does not read them."""

MAX_SHOWN: Final = 8
"""Names of a client that is not allowed, in the log."""


class SecuredConnection(Shaking, asyncio.Protocol):
    """What is above calls it as an `asyncio.Transport`."""

    __slots__ = (
        "_above",
        "_backlog",
        "_engine",
        "_held",
        "_listener",
        "_paused",
        "_raw",
        "_state",
        "_tls",
        "_unasked",
        "_waiting",
    )

    _tls: ServerTls

    def __init__(self, listener: SecuredListener) -> None:
        self._listener = listener
        self._raw: Any = None
        self._above: Any = None
        self._engine: TlsEngine | None = None
        self._state = SILENT
        self._waiting: list[bytes] = []
        self._paused = False  # by what is above
        self._backlog = False  # the rest of a read has a turn of its own
        self._held = False  # the socket is paused, for one of these or by the line
        self._unasked = 0  # bytes of answers to its TLS since the last one to a request

    # the socket below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = transport
        listener = self._listener
        if not listener.admission.admit(self, listener.shared.clock()):
            self._state = ENDING
            self._raw.abort()

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state == OPEN:
            assert self._engine is not None
            self._engine.feed(data)
            self._read()
        elif state == SILENT and data[0] != HANDSHAKE:
            self._not_tls(data)
        elif state <= IN_LINE:
            self._wait(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        state, self._state = self._state, CLOSED
        self._listener.admission.left(self)
        self._listener.open.discard(self)
        self._waiting = []
        self._drop_engine()
        above, self._above = self._above, None
        if above is not None:
            above.connection_lost(error)
        elif WAITING <= state <= IN_LINE:
            self._count("closed", "")

    def pause_writing(self) -> None:
        if self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        if self._above is not None:
            self._above.resume_writing()

    # the handshake

    def _wait(self, data: bytes) -> None:
        self._waiting.append(data)
        if self._state != IN_LINE:
            self._state = IN_LINE
            self._listener.admission.ask_for_turn(self)
        elif sum(map(len, self._waiting)) > MAX_WAITING:
            self._hold()

    def step(self, now: float) -> None:
        if self._state != IN_LINE:
            return
        data, self._waiting = b"".join(self._waiting), []
        engine = self._engine
        if engine is None:
            contexts = self._listener.contexts
            engine, self._tls = TlsEngine(contexts.front.current), contexts.tls
            self._engine = engine
            self._listener.shared.secured += 1
        try:
            complete = engine.shake(data)
        except ssl.SSLError as error:
            self._fail(reason_of(error), error.reason or str(error), engine.take())
            return
        self._send(engine.take())
        self._let_go()
        self._state = WAITING
        if complete:
            self._admit(engine)

    def give_up(self, result: str) -> None:
        if self._state <= IN_LINE:
            self._state = ENDING
            self._count(result, "")
        self._listener.admission.left(self)
        self._drop_engine()
        self._raw.abort()

    def retire(self, at: float) -> None:
        if self._above is not None:
            self._above.retire(at)

    def _admit(self, engine: TlsEngine) -> None:
        """Lets the client in, if it is allowed."""
        listener = self._listener
        tls = self._tls
        certificate = shown(engine.session) if tls.client != "off" else None
        refused = refusal(tls, certificate, time())
        if refused is not None:
            who = ", ".join(names(certificate)[:MAX_SHOWN]) or "no name"
            self._fail(refused, f"a certificate of {who}", b"" if refused == "expired" else engine.end())
            return
        self._state = OPEN
        listener.admission.left(self)
        listener.open.add(self)
        self._count("ok", "")
        above = self._above = listener.above()
        above.connection_made(self)
        self._read()

    def _not_tls(self, data: bytes) -> None:
        """HTTP in clear begins with the name of a method."""
        is_http = data[:1].isalpha()
        if is_http:
            self._listener.shared.tally.rejected("", "not_tls")
        self._fail("not_tls", "", self._listener.in_clear if is_http else b"")

    def _fail(self, result: str, detail: str, last: bytes) -> None:
        self._count(result, detail)
        self._end(last)

    def _count(self, result: str, detail: str) -> None:
        self._listener.admission.count(result, detail, self._listener.shared.clock())

    # endings

    def _end(self, last: bytes) -> None:
        """Ends this direction: `last` is what the client still hears. It may take `linger` for its own end."""
        shared = self._listener.shared
        self._state, self._waiting, self._backlog = ENDING, [], False
        self._drop_engine()
        if self._raw.is_closing():
            return
        if self._above is None:
            self._listener.admission.ends(self, shared.clock() + shared.timings.linger)
        self._send(last)
        self._let_go()
        self._raw.write_eof()

    def _broken(self, error: ssl.SSLError) -> None:
        """What came is no TLS, or was changed on its way."""
        shared, engine, above = self._listener.shared, self._engine, self._above
        shared.tally.malformed.note("", "", f"TLS: {getattr(error, 'reason', '') or error}", shared.clock())
        self._above = None
        self._end(engine.take() if engine is not None else b"")
        if above is not None:
            above.connection_lost(error)

    def _drop_engine(self) -> None:
        if self._engine is not None:
            self._engine = None
            self._listener.shared.secured -= 1

    def _send(self, data: bytes) -> None:
        if data:
            self._raw.write(data)

    # what comes

    def _read(self) -> None:
        """Hands over what can be read now; the rest in a later turn of the loop."""
        engine = self._engine
        if engine is None or self._paused:
            return
        try:
            data = engine.read()
        except ssl.SSLError as error:
            self._broken(error)
            return
        out = engine.take()
        if out:
            self._answer_unasked(out)
            if self._engine is None:
                return
        if engine.has_more():
            self._read_later()
        if data:
            self._above.data_received(data)
        if engine.ended and self._state == OPEN:
            self.close()

    def _read_later(self) -> None:
        if not self._backlog:
            self._backlog = True
            self._hold()
            self._listener.soon(self._read_on)

    def _read_on(self) -> None:
        if self._state != OPEN or not self._backlog:
            return
        self._backlog = False
        self._read()
        if not (self._backlog or self._paused):
            self._let_go()

    def _hold(self) -> None:
        if not self._held:
            self._held = True
            self._raw.pause_reading()

    def _let_go(self) -> None:
        if self._held and not self._raw.is_closing():
            self._held = False
            self._raw.resume_reading()

    def _answer_unasked(self, out: bytes) -> None:
        """New keys, or a word against a renegotiation."""
        self._unasked += len(out)
        if self._raw.get_write_buffer_size() > MAX_UNASKED:
            self._raw.abort()
        elif self._unasked > MAX_UNASKED:
            self._broken(ssl.SSLError("new keys, or renegotiations, without end"))
        else:
            self._raw.write(out)

    # the transport above

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        """From now on `protocol` hears what comes."""
        self._above = protocol

    def write(self, data: bytes) -> None:
        """Sends `data`."""
        engine = self._engine
        if engine is None or not data:
            return
        try:
            out = engine.write(data)
        except ssl.SSLError as error:
            self._broken(error)
            return
        self._unasked = 0
        self._raw.write(out)

    def writelines(self, pieces: list[bytes]) -> None:
        """Sends pieces, none of them empty."""
        engine = self._engine
        if engine is None:
            return
        try:
            out = [engine.write(piece) for piece in pieces]
        except ssl.SSLError as error:
            self._broken(error)
            return
        self._unasked = 0
        self._raw.writelines(out)

    def write_last(self, data: bytes) -> None:
        """Sends `data` and goodbye at once: this direction is about to be ended."""
        engine = self._engine
        if engine is None or not data:
            return
        try:
            out = engine.write_last(data)
        except ssl.SSLError as error:
            self._broken(error)
            return
        self._raw.write(out)

    def can_write_eof(self) -> bool:
        """Whether this direction can end alone: TLS lets it (RFC 8446 §6.1)."""
        return True

    def write_eof(self) -> None:
        """Ends this direction with goodbye; what comes is thrown away from now on."""
        if self._engine is not None:
            self._end(self._engine.end())

    def close(self) -> None:
        """Ends both directions with goodbye, once what was written is sent."""
        engine = self._engine
        if engine is not None:
            self._send(engine.end())
            self._state = ENDING
            self._drop_engine()
        self._raw.close()

    def abort(self) -> None:
        """Ends at once."""
        self._state = ENDING
        self._drop_engine()
        self._raw.abort()

    def is_closing(self) -> bool:
        """As of a transport, likewise below."""
        closing: bool = self._raw.is_closing()
        return closing

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._hold()

    def resume_reading(self) -> None:
        self._paused = False
        if self._backlog:
            return
        if self._engine is not None and self._engine.has_more():
            self._read_later()
        else:
            self._let_go()

    def get_write_buffer_size(self) -> int:
        size: int = self._raw.get_write_buffer_size()
        return size

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        engine = self._engine
        if name == "ssl_object" and engine is not None:
            return engine.session
        if name == "identity":
            return b"" if engine is None else identity_line(self._listener.contexts.tls, engine.session)
        return self._raw.get_extra_info(name, default)
