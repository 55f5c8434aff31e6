"""A connection to a model server on a socket in memory: requests as they leave, answers, when it may be used again."""

from __future__ import annotations

import errno
from ssl import SSLError

import pytest

from proxy.contracts.message import RequestHead, ResponseHead
from proxy.contracts.table import Version
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.h1.upstream import Upstream
from proxy.dataplane.members import Member
from proxy.dataplane.memory import JOINED
from proxy.dataplane.ports import Connection, ConnectionOwner, ServerStream, StreamUser
from proxy.dataplane.timings import Timings
from proxy.dataplane.tls_failed import TlsFailed
from tests.support.fakes import FakeTransport, asked

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
V1 = Version("v1", "127.0.0.1", 80, "model:80", "/base")


class Owner(ConnectionOwner):
    """A pool that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.failed: list[Member] = []
        self.rules: list[str] = []

    def broken(self, connection: Connection, rule: str, now: float) -> None:
        self.rules.append(rule)

    def member_failed(self, member: Member, now: float) -> None:
        self.failed.append(member)

    def available(self, connection: Connection, now: float) -> None:
        self.told.append("available")

    def lost(self, connection: Connection, now: float) -> None:
        self.told.append("lost")


class User(StreamUser):
    """Writes down the answer."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.log: list[str] = []
        self.body = b""
        self.trailers = b""

    def connected(self, stream: ServerStream, fresh: bool, now: float) -> None:
        """Not here."""

    def response_head(self, head: ResponseHead) -> None:
        self.log.append(str(head.status))

    def response_body(self, data: bytes) -> None:
        self.body += data

    def response_trailers(self, fields: bytes) -> None:
        self.trailers = fields

    def response_end(self) -> None:
        self.log.append("end")

    def response_flush(self) -> None:
        self.log.append("flush")

    def response_failed(self, reason: str, detail: str) -> None:
        self.log.append(reason)

    def pause_request(self) -> None:
        self.log.append("pause")

    def resume_request(self) -> None:
        self.log.append("resume")


class Line:
    """A connection that is made, and whose stream is open."""

    def __init__(self) -> None:
        self.owner, self.user, self.socket = Owner(), User(), FakeTransport()
        self.up = Upstream(V1, self.owner, Timings())
        self.up.connection_made(self.socket)  # type: ignore[arg-type]
        self.open()

    def open(self) -> None:
        assert self.up.open_stream() is self.up
        self.user = User()

    def ask(self, head: RequestHead | None = None, body: bytes = b"hello", length: int = -1, end: bool = True) -> None:
        self.up.begin(self.user, head or asked(len(body)), b"models", b"x-request-id: 1\r\n", length)
        if body:
            self.up.data(body)
        if end:
            self.up.end()
        self.up.flush()

    def hear(self, data: bytes) -> None:
        self.up.read(data, 100.0)


def test_a_request_is_one_write_and_the_connection_is_available_after_its_answer() -> None:
    line = Line()
    line.ask()
    assert line.socket.written == (
        b"POST /base/v2/models/m/infer HTTP/1.1\r\nHost: models\r\nContent-Length: 5\r\nx-request-id: 1\r\n\r\nhello"
    )
    assert line.socket.writes == 1 and not line.up.is_available() and not line.up.is_idle()
    line.hear(OK)
    assert (line.user.log, line.user.body, line.user.read_at) == (["200", "end", "flush"], b"one", 100.0)
    assert line.owner.told == ["available"] and line.up.is_available() and line.up.is_idle()


def test_a_neutral_head_is_rendered_from_its_words_alone() -> None:
    line = Line()
    line.ask(asked(), b"abc")
    assert b"Transfer-Encoding: chunked\r\n" in line.socket.written
    assert line.socket.written.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [JOINED, JOINED + 1])
def test_a_large_body_is_written_as_it_came_beside_its_head_and_a_small_one_with_it(size: int, chunked: bool) -> None:
    line, body = Line(), b"x" * size
    line.ask(asked() if chunked else None, body)
    assert body in line.socket.written and line.socket.writes == 1
    assert any(piece is body for piece in line.socket.pieces) == (size > JOINED)
    line.hear(OK)
    line.open()
    line.ask()
    assert line.socket.writes == 2 and line.socket.written.endswith(b"\r\n\r\nhello")


def test_the_authority_is_the_version_s_where_none_is_given_and_a_whole_body_has_a_length() -> None:
    line = Line()
    line.up.begin(line.user, asked(), b"", b"", 3)
    line.up.data(b"abc")
    line.up.end()
    line.up.flush()
    assert b"Host: model:80\r\nContent-Length: 3\r\n\r\nabc" in line.socket.written


