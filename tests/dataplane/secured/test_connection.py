"""A client's connection by TLS, in memory: what comes before the first request, endings, reading and pausing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from proxy.contracts.tls import ServerTls
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.not_tls import NOT_TLS
from proxy.dataplane.secured import connection, engine
from proxy.dataplane.secured.admission import Admission
from proxy.dataplane.secured.connection import SecuredConnection
from proxy.dataplane.secured.listener import SecuredListener
from proxy.tls.server import ServerContexts
from tests.support.fakes import Bench, FakeTransport
from tests.support.plane import get, post, route
from tests.support.tls_peer import CA, CLIENTS, TlsPeer, server, trusting

ONE = CLIENTS.issue("spiffe://test/one")
TWO = CLIENTS.issue("spiffe://test/two")
STALE = CLIENTS.issue("spiffe://test/one", not_after=1.0)
FOREIGN = CA.issue("spiffe://test/one")


class Line:
    """A connection of a client to a listener; `turns` are the callbacks that the loop owes."""

    def __init__(self, tls: ServerTls | None = None, peer: TlsPeer | None = None) -> None:
        self.bench = Bench(route())
        self.turns: list[Callable[[], None]] = []
        self.admission = Admission(self.bench.shared, self.turns.append)
        self.listener = SecuredListener(
            self.bench.shared, self.admission, ServerContexts(tls or server()), self._above, NOT_TLS, self.turns.append
        )
        self.made: list[Any] = []
        self.socket = FakeTransport()
        self.down = SecuredConnection(self.listener)
        self.down.connection_made(self.socket)  # type: ignore[arg-type]
        self.peer = peer or TlsPeer()

    def _above(self) -> Any:
        self.made.append(Downstream(self.bench.shared))
        return self.made[-1]

    def give(self, data: bytes) -> None:
        """Bytes for the connection, and all turns that follow."""
        if data:
            self.down.data_received(data)
        while self.turns:
            self.turns.pop(0)()

    def talk(self) -> None:
        """Until neither has anything more to say."""
        data = self.peer.hear(b"")
        while data or self.socket.written:
            self.give(data)
            data = self.peer.hear(self.socket.taken())

    def say(self, data: bytes) -> None:
        self.give(self.peer.say(data))

    def results(self) -> dict[str, int]:
        return {result: count for (_, result), count in self.bench.tally._handshakes.items()}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may depend on a running loop."""
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: pytest.fail("there is no loop"))


def test_a_request_and_its_answer_pass() -> None:
    line = Line()
    line.talk()
    assert line.results() == {"ok": 1} and not line.admission.under_way and line.bench.shared.secured == 1
    line.say(post(b"hello"))
    assert line.bench.pools["v1"].last.body == b"hello"
    line.bench.pools["v1"].last.answer(200, b"one")
    assert line.socket.writes and not line.peer.hear(line.socket.taken())
    assert line.peer.heard.endswith(b"\r\n\r\none")
    line.down.connection_lost(None)
    assert line.bench.shared.secured == 0 and not line.bench.shared.clients and not line.listener.open


@pytest.mark.parametrize("cut", [1, 7, 100_000])
def test_it_does_not_matter_how_the_bytes_are_cut(cut: int) -> None:
    line = Line()
    data = line.peer.hear(b"")
    while data:
        for at in range(0, len(data), cut):
            line.give(data[at : at + cut])
        data = line.peer.hear(line.socket.taken())
    said = line.peer.say(post(b"hello"))
    for at in range(0, len(said), cut):
        line.give(said[at : at + cut])
    assert line.bench.pools["v1"].last.body == b"hello"


