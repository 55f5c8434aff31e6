"""TLS between a socket and a protocol, in memory: both sides are real, and no byte is on a wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec

import pytest

from proxy.dataplane.tls_layer import READ, TlsLayer
from proxy.tls.client import client_context
from tests.support.certificates import Authority, client_tls
from tests.support.fakes import FakeTransport
from tests.support.secured import mutual, secured, server_context


class Above(asyncio.Protocol):
    """The protocol above, which writes down what it hears. `does`: what it does with the first data."""

    def __init__(self) -> None:
        self.data = b""
        self.told: list[Any] = []
        self.closing_then: list[bool] = []
        self.layer: TlsLayer

    def connection_made(self, transport: Any) -> None:
        self.layer = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.closing_then.append(self.layer.is_closing())

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(error)


class Line:
    """A layer on a socket in memory; the test plays the server at its other end."""

    def __init__(self, server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None) -> None:
        self.above, self.socket = Above(), FakeTransport()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = (server or secured().server).wrap_bio(self._in, self._out, server_side=True)
        self.layer = TlsLayer(client or client_context(secured().client), self.above, "127.0.0.1")
        self.layer.connection_made(self.socket)

    def shake(self) -> None:
        """Both sides go on with the handshake as far as they can."""
        for _ in range(4):
            self._in.write(self.socket.taken())
            try:
                self.server.do_handshake()
            except ssl.SSLWantReadError:
                """It waits for more."""
            self.hear()

    def shake_until_refused(self) -> None:
        """The same, where one side does not want to."""
        for _ in range(4):
            self._in.write(self.socket.taken())
            with suppress(ssl.SSLError):
                self.server.do_handshake()
            self.hear()

    def says(self, data: bytes) -> bytes:
        """What is on the wire when the server has written `data`."""
        view = memoryview(data)
        while view:
            view = view[self.server.write(view) :]
        return self._out.read()

    def hear(self, wire: bytes | None = None) -> None:
        """The layer gets what is on the wire."""
        if data := self._out.read() if wire is None else wire:
            self.layer.data_received(data)

    def read(self) -> bytes:
        """What the server reads of what was written."""
        self._in.write(self.socket.taken())
        found = b""
        while self._in.pending:
            found += self.server.read(1 << 20)
        return found

    def bye(self) -> bytes:
        """The server's `close_notify`, as it is on the wire."""
        with pytest.raises(ssl.SSLWantReadError):
            self.server.unwrap()
        return self._out.read()


def made(server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None) -> Line:
    """A line whose handshake is complete."""
    line = Line(server, client)
    line.shake()
    assert line.above.told == ["made"] and line.layer.shaken is not None and line.layer.shaken.result() is None
    return line


P = ParamSpec("P")


def looped(test: Callable[P, None]) -> Callable[P, None]:
    """Runs `test` where there is a loop: a handshake under way is a future."""

    @wraps(test)
    def wrapped(*given: P.args, **named: P.kwargs) -> None:
        async def run() -> None:
            test(*given, **named)

        asyncio.run(run())

    return wrapped


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 300_000])
@looped
def test_bytes_pass_both_ways(size: int) -> None:
    line = made()
    line.layer.write(b"q" * size)
    assert line.read() == b"q" * size and line.socket.writes <= 3 + 1
    line.hear(line.says(b"a" * size))
    assert line.above.data == b"a" * size
    assert len(line.above.closing_then) == 1, "one read of the socket is one piece"


@looped
def test_pieces_are_one_write_below() -> None:
    line = made()
    before = line.socket.writes
    line.layer.writelines([b"head", b"b" * 70_000, b"c"])
    assert line.socket.writes == before + 1
    assert line.read() == b"head" + b"b" * 70_000 + b"c"
    line.layer.abort()
    line.layer.writelines([b"more"])
    assert line.socket.writes == before + 1


@looped
def test_bytes_that_come_bit_by_bit() -> None:
    line = made()
    wire = line.says(b"hello") + line.says(b"x" * 40_000)
    for at in range(0, len(wire), 997):
        line.hear(wire[at : at + 997])
    assert line.above.data == b"hello" + b"x" * 40_000 and line.above.told == ["made"]


