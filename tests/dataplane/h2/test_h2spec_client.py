"""A connection to a model server under the titles of h2spec for clients: what becomes of a server that breaks a rule.

Each case is what a server sends while a request waits for its answer. Whatever it is, the request ends once: with an
answer, or with a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from proxy.contracts.build import build
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.contracts.table import Version
from proxy.dataplane.endpoints import ANYWHERE
from proxy.dataplane.h2.upstream import Http2Upstream
from proxy.dataplane.ports import Connection, ConnectionOwner, StreamUser
from proxy.http2.codes import CANCEL, FLOW_CONTROL_ERROR, PROTOCOL_ERROR
from tests.support.h2spec import (
    ACKNOWLEDGED,
    CLOSED,
    COMPRESSION_ERROR,
    FRAME_SIZE_ERROR,
    IGNORED,
    PONG,
    STREAM_CLOSED,
    Conversation,
    Verdict,
    connection,
    heard,
    stream,
)
from tests.support.raw_frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Fields,
    data,
    frame,
    ping,
    priority,
    rst,
    settings,
    window,
)

if build() == "compiled":
    pytest.skip("a user here is no compiled one", allow_module_level=True)

OK: Fields = [(b":status", b"200"), (b"x-test", b"ok")]
OPEN = END_HEADERS
MOST = 2**31 - 1


class Owner(ConnectionOwner):
    """A pool that has lost its connection or not."""

    gone = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def broken(self, connection: Connection, rule: str, now: float) -> None:
        self.told.append(rule)

    def available(self, connection: Connection, now: float) -> None:
        """It may carry another request."""

    def lost(self, connection: Connection, now: float) -> None:
        self.gone = True

    def member_failed(self, member: object, now: float) -> None:
        """It has."""


class Asker(StreamUser):
    """Whoever waits for an answer. `ends`: how it ended, each time it did."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.status = 0
        self.body = b""
        self.ends: list[str] = []
        self.told = ""  # how it had ended when it was last told that what came together has

    def response_head(self, head: ResponseHead) -> None:
        assert not self.status
        self.status = head.status

    def response_body(self, data: bytes) -> None:
        assert self.status and not self.ends
        self.body += data

    def response_trailers(self, fields: bytes) -> None:
        """They may be there."""

    def response_end(self) -> None:
        self.ends.append("complete")

    def response_flush(self) -> None:
        self.told = "".join(self.ends)

    def response_failed(self, reason: str, detail: str) -> None:
        self.ends.append(reason)


class Server(Conversation):
    """A model server that has a request, on stream 1, and has said nothing of it."""

    def __init__(self) -> None:
        self.owner, self.user = Owner(), Asker()
        self.upstream = Http2Upstream(Version("v1", "host", 80, "host:80", http=2), self.owner)
        super().__init__(self.upstream)
        self.upstream.adopt(self.owner, ANYWHERE)
        self.send(settings(), frame(SETTINGS, 0, b"", ACK))
        asked = self.upstream.open_stream()
        asked.begin(self.user, RequestHead(b"GET", b"m", b"/"), b"", b"", -1)
        asked.end()
        asked.flush()
        assert len(self.of(HEADERS, 1)) == 1

    def ok(self, flags: int = END_HEADERS | END_STREAM, at: int = 1) -> bytes:
        return self.head(OK, at, flags)


Made = Callable[[Server], bytes]
CASES: dict[tuple[str, str], tuple[Verdict, str, Made]] = {}


def sends(section: str, sentence: str, verdict: Verdict, end: str, made: Made) -> None:
    """A case. `end`: what becomes of the request, "": it waits still."""
    assert (section, sentence) not in CASES
    CASES[section, sentence] = verdict, end, made


COMPLETE, MALFORMED, RESET, WAITS = "complete", "malformed", "reset", ""
BROKEN = connection(PROTOCOL_ERROR)
UNKNOWN = frame(0x16, 0, bytes(8))