def test_trailers_of_a_request_are_dropped() -> None:
    line = Line()
    line.up.begin(line.user, asked(), b"models", b"", -1)
    line.up.data(b"abc")
    line.up.trailers(b"x-sum: 1\r\n")
    line.up.end()
    line.up.flush()
    assert line.socket.written.endswith(b"0\r\n\r\n") and b"x-sum" not in line.socket.written


def test_trailers_of_an_answer_are_handed_over_but_those_that_may_not_go_on() -> None:
    line = Line()
    line.ask()
    line.hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n")
    line.hear(b"X-Sum: 1\r\nHost: evil\r\nSet-Cookie: a=b\r\n\r\n")
    assert line.user.trailers == b"X-Sum: 1\r\n" and line.user.log[-2:] == ["end", "flush"]


def test_an_answer_before_the_end_of_the_request_gives_the_connection_back_with_it() -> None:
    line = Line()
    line.ask(asked(10), b"hello", end=False)
    line.hear(OK)
    assert line.owner.told == []
    line.up.data(b"world")
    line.up.end()
    line.up.flush()
    assert line.owner.told == ["available"]


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        (OK + b"evil", ["bytes after the answer"]),
        (OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), []),
        (OK + OK, ["bytes after the answer"]),
    ],
    ids=["bytes after it", "the server says so", "two answers"],
)
def test_when_it_is_not_used_again(answer: bytes, rules: list[str]) -> None:
    line = Line()
    line.ask()
    line.hear(answer)
    assert line.user.body == b"one" and line.owner.told == [] and line.socket.ends == ["abort"]
    assert line.owner.rules == rules, "and it is told"


def test_bytes_that_belong_to_no_request_end_it() -> None:
    line = Line()
    line.ask()
    line.hear(OK)
    line.hear(b"H")
    assert line.socket.ends == ["abort"] and line.owner.rules == ["bytes come that belong to no request"]
    assert not line.up.is_available(), "before its end is told"


def test_garbage_is_malformed_and_what_came_before_is_flushed() -> None:
    line = Line()
    line.ask()
    line.hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nzz\r\n")
    assert line.user.log == ["200", "flush", "malformed"] and line.socket.ends == ["abort"]