@looped
def test_an_answer_that_comes_with_the_end_of_the_handshake() -> None:
    """In TLS 1.2 a server has the last word, and may go on at once."""
    server = server_context(secured().authority.issue("ip:127.0.0.1"))
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    line = Line(server)
    for _ in range(2):
        line._in.write(line.socket.taken())
        try:
            line.server.do_handshake()
        except ssl.SSLWantReadError:
            line.hear()
    line.hear(line.says(b"early"))
    assert (line.above.told, line.above.data) == (["made"], b"early")


@looped
def test_a_proper_end_is_one_and_nothing_is_written_after_it() -> None:
    line = made()
    line.hear(line.says(b"all of it") + line.bye())
    assert line.above.data == b"all of it" and line.above.closing_then == [True], "not to be used again"
    line.layer.write(b"more")
    assert line.socket.ends == ["close"] and line.read() == b""
    line.layer.connection_lost(None)
    assert line.above.told == ["made", None]


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@looped
def test_an_end_without_close_notify_is_an_error(error: Exception | None) -> None:
    line = made()
    line.hear(line.says(b"half"))
    assert line.layer.eof_received() is False
    line.layer.connection_lost(error)
    assert line.above.data == b"half"
    assert line.above.told[1] is error if error else isinstance(line.above.told[1], ssl.SSLEOFError)


@looped
def test_an_end_of_our_own_is_none() -> None:
    for end in ("close", "abort"):
        line = made()
        line.layer.write(b"last")
        getattr(line.layer, end)()
        assert line.socket.ends == [end] and line.layer.is_closing()
        assert line.read() == b"last"
        if end == "close":
            assert line.server.read(1) == b"", "a proper end"
        line.layer.connection_lost(None)
        assert line.above.told == ["made", None]


@looped
def test_bytes_that_are_no_tls_in_the_middle_end_it() -> None:
    line = made()
    line.hear(line.says(b"fine") + b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert line.above.data == b"fine" and line.socket.ends[-1] == "abort"
    line.layer.connection_lost(None)
    assert isinstance(line.above.told[-1], ssl.SSLError) and not isinstance(line.above.told[-1], ssl.SSLEOFError)


@looped
def test_who_reads_slowly_is_paused_at_the_socket() -> None:
    line = made()
    line.layer.pause_reading()
    assert not line.socket.reading
    line.layer.resume_reading()
    assert line.socket.reading
    line.layer.pause_writing()
    line.layer.resume_writing()
    assert line.above.told == ["made", "pause", "resume"]
    line.socket.buffered = 7
    assert line.layer.get_write_buffer_size() == 7


def failure(line: Line) -> BaseException:
    """How the handshake has ended."""
    shaken = line.layer.shaken
    assert shaken is not None and line.above.told == []
    error = shaken.exception()
    assert error is not None
    return error


@looped
def test_a_handshake_that_fails_is_told_to_who_waits_for_it_alone() -> None:
    stranger = Authority().issue("ip:127.0.0.1")
    line = Line(server_context(stranger))
    line.shake_until_refused()
    assert isinstance(failure(line), ssl.SSLCertVerificationError)
    assert line.socket.ends == ["close"], "with the alert that says why"


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28"])
@looped
def test_an_end_in_the_handshake(data: bytes) -> None:
    line = Line()
    if data:
        line.hear(data)
    line.layer.connection_lost(None)
    assert isinstance(failure(line), ssl.SSLEOFError if not data else ssl.SSLError)


@looped
def test_a_refusal_after_the_handshake_is_an_error_of_tls() -> None:
    """A server of TLS 1.3 looks at a client's certificate when the client believes that all is well."""
    line = Line(mutual().server, client_context(client_tls(mutual().authority)))
    line.shake_until_refused()
    assert line.above.told == ["made"]
    line.layer.connection_lost(None)
    error = line.above.told[1]
    assert isinstance(error, ssl.SSLError) and "CERTIFICATE_REQUIRED" in str(error.reason)


def test_a_read_takes_a_record_whole() -> None:
    assert READ >= 16_384 + 256