@pytest.mark.parametrize(
    ("client", "shown", "result"),
    [
        ("require", ONE, "ok"),
        ("require", TWO, "not_allowed"),
        ("require", None, "no_certificate"),
        ("require", STALE, "expired"),
        ("require", FOREIGN, "untrusted"),
        ("optional", ONE, "ok"),
        ("optional", TWO, "not_allowed"),
        ("optional", None, "ok"),
        ("optional", FOREIGN, "untrusted"),
        ("off", None, "ok"),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_is_allowed_gets_in_and_not_a_byte_of_others_is_read(
    client: str, shown: Any, result: str, version: ssl.TLSVersion
) -> None:
    context = trusting(shown)
    context.maximum_version = version
    line = Line(server(client, ["spiffe://test/one"] if client != "off" else ()), TlsPeer(context))
    data = line.peer.hear(b"")
    while data or line.socket.written:
        if line.peer._shaken:
            data += line.peer.say(get())  # right behind the handshake
        line.give(data)
        data = line.peer.hear(line.socket.taken())
        if line.made or line.peer.ended or line.peer.error:
            break
    assert line.results() == {result: 1}
    assert (len(line.made) == 1) == (result == "ok")
    if result != "ok":
        assert line.peer.ended or line.peer.error is not None, "the end is one of TLS"
        assert line.socket.ends == ["eof"] and line.bench.shared.secured == 0
        line.give(b"anything")
        line.admission.sweep(line.bench.clock.now + line.bench.shared.timings.linger)
        assert line.socket.ends == ["eof", "abort"]


def test_http_in_clear_is_told_so_in_clear() -> None:
    line = Line()
    line.give(get())
    assert line.socket.taken().startswith(b"HTTP/1.1 400 ") and line.socket.ends == ["eof"]
    assert line.results() == {"not_tls": 1} and line.bench.counted()["legs"] == {}


def test_what_is_neither_is_not_answered() -> None:
    line = Line()
    line.give(b"\x00\x01\x02")
    assert not line.socket.written and line.socket.ends == ["eof"] and line.results() == {"not_tls": 1}


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_a_client_that_leaves_in_the_middle_is_counted_and_a_probe_of_the_port_is_not(said: bytes) -> None:
    line = Line()
    line.give(said)
    line.down.connection_lost(None)
    assert line.results() == ({"closed": 1} if said else {}) and not line.admission.under_way


def test_what_is_broken_ends_the_connection_with_an_alert_and_not_the_others() -> None:
    line = Line()
    line.talk()
    line.say(post(b"hello"))
    line.give(b"\x17\x03\x03\x00\x20" + bytes(32))
    line.peer.hear(line.socket.taken())
    assert line.peer.error is not None and "ALERT" in str(line.peer.error)
    assert line.socket.ends == ["eof"] and not line.bench.shared.clients
    assert line.bench.legs() == {("v1", "primary", "client_abort"): 1}
    line.down.connection_lost(None)
    assert line.bench.shared.secured == 0


def test_the_goodbye_of_a_client_is_its_end() -> None:
    line = Line()
    line.talk()
    line.say(post(b"hello"))
    line.give(line.peer.goodbye())
    assert line.socket.ends == ["close"]
    assert line.socket.taken(), "and it gets one"


@pytest.mark.parametrize("method", [b"GET", b"PUT /"], ids=["answered", "refused"])
def test_a_last_answer_and_goodbye_are_one_write(method: bytes) -> None:
    line = Line()
    line.talk()
    before = line.socket.writes
    line.say(method + b" /v2/models/m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    if line.bench.pools["v1"].streams:
        line.bench.pools["v1"].last.answer(200, b"one")
    assert line.socket.writes == before + 1
    line.peer.hear(line.socket.taken())
    assert line.peer.ended and line.socket.ends


def test_a_last_answer_is_followed_by_goodbye_and_the_rest_is_thrown_away() -> None:
    line = Line()
    line.talk()
    line.say(b"POST /v2/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"[:40])
    line.down.write_eof()
    line.peer.hear(line.socket.taken())
    assert line.peer.ended and line.socket.ends == ["eof"]
    line.say(b"c" * 100)
    assert not line.socket.written


def test_many_small_records_are_read_in_turns_and_the_socket_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    line.talk()
    body = b"x" * (3 * engine.MAX_RECORDS)
    said = line.peer.say(post(body).removesuffix(body))
    said += b"".join(line.peer.say(b"x") for _ in body)
    line.down.data_received(said)
    assert not line.socket.reading and len(line.turns) == 1
    line.give(b"")
    assert line.socket.reading and line.bench.pools["v1"].last.body == body


def test_who_reads_no_more_gets_no_more_and_all_of_it_later() -> None:
    line = Line()
    line.talk()
    line.down.pause_reading()
    line.give(line.peer.say(post(b"hello")))
    assert not line.socket.reading and not line.bench.pools["v1"].streams
    line.down.resume_reading()
    line.give(b"")
    assert line.socket.reading and line.bench.pools["v1"].last.body == b"hello"


def test_what_waits_for_its_turn_is_bounded() -> None:
    line = Line()
    hello = line.peer.hear(b"")
    line.down.data_received(hello[:10])
    line.down.data_received(bytes(connection.MAX_WAITING))
    assert not line.socket.reading
    line.give(b"")
    assert line.results() == {"other": 1} or line.results() == {"protocol": 1}


def test_a_client_that_asks_for_new_keys_and_reads_nothing_is_cut_off() -> None:
    line = Line()
    line.talk()
    line.socket.buffered = connection.MAX_UNASKED + 1
    line.down._answer_unasked(b"new keys")
    assert line.socket.ends == ["abort"] and not line.socket.written


def test_new_keys_without_end_are_an_end_and_counted() -> None:
    line = Line()
    line.talk()
    line.say(post(b"hello"))
    for _ in range(connection.MAX_UNASKED // 32):
        line.down._answer_unasked(bytes(32))
    assert not line.socket.ends
    line.bench.pools["v1"].last.answer(200, b"one")
    line.down._answer_unasked(bytes(32))
    assert not line.socket.ends, "an answer to a request came in between"
    line.down._answer_unasked(bytes(connection.MAX_UNASKED))
    assert line.socket.ends == ["eof"] and line.bench.shared.secured == 0
    assert "new keys" in str(line.bench.tally.malformed.take())


@pytest.mark.parametrize("kind", [b"\x16\x03\x01", b"\x17\x03\x03", b"\x15\x03\x03"], ids=["hello", "data", "alert"])
@pytest.mark.parametrize("shaken", [False, True])
def test_a_record_that_is_too_large_is_refused_by_its_head_and_counted(kind: bytes, shaken: bool) -> None:
    """Of the length that it promises nothing is waited for."""
    line = Line()
    if shaken:
        line.talk()
        line.say(post(b"hello"))
    line.give(kind + b"\x7f\xff" + bytes(64))
    assert line.socket.ends == ["eof"] and line.bench.shared.secured == 0 and not line.bench.shared.clients
    if shaken:
        assert "TLS: " in str(line.bench.tally.malformed.take()) and line.results() == {"ok": 1}
    else:
        assert sum(line.results().values()) == 1 and "ok" not in line.results()