@pytest.mark.parametrize(
    ("answer", "error", "log"),
    [
        (b"", None, ["flush", "reset"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\non", None, ["200", "flush", "flush", "reset"]),
        (b"HTTP/1.1 200 OK\r\n\r\none", None, ["200", "flush", "end", "flush"]),
        (b"HTTP/1.1 200 OK\r\n\r\none", ConnectionResetError(), ["200", "flush", "flush", "reset"]),
        (b"", OSError(errno.ENOBUFS, "no buffer"), ["flush", "no_resources"]),
    ],
    ids=["nothing", "short", "the end is the body's", "a reset is not an end", "this host's own"],
)
def test_the_end_of_the_connection(answer: bytes, error: Exception | None, log: list[str]) -> None:
    line = Line()
    line.ask()
    if answer:
        line.hear(answer)
    assert line.up.untouched(0.1) == (not answer)
    line.up.connection_lost(error)
    assert line.user.log == log and line.owner.told == ["lost"] and not line.up.is_available()


class Taken:
    """A socket whose other side has acknowledged all."""

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return bytes(120) + (101).to_bytes(8, "little") + bytes(72) + (100).to_bytes(8, "little") + bytes(8)


@pytest.mark.parametrize(
    ("error", "seconds", "untouched"),
    [
        (None, 0.0, False),
        (ConnectionResetError(), 0.01, True),  # closed with the request unread
        (ConnectionResetError(), 0.1, False),
    ],
)
def test_what_a_server_has_taken_it_may_have_worked_on(
    error: Exception | None, seconds: float, untouched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line()
    line.ask()
    monkeypatch.setattr(line.up.transport, "get_extra_info", lambda name: Taken())
    line.up.connection_lost(error)
    assert line.up.untouched(seconds) == untouched


def test_part_of_an_answer_is_not_untouched() -> None:
    line = Line()
    line.ask()
    line.hear(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert not line.up.untouched(0.1)


def test_a_reset_lets_the_user_go() -> None:
    line = Line()
    line.ask()
    line.up.reset()
    line.hear(OK)
    line.up.connection_lost(None)
    assert line.user.log == [] and line.owner.told == ["lost"]


def test_flow_both_ways() -> None:
    line = Line()
    line.ask(end=False)
    line.up.pause_writing()
    line.up.resume_writing()
    assert line.user.log == ["pause", "resume"]
    line.up.pause()
    line.up.pause()
    assert not line.socket.reading
    line.up.resume()
    assert line.socket.reading


def test_a_server_that_does_not_read_is_not_used_again() -> None:
    line = Line()
    line.ask()
    line.up.pause_writing()
    line.hear(OK)
    assert line.owner.told == [] and line.socket.ends == ["abort"]


def test_a_tunnel() -> None:
    line = Line()
    head = RequestHead(b"GET", b"models", b"/ws")
    head.tunnel = True
    line.ask(head, b"")
    line.hear(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
    line.hear(b"\x81\x00")
    assert line.user.body == b"hi\x81\x00"
    line.socket.taken()
    line.up.data(b"hello")
    line.up.flush()
    assert line.socket.written == b"hello"
    line.up.connection_lost(None)
    assert line.user.log[-2:] == ["end", "flush"] and line.owner.told == ["lost"]


def test_a_stream_on_which_nothing_was_begun_is_given_back() -> None:
    line = Line()
    line.up.give_back(5.0)
    assert line.owner.told == ["available"] and line.socket.written == b""


def test_it_expires_while_it_is_idle() -> None:
    line, limit = Line(), 5.0
    line.up.retire(1e8, limit, 100.0)
    line.ask()
    assert not line.up.has_expired(1e9)
    line.hear(OK)
    assert not line.up.has_expired(100.0 + limit - 1)
    assert line.up.has_expired(100.0 + limit + 1)
    line.up.close()
    assert line.socket.ends == ["close"]


def test_one_that_nobody_has_wanted_yet_is_idle_since_it_was_made() -> None:
    up, limit = Upstream(V1, Owner(), Timings()), 5.0
    up.retire(1e8, limit, 100.0)
    assert not up.has_expired(100.0 + limit - 1)
    assert up.has_expired(100.0 + limit + 1)


def test_a_connection_that_is_too_old_or_whose_name_has_moved_ends_with_its_exchange() -> None:
    for old, gone in ((True, False), (False, True)):
        line, endpoint = Line(), ServerEndpoint((2, "10.0.0.1", 80))
        line.up.adopt(line.owner, endpoint)
        line.ask()
        line.up.retire(100.0 if old else 1e9, 1e9, 100.0)
        endpoint.gone = gone
        line.hear(OK)
        assert line.user.log == ["200", "end", "flush"], "the exchange is whole"
        assert line.owner.told == [] and line.socket.ends == ["abort"]


def test_an_idle_one_ends_at_the_next_sweep() -> None:
    line, endpoint = Line(), ServerEndpoint((2, "10.0.0.1", 80))
    line.up.adopt(line.owner, endpoint)
    line.ask()
    line.hear(OK)
    assert not line.up.has_expired(100.0)
    endpoint.gone = True
    assert line.up.has_expired(100.0)


def test_one_that_its_server_has_ended_is_not_available_in_the_same_turn_of_the_loop() -> None:
    line = Line()
    line.ask()
    line.hear(OK)
    assert line.up.is_available()
    assert not line.up.eof_received()
    line.socket.close()  # as the loop does then; it tells of the end later
    assert not line.up.is_available() and line.owner.told == ["available"]


def test_a_connection_that_ended_before_it_was_chosen_is_not_chosen() -> None:
    line, endpoint = Line(), ServerEndpoint((2, "10.0.0.1", 80))
    line.socket.abort()
    with pytest.raises(ConnectionResetError):
        line.up.adopt(line.owner, endpoint)


def test_one_that_tls_has_ended_before_it_was_chosen_says_so() -> None:
    line, endpoint = Line(), ServerEndpoint((2, "10.0.0.1", 443))
    line.socket.abort()
    line.socket.failure = SSLError(1, "tlsv13 alert certificate required")
    with pytest.raises(TlsFailed):
        line.up.adopt(line.owner, endpoint)


def test_a_stream_counts_for_its_member_until_it_ends_however_that_is() -> None:
    line = Line()
    member = Member(ServerEndpoint((2, "10.0.0.1", 80)))
    line.ask()
    line.hear(OK)
    line.up.join(member)
    assert line.up.member() is member and member.active == 0
    line.open()
    assert member.active == 1
    line.ask()
    line.hear(OK)
    assert member.active == 0
    line.up.connection_lost(None)
    assert member.active == 0
    line = Line()
    line.up.give_back(0.0)
    line.up.join(member)
    line.open()
    line.ask()
    line.up.connection_lost(None)
    assert member.active == 0 and line.user.log[-1] == "reset"


def test_what_a_stream_carried_speaks_for_or_against_its_member() -> None:
    line = Line()
    member = Member(ServerEndpoint((2, "10.0.0.1", 80)))
    line.up.join(member)
    line.up.judged(False, 5.0)
    assert line.owner.failed == [member]
    member.failures = 3
    line.up.judged(True, 6.0)
    assert member.failures == 0 and len(line.owner.failed) == 1