sends("1", "Sends a server connection preface", ACKNOWLEDGED, WAITS, lambda s: settings())
sends("4.1", "Sends a frame with unknown type", PONG, WAITS, lambda s: UNKNOWN + ping())
sends("4.1", "Sends a frame with undefined flag", PONG, WAITS, lambda s: ping(flags=0x16))
sends("4.1", "Sends a frame with reserved field bit", PONG, WAITS, lambda s: frame(PING, 1 << 31, bytes(8), 0x16))
sends(
    "4.2",
    "Sends a DATA frame with 2^14 octets in length",
    PONG,
    COMPLETE,
    lambda s: s.ok(OPEN) + data(1, bytes(FRAME_SIZE)) + ping(),
)
sends(
    "4.2",
    "Sends a large size DATA frame that exceeds the SETTINGS_MAX_FRAME_SIZE",
    stream(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: s.ok(OPEN) + data(1, bytes(FRAME_SIZE + 1)),
)
sends(
    "4.2",
    "Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE",
    connection(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: s.head([*OK, (b"x-dummy", b"x" * FRAME_SIZE)]),
)
sends(
    "4.3",
    "Sends invalid header block fragment",
    connection(COMPRESSION_ERROR),
    MALFORMED,
    lambda s: frame(HEADERS, 1, b"\x40", END_HEADERS | END_STREAM),
)
sends("5.1.1", "Sends an unexpected stream identifier", BROKEN, MALFORMED, lambda s: s.ok(at=101))
sends("5.1", "idle: Sends a DATA frame", BROKEN, MALFORMED, lambda s: data(2))
sends("5.1", "idle: Sends a RST_STREAM frame", BROKEN, MALFORMED, lambda s: rst(2))
sends("5.1", "idle: Sends a WINDOW_UPDATE frame", BROKEN, MALFORMED, lambda s: window(2, 100))
sends("5.1", "idle: Sends a CONTINUATION frame", BROKEN, MALFORMED, lambda s: s.continuation(2))
AFTER = "frame after sending RST_STREAM frame"
sends("5.1", f"closed: Sends a DATA {AFTER}", stream(STREAM_CLOSED), RESET, lambda s: s.ok(OPEN) + rst() + data())
sends("5.1", f"closed: Sends a HEADERS {AFTER}", stream(STREAM_CLOSED), RESET, lambda s: s.ok(OPEN) + rst() + s.ok())
sends("5.1", f"closed: Sends a CONTINUATION {AFTER}", BROKEN, RESET, lambda s: s.ok(OPEN) + rst() + s.continuation())
sends("5.1", "closed: Sends a DATA frame", connection(STREAM_CLOSED), COMPLETE, lambda s: s.ok() + data())
sends("5.1", "closed: Sends a HEADERS frame", connection(STREAM_CLOSED), COMPLETE, lambda s: s.ok() + s.ok())
sends("5.1", "closed: Sends a CONTINUATION frame", BROKEN, COMPLETE, lambda s: s.ok() + s.continuation())
for _sentence in (
    "Sends an invalid PING frame for connection close",
    "Sends an invalid PING frame to receive GOAWAY frame",
):
    sends("5.4.1", _sentence, BROKEN, MALFORMED, lambda s: frame(PING, 3, bytes(8)))
sends("5.5", "Sends an unknown extension frame", PONG, WAITS, lambda s: UNKNOWN + ping())
sends("6.1", "Sends a DATA frame with 0x0 stream identifier", BROKEN, MALFORMED, lambda s: data(0))
sends(
    "6.1",
    'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state',
    stream(STREAM_CLOSED),
    COMPLETE,
    lambda s: s.ok() + data(),
)
sends(
    "6.1",
    "Sends a DATA frame with invalid pad length",
    BROKEN,
    MALFORMED,
    lambda s: s.ok(OPEN) + frame(DATA, 1, b"\x06Test", PADDED | END_STREAM),
)
sends(
    "6.2",
    "Sends a HEADERS frame without the END_HEADERS flag, and a PRIORITY frame",
    BROKEN,
    MALFORMED,
    lambda s: s.ok(0) + priority() + s.continuation(),
)
sends("6.2", "Sends a HEADERS frame with 0x0 stream identifier", BROKEN, MALFORMED, lambda s: s.ok(at=0))
sends(
    "6.2",
    "Sends a HEADERS frame with invalid pad length",
    stream(PROTOCOL_ERROR),
    MALFORMED,
    lambda s: frame(HEADERS, 1, b"\xf0" + s.block(OK), END_HEADERS | END_STREAM | PADDED),
)
sends("6.3", "Sends a PRIORITY frame with 0x0 stream identifier", BROKEN, WAITS, lambda s: priority(0))
sends(
    "6.3",
    "Sends a PRIORITY frame with a length other than 5 octets",
    stream(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: frame(PRIORITY, 1, b"\x80\0\0\1"),
)
sends("6.4", "Sends a RST_STREAM frame with 0x0 stream identifier", BROKEN, MALFORMED, lambda s: rst(0))
sends("6.4", "Sends a RST_STREAM frame on a idle stream", BROKEN, MALFORMED, lambda s: rst(2))
sends(
    "6.4",
    "Sends a RST_STREAM frame with a length other than 4 octets",
    stream(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: frame(RST_STREAM, 1, bytes(3)),
)
for _sentence, _setting, _code in (
    (
        "SETTINGS_INITIAL_WINDOW_SIZE (0x4): Sends the value above the maximum flow control window size",
        (4, 1 << 31),
        FLOW_CONTROL_ERROR,
    ),
    ("SETTINGS_MAX_FRAME_SIZE (0x5): Sends the value below the initial value", (5, 16_383), PROTOCOL_ERROR),
    (
        "SETTINGS_MAX_FRAME_SIZE (0x5): Sends the value above the maximum allowed frame size",
        (5, 1 << 24),
        PROTOCOL_ERROR,
    ),
):
    sends("6.5.2", _sentence, connection(_code), MALFORMED, lambda s, setting=_setting: settings(setting))  # type: ignore[misc]
sends("6.5.2", "Sends a SETTINGS frame with unknown identifier", PONG, WAITS, lambda s: settings((0xFF, 1)) + ping())
sends("6.5.3", "Sends a SETTINGS frame without ACK flag", ACKNOWLEDGED, WAITS, lambda s: settings((1, 0)))
sends(
    "6.5",
    "Sends a SETTINGS frame with ACK flag and payload",
    connection(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: frame(SETTINGS, 0, b"\0", 1),
)
sends(
    "6.5",
    "Sends a SETTINGS frame with a stream identifier other than 0x0",
    BROKEN,
    MALFORMED,
    lambda s: frame(SETTINGS, 1, b"\0\3\0\0\0\x64"),
)
sends(
    "6.5",
    "Sends a SETTINGS frame with a length other than a multiple of 6 octets",
    connection(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: frame(SETTINGS, 0, b"\0\3\0"),
)
sends("6.7", "Sends a PING frame", PONG, WAITS, lambda s: ping())
sends("6.7", "Sends a PING frame with ACK", PONG, WAITS, lambda s: ping(b"invalid!", 1) + ping())
sends(
    "6.7",
    "Sends a PING frame with a stream identifier field value other than 0x0",
    BROKEN,
    MALFORMED,
    lambda s: frame(PING, 1, bytes(8)),
)
sends(
    "6.7",
    "Sends a PING frame with a length field value other than 8",
    connection(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: frame(PING, 0, bytes(6)),
)
sends(
    "6.8",
    "Sends a GOAWAY frame with a stream identifier other than 0x0",
    BROKEN,
    MALFORMED,
    lambda s: frame(GOAWAY, 1, bytes(8)),
)
INCREASING = "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1"
sends("6.9.1", INCREASING, connection(FLOW_CONTROL_ERROR), MALFORMED, lambda s: window(0, MOST) + window(0, MOST))
sends(
    "6.9.1",
    f"{INCREASING} on a stream",
    stream(FLOW_CONTROL_ERROR),
    MALFORMED,
    lambda s: s.ok(OPEN) + window(1, MOST) + window(1, MOST),
)
INCREMENT = "Sends a WINDOW_UPDATE frame with a flow control window increment of 0"
sends("6.9", INCREMENT, BROKEN, MALFORMED, lambda s: window(0, 0))
sends("6.9", f"{INCREMENT} on a stream", stream(PROTOCOL_ERROR), MALFORMED, lambda s: s.ok(OPEN) + window(1, 0))
sends(
    "6.9",
    "Sends a WINDOW_UPDATE frame with a length other than 4 octets",
    connection(FRAME_SIZE_ERROR),
    MALFORMED,
    lambda s: frame(WINDOW_UPDATE, 0, b"\0\0\1"),
)
sends(
    "6.10",
    "Sends multiple CONTINUATION frames preceded by a HEADERS frame",
    PONG,
    COMPLETE,
    lambda s: s.ok(END_STREAM) + s.continuation(last=False) + s.continuation() + ping(),
)
sends(
    "6.10",
    "Sends a CONTINUATION frame followed by any frame other than CONTINUATION",
    BROKEN,
    MALFORMED,
    lambda s: s.ok(0) + s.continuation(last=False) + data(),
)
sends(
    "6.10",
    "Sends a CONTINUATION frame with 0x0 stream identifier",
    BROKEN,
    MALFORMED,
    lambda s: s.ok(END_STREAM) + s.continuation(0),
)
PRECEDED = "Sends a CONTINUATION frame preceded by a"
sends("6.10", f"{PRECEDED} HEADERS frame with END_HEADERS flag", BROKEN, COMPLETE, lambda s: s.ok() + s.continuation())
sends(
    "6.10",
    f"{PRECEDED} CONTINUATION frame with END_HEADERS flag",
    BROKEN,
    COMPLETE,
    lambda s: s.ok(END_STREAM) + s.continuation() + s.continuation(),
)
sends(
    "6.10",
    f"{PRECEDED} DATA frame",
    BROKEN,
    COMPLETE,
    lambda s: s.ok(OPEN) + data() + s.continuation(last=False) + s.continuation(0),
)

OURS: dict[tuple[str, str], tuple[Verdict, str, Made]] = {
    ("8.1", "Sends a HEADERS frame without a status"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([(b"x-test", b"ok")]),
    ),
    ("8.1", "Sends a HEADERS frame with a status that is none"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([(b":status", b"2OO")]),
    ),
    ("8.1", "Sends a HEADERS frame with a status that nobody has"): (
        stream(CANCEL),
        MALFORMED,
        lambda s: s.head([(b":status", b"999")], flags=OPEN),
    ),
    ("8.1", "Sends a DATA frame before the HEADERS frame"): (stream(PROTOCOL_ERROR), MALFORMED, lambda s: data()),
    ("8.1", "Sends an interim answer that ends the stream"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([(b":status", b"103")]),
    ),
    ("8.1", "Sends a body that is shorter than announced"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([*OK, (b"content-length", b"5")], flags=OPEN) + data(1, b"four"),
    ),
    ("8.1", "Sends a body that is longer than announced"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([*OK, (b"content-length", b"3")], flags=OPEN) + data(1, b"four"),
    ),
    ("8.1", "Sends a pseudo-header field after the body"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.ok(OPEN) + data(1, b"x", False) + s.head([(b":status", b"200")]),
    ),
    ("8.2", "Sends a connection-specific header field"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([*OK, (b"connection", b"close")]),
    ),
    ("8.2", "Sends a header field name in uppercase letters"): (
        stream(PROTOCOL_ERROR),
        MALFORMED,
        lambda s: s.head([*OK, (b"X-Upper", b"x")]),
    ),
    ("8.4", "Sends a PUSH_PROMISE frame, which we have forbidden"): (
        BROKEN,
        MALFORMED,
        lambda s: frame(PUSH_PROMISE, 1, b"\0\0\0\2" + s.block(OK), END_HEADERS),
    ),
    ("6.8", "Sends a GOAWAY frame that leaves the request out"): (CLOSED, RESET, lambda s: frame(GOAWAY, 0, bytes(8))),
    ("6.8", "Sends a GOAWAY frame that does not, and the answer"): (
        CLOSED,
        COMPLETE,
        lambda s: frame(GOAWAY, 0, b"\0\0\0\1" + bytes(4)) + s.ok(),
    ),
    ("6.4", "Sends a RST_STREAM frame with NO_ERROR after its answer"): (
        PONG,
        COMPLETE,
        lambda s: s.ok() + rst(1, 0) + ping(),
    ),
    ("6.4", "Sends a RST_STREAM frame with an unknown code"): (PONG, RESET, lambda s: rst(1, 0xFFFF) + ping()),
    ("6.9.1", "Sends more than its window"): (
        stream(FLOW_CONTROL_ERROR),
        MALFORMED,
        lambda s: s.ok(OPEN) + data(1, bytes(FRAME_SIZE), False) * 17,
    ),
    ("3.4", "Speaks HTTP/1.1"): (
        connection(FRAME_SIZE_ERROR),
        MALFORMED,
        lambda s: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    ),
}
"""Of servers that h2spec does not ask for."""

OVER = "nothing is kept of streams that are over: what comes on one of them is thrown away unread"
NO_PRIORITIES = "RFC 9113 §5.3.2 has no priorities any more: we do not read these frames"

OTHERWISE: dict[tuple[str, str], tuple[Verdict, str]] = {
    ("5.1", f"closed: Sends a DATA {AFTER}"): (IGNORED, OVER),
    ("5.1", f"closed: Sends a HEADERS {AFTER}"): (IGNORED, OVER),
    ("5.1", "closed: Sends a DATA frame"): (IGNORED, OVER),
    ("5.1", "closed: Sends a HEADERS frame"): (IGNORED, OVER),
    ("6.1", 'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state'): (IGNORED, OVER),
    ("6.3", "Sends a PRIORITY frame with 0x0 stream identifier"): (IGNORED, NO_PRIORITIES),
}
"""What we do in place of what h2spec asks for, and why."""


WHOLE = (
    ("6.2", "Sends a HEADERS frame with invalid pad length"),
    ("6.4", "Sends a RST_STREAM frame with a length other than 4 octets"),
)
"""What h2spec takes for a matter of one stream, and RFC 9113 for one of the connection."""


def served(made: Made) -> tuple[Server, str]:
    """A server that has sent something, and how the request ended."""

    async def test() -> Server:
        server = Server()
        server.send(made(server))
        return server

    server = asyncio.run(test())
    assert len(server.user.ends) <= 1, server.user.ends
    return server, "".join(server.user.ends)


@pytest.mark.parametrize("title", [*CASES, *OURS], ids=" ".join)
def test_a_server_that_breaks_a_rule_ends_its_request_once(
    title: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    asked, end, made = (CASES | OURS)[title]
    server, ended = served(made)
    verdict, is_so = OTHERWISE.get(title, (asked, ""))[0], heard(server)
    assert is_so(verdict), server.frames()
    assert verdict == asked or not is_so(asked), "it is as h2spec asks"
    assert ended == end
    assert (server.upstream.lent == 0) == bool(ended)
    if asked[0] == "stream" and title not in WHOLE:
        assert not server.of(GOAWAY) and not server.socket.ended, "other calls of the connection go on"
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


FATAL = [each for each, case in CASES.items() if case[0][0] == "connection" and each not in OTHERWISE]


@pytest.mark.parametrize("title", FATAL, ids=" ".join)
def test_an_answer_that_was_whole_before_is_one_whatever_ends_the_connection(title: tuple[str, str]) -> None:
    """Both came in one read."""
    server, _ = served(lambda server: server.ok() + CASES[title][2](server))
    assert server.user.told == "complete" and not server.upstream.lent
    assert server.of(GOAWAY) and server.socket.ended


def test_an_answer_that_was_whole_before_is_one_where_the_proxy_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Http2Upstream, last: int, code: int) -> None:
        raise ZeroDivisionError

    def made(server: Server) -> bytes:
        server.socket.abort = lambda: server.upstream.connection_lost(None)  # type: ignore[method-assign]
        return server.ok() + frame(GOAWAY, 0, bytes(8))

    monkeypatch.setattr(Http2Upstream, "going_away", fails)
    server, _ = served(made)
    assert server.user.told == "complete" and not server.upstream.lent


def test_all_titles_are_here() -> None:
    assert len(CASES) == 57
