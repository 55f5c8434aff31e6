"""TLS over bytes: what a socket has received goes in, plain text comes out, and the other way round. No socket here.

It stands in place of the event loop's own TLS, since that tells nobody of a handshake that fails, takes 44 KiB a
connection where this takes 17, cannot end one direction alone, and waits for half a minute for the other side's
goodbye. `ssl` does all the work (RFC 8446, RFC 5246).
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any, Final

RECORD: Final = 16 * 1024
"""Bytes of plain text that a record holds at most (RFC 8446 §5.1)."""

MAX_RECORDS: Final = 64
"""Records of one `read`. As many of a byte each as one read of a socket holds, 11,000, would take 10 ms at once."""


class TlsEngine:
    """One end of a connection. `session`: the `ssl.SSLObject`, for names and certificates; `ended`: the other side has
    said goodbye (close_notify).

    Tickets of TLS 1.3 are kept until something else is sent: nobody waits for them, and a write of a socket costs more
    than they do."""

    __slots__ = ("_in", "_kept", "_out", "_said", "ended", "session")

    def __init__(self, context: Any) -> None:
        self._in: Any = ssl.MemoryBIO()
        self._out: Any = ssl.MemoryBIO()
        self.session: Any = context.wrap_bio(self._in, self._out, server_side=True)
        self.ended = self._said = False
        self._kept = b""

    def shake(self, data: bytes) -> bool:
        """Goes on with the handshake; True once it is complete. Raises ssl.SSLError."""
        self._in.write(data)
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        if self.session.version() == "TLSv1.3":
            self._kept = self._out.read()
        return True

    def feed(self, data: bytes) -> None:
        """Takes what a socket has received."""
        self._in.write(data)

    def read(self) -> bytes:
        """Plain text of at most `MAX_RECORDS` records. Raises ssl.SSLError."""
        read, incoming = self.session.read, self._in
        first, more = b"", []
        for _ in range(MAX_RECORDS):
            if not incoming.pending:  # cheaper to ask than to catch what `read` raises; it leaves no part of a record
                break
            try:
                piece: bytes = read(RECORD)
            except ssl.SSLWantReadError:
                break
            if not piece:
                self.ended = True
                break
            if not first:
                first = piece
            else:
                more.append(piece)
        return b"".join([first, *more]) if more else first

    def has_more(self) -> bool:
        """Whether `read` has left anything of what came."""
        return bool(self._in.pending) and not self.ended

    def write(self, data: bytes) -> bytes:
        """`data` as records, with what else waits to be sent. Raises ssl.SSLError."""
        self.session.write(data)
        out: bytes = self._out.read()
        if self._kept:
            out, self._kept = self._kept + out, b""
        return out

    def write_last(self, data: bytes) -> bytes:
        """`data` as records, with what else waits to be sent, and goodbye. Raises ssl.SSLError."""
        self.session.write(data)
        return self.end()

    def take(self) -> bytes:
        """What has to be sent: of the handshake, an alert, new keys. Records go out in the order of their making."""
        if not self._out.pending:
            return b""
        out: bytes = self._kept + self._out.read()
        self._kept = b""
        return out

    def end(self) -> bytes:
        """Says goodbye (close_notify), once, and what else waits to be sent. Nothing may be written afterwards."""
        if not self._said:
            self._said = True
            with suppress(ssl.SSLError):  # the other side has not said it yet, or the handshake is not complete
                self.session.unwrap()
        return self.take()
