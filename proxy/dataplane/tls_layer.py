"""TLS on a socket's transport, and itself the transport of the protocol above it: `ssl` over memory (RFC 8446).

It stands in place of the event loop's TLS, since there an end that cuts off what was coming looks like a proper one,
what has arrived is lost where its reader waits, and the end is told only once the socket is closed.

1. The other side's end is its `close_notify`. Any other end is an error: what was cut off is never taken for whole
   (RFC 8446 §6.1, RFC 9112 §9.8).
2. What arrived before the end is handed over before it.
3. The end is told while the socket is still open, and nothing is written after the other side's end: whoever hears of
   it can ask TCP which bytes of the request were taken, and meets no others than those.
4. Nothing is kept but the record that is incomplete: who is slow is paused at the socket.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final

READ: Final = 64 * 1024
"""Bytes of a read: more than a record holds (RFC 8446 §5.1), so that none is read in two."""


MAX_UNASKED: Final = 64 * 1024
"""Bytes of answers to the other side's TLS, not to what it was sent, before the next piece is written: thousands of new
keys."""

Ask = Callable[[Callable[[], None]], None]
"""Asks for a turn (`dataplane.turns`): the step is called once that has come."""

NOWHERE: Any = None
"""The transport of a layer that has none yet."""


def truncated() -> ssl.SSLEOFError:
    """The error of an end without `close_notify`: nobody knows what is missing."""
    text = "the connection ended without close_notify: something may be missing"
    return ssl.SSLEOFError(int(ssl.SSL_ERROR_EOF), text)


class TlsLayer(asyncio.Protocol):
    """The client's end of TLS, on the transport of a socket. `above` gets `connection_made` after the handshake.

    - `failure`: what has ended it, where that was no proper end
    - `session`: the TLS itself, for names and certificates
    - `shaken`: ends with the handshake; its exception is what went wrong there. Whoever has waited for it may drop it.
    """

    __slots__ = (
        "_above",
        "_ask",
        "_below",
        "_closing",
        "_ended",
        "_in_line",
        "_incoming",
        "_outgoing",
        "_shaking",
        "_unasked",
        "failure",
        "session",
        "shaken",
    )

    def __init__(self, context: Any, above: Any, server_name: str | None, ask: Ask | None = None) -> None:
        self._ask, self._in_line, self._unasked = ask, False, 0
        self._above, self._below = above, NOWHERE
        self._incoming: Any = ssl.MemoryBIO()
        self._outgoing: Any = ssl.MemoryBIO()
        self.session: Any = context.wrap_bio(self._incoming, self._outgoing, False, server_name)
        self.shaken: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self.failure: Exception | None = None
        self._closing = self._ended = False
        self._shaking = True

    # the socket's protocol

    def connection_made(self, transport: Any) -> None:
        self._below = transport
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._incoming.write(data)
        if self._shaking:
            self._wait()
        else:
            self._read()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._in_line and not self._closing:  # what came before the end says more than the end
            self._step()
        if self.failure is None:
            whole = self._ended or self._closing
            self.failure = error if error is not None or whole else truncated()
        if self._shaking:
            self._refuse(self.failure)
        elif self._above is not None:
            above, self._above = self._above, None
            above.connection_lost(self.failure)

    def pause_writing(self) -> None:
        if not self._shaking and self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        if not self._shaking and self._above is not None:
            self._above.resume_writing()

    # the transport of `above`

    def write(self, data: Any) -> None:
        """Encrypts and sends `data`, all of it."""
        if data:
            self.writelines((data,))

    def writelines(self, pieces: Any) -> None:
        """The same of pieces, none of them empty."""
        if self._ended or self._closing:
            return
        try:
            for data in pieces:
                sent = self.session.write(data)
                if sent < len(data):  # a record is written at a time
                    rest = memoryview(data)
                    while sent < len(data):
                        sent += self.session.write(rest[sent:])
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._unasked = 0
        self._below.write(self._outgoing.read())

    def close(self) -> None:
        """Ends the connection properly: what was written goes out, then `close_notify`."""
        if self._closing or self._ended or self._shaking:
            self.abort()
            return
        self._closing = True
        try:
            self.session.unwrap()
        except ssl.SSLError:
            """It waits for the other side's `close_notify`, and nobody else does."""
        self._flush()
        self._below.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._closing = True
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether nothing more will be written."""
        return bool(self._ended or self._closing or self._below.is_closing())

    def pause_reading(self) -> None:
        """As of a transport, likewise below."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    def get_write_buffer_size(self) -> int:
        size: int = self._below.get_write_buffer_size()
        return size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._below.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.session if name == "ssl_object" else self._below.get_extra_info(name, default)

    # the handshake

    def _wait(self) -> None:
        """Asks for a turn."""
        if self._ask is None:
            self._step()
        elif not self._in_line:
            self._in_line = True
            self._ask(self._step)

    def _step(self) -> None:
        self._in_line = False
        if self._shaking and not self._closing and self._shake() and self._incoming.pending:
            self._read()

    def _shake(self) -> bool:
        """Goes on with the handshake. True once it is complete."""
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()  # with the alert that says why
            self._refuse(error)
            return False
        self._flush()
        self._shaking = False
        shaken = self.shaken
        self._above.connection_made(self)
        if shaken is not None and not shaken.done():
            shaken.set_result(None)
        return True

    def _refuse(self, error: Exception | None) -> None:
        shaken, self._above = self.shaken, None
        self._shaking, self._ended = False, True
        self._below.close()
        if shaken is not None and not shaken.done():
            shaken.set_exception(error or truncated())

    # what comes

    def _read(self) -> None:
        session, incoming = self.session, self._incoming
        data, ended = b"", False
        more: list[bytes] | None = None
        failed: Exception | None = None
        try:
            while incoming.pending:
                piece = session.read(READ)
                if not piece:
                    ended = True
                    break
                if more is not None:
                    more.append(piece)
                elif data:
                    more = [data, piece]
                else:
                    data = piece
        except ssl.SSLWantReadError:
            """The rest of a record is on its way."""
        except ssl.SSLZeroReturnError:
            ended = True
        except ssl.SSLError as error:
            failed = error
        if self._outgoing.pending and not ended:
            self._answer()
        if more is not None:
            data = b"".join(more)
        self._ended = ended  # before that is told: it is no connection to go on with
        if data:
            self._above.data_received(data)
        if ended:
            self._end()
        elif failed is not None:
            self._fail(failed)

    def _end(self) -> None:
        """The other side has ended properly. No `close_notify` of our own: nobody waits for it (RFC 8446 §6.1)."""
        if not self._closing:
            self._below.close()

    def _answer(self) -> None:
        """Sends what TLS itself has to say: new keys, or a word against a renegotiation."""
        self._unasked += self._outgoing.pending
        if self._unasked > MAX_UNASKED:
            self._fail(ssl.SSLError(int(ssl.SSL_ERROR_SSL), "new keys without end"))
        else:
            self._flush()

    def _fail(self, error: Exception) -> None:
        if self.failure is None and not self._closing:
            self.failure = error
        self._ended = True
        self._below.abort()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and not self._below.is_closing():
            self._below.write(data)
