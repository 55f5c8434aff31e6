"""A client's connection under the titles of h2spec (its groups `generic`, `http2` and `hpack`), without a socket.

Each case is what a client sends, and what it must hear. Where h2spec would take the end of the connection for any error
of the connection, we are held to the GOAWAY with its code. `OTHERWISE` has the cases in which we do something else.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from proxy.dataplane.h2.downstream import Http2Downstream
from proxy.http2.bounds import CONNECTION_WINDOW
from proxy.http2.codes import (
    FLOW_CONTROL_ERROR,
    OPENED_BY_NOTHING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    WRONG_LENGTH,
)
from tests.support.fakes import Bench
from tests.support.h2spec import (
    ACKNOWLEDGED,
    ANSWERED,
    CLOSED,
    COMPRESSION_ERROR,
    FRAME_SIZE_ERROR,
    IGNORED,
    ONE_BYTE,
    PONG,
    STREAM_CLOSED,
    Conversation,
    Verdict,
    connection,
    heard,
    stream,
)
from tests.support.plane import route
from tests.support.raw_frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITIZED,
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

GET: Fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/v2/models/m"), (b":authority", b"m")]
POST: Fields = [(b":method", b"POST"), *GET[1:]]
OPEN = END_HEADERS
"""Flags of a head behind which something follows."""

BODY = b"hello world"


class Peer(Conversation):
    """A client, and the model server that answers it once `answer` is called."""

    def __init__(self) -> None:
        self.bench = Bench(route())
        super().__init__(Http2Downstream(self.bench.shared))

    def answer(self, body: bytes = BODY) -> None:
        """Every request that has reached the model server is answered."""
        for each in self.bench.pools["v1"].streams:
            if each.user is not None:
                each.answer(body=body)

    def get(self, stream: int = 1, flags: int = END_HEADERS | END_STREAM, *fields: tuple[bytes, bytes]) -> bytes:
        return self.head([*GET, *fields], stream, flags)

    def post(self, stream: int = 1, flags: int = OPEN, *fields: tuple[bytes, bytes]) -> bytes:
        return self.head([*POST, *fields], stream, flags)


Case = Callable[[Peer], Any]
GREETING = PREFACE + settings()
CASES: dict[tuple[str, str], tuple[Case, Verdict]] = {}


def case(section: str, sentence: str, verdict: Verdict) -> Callable[[Case], Case]:
    """Enters a case; it begins after the preface."""

    def enter(steps: Case) -> Case:
        assert (section, sentence) not in CASES
        CASES[section, sentence] = steps, verdict
        return steps

    return enter


def sends(section: str, sentence: str, verdict: Verdict, made: Callable[[Peer], bytes]) -> None:
    """A case that is one read, and whatever answers it."""

    @case(section, sentence, verdict)
    def steps(peer: Peer) -> None:
        peer.send(made(peer))
        peer.answer()


# -- generic: what every client may do

sends("generic/1", "Sends a client connection preface", PONG, lambda p: ping())
sends("generic/2", "Sends a PRIORITY frame on idle stream", PONG, lambda p: priority() + ping())


@case("generic/2", "Sends a WINDOW_UPDATE frame on half-closed (remote) stream", ONE_BYTE)
def window_update_on_half_closed(peer: Peer) -> None:
    peer.send(settings((4, 0)), peer.get())
    peer.answer()
    peer.send(window(1, 1))


@case("generic/2", "Sends a PRIORITY frame on half-closed (remote) stream", ONE_BYTE)
def priority_on_half_closed(peer: Peer) -> None:
    peer.send(settings((4, 0)), peer.get())
    peer.answer()
    peer.send(priority(), window(1, 1))


sends(
    "generic/2",
    "Sends a RST_STREAM frame on half-closed (remote) stream",
    PONG,
    lambda p: p.get() + rst() + ping(),
)


@case("generic/2", "Sends a PRIORITY frame on closed stream", PONG)
def priority_on_closed(peer: Peer) -> None:
    peer.send(peer.get())
    peer.answer()
    peer.send(priority(), ping())


sends("generic/3.1", "Sends a DATA frame", ANSWERED, lambda p: p.post() + data())
sends("generic/3.1", "Sends multiple DATA frames", ANSWERED, lambda p: p.post() + data(1, b"a", False) + data())
sends(
    "generic/3.1",
    "Sends a DATA frame with padding",
    ANSWERED,
    lambda p: p.post() + frame(DATA, 1, b"\x05test" + bytes(5), PADDED | END_STREAM),
)
sends("generic/3.2", "Sends a HEADERS frame", ANSWERED, lambda p: p.get())
sends(
    "generic/3.2",
    "Sends a HEADERS frame with padding",
    ANSWERED,
    lambda p: frame(HEADERS, 1, b"\x05" + p.block(GET) + bytes(5), END_HEADERS | END_STREAM | PADDED),
)
sends(
    "generic/3.2",
    "Sends a HEADERS frame with priority",
    ANSWERED,
    lambda p: frame(HEADERS, 1, bytes(4) + b"\xff" + p.block(GET), END_HEADERS | END_STREAM | PRIORITIZED),
)
sends("generic/3.3", "Sends a PRIORITY frame with priority 1", ANSWERED, lambda p: priority(weight=0) + p.get())
sends("generic/3.3", "Sends a PRIORITY frame with priority 256", ANSWERED, lambda p: priority(weight=255) + p.get())
sends("generic/3.3", "Sends a PRIORITY frame with stream dependency", ANSWERED, lambda p: priority(3, 1) + p.get())
sends(
    "generic/3.3",
    "Sends a PRIORITY frame with exclusive",
    ANSWERED,
    lambda p: priority(1, 1 << 31) + p.get(),
)
sends(
    "generic/3.3",
    "Sends a PRIORITY frame for an idle stream, then send a HEADER frame for a lower stream ID",
    ANSWERED,
    lambda p: priority(3) + p.get(),
)
sends("generic/3.4", "Sends a RST_STREAM frame", PONG, lambda p: p.get() + rst() + ping())
sends(
    "generic/3.5",
    "Sends a SETTINGS frame",
    ACKNOWLEDGED,
    lambda p: settings((1, 4096), (2, 1), (3, 100), (4, 65_535), (5, 16_384), (6, 100)),
)
sends("generic/3.7", "Sends a PING frame", PONG, lambda p: ping())
sends("generic/3.8", "Sends a GOAWAY frame", CLOSED, lambda p: frame(GOAWAY, 0, bytes(8) + b"h2spec") + ping())
sends("generic/3.9", "Sends a WINDOW_UPDATE frame with stream ID 0", PONG, lambda p: window(0, 1) + ping())
sends("generic/3.9", "Sends a WINDOW_UPDATE frame with stream ID 1", ANSWERED, lambda p: p.get() + window(1, 1))


def cut(peer: Peer, *at: int) -> bytes:
    """A head in a HEADERS frame and as many CONTINUATION frames as there are cuts."""
    block, edges = peer.block(GET), (0, *at, None)
    parts = [block[begin:end] for begin, end in pairwise(edges)]
    first, *others = parts
    out = frame(HEADERS, 1, first, END_STREAM)
    for number, part in enumerate(others, 1):
        out += frame(CONTINUATION, 1, part, END_HEADERS * (number == len(others)))
    return out


sends("generic/3.10", "Sends a CONTINUATION frame", ANSWERED, lambda p: cut(p, 5))
sends("generic/3.10", "Sends multiple CONTINUATION frames", ANSWERED, lambda p: cut(p, 5, 10))
sends("generic/4", "Sends a GET request", ANSWERED, lambda p: p.get())
sends("generic/4", "Sends a HEAD request", ANSWERED, lambda p: p.head([(b":method", b"HEAD"), *GET[1:]]))
sends("generic/4", "Sends a POST request", ANSWERED, lambda p: p.post() + data())
sends(
    "generic/4",
    "Sends a POST request with trailers",
    ANSWERED,
    lambda p: p.post(1, OPEN, (b"trailer", b"x-test")) + data(1, b"test", False) + p.head([(b"x-test", b"ok")]),
)

USER_AGENT = b"\x0auser-agent\x06h2spec"
HUFFMAN = b"\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4"
NEW = b"\x06x-test\x06h2spec"
NEW_HUFFMAN = b"\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4"
INDEXED, BARE, NEVER = b"\x40", b"\x00", b"\x10"

for _sentence, _field in {
    "Sends a indexed header field representation": b"\xba",
    "Sends a literal header field with incremental indexing - indexed name": b"\x7a\x06h2spec",
    "Sends a literal header field with incremental indexing - indexed name (with Huffman coding)": INDEXED + HUFFMAN,
    "Sends a literal header field with incremental indexing - new name": INDEXED + NEW,
    "Sends a literal header field with incremental indexing - new name (with Huffman coding)": INDEXED + NEW_HUFFMAN,
    "Sends a literal header field without indexing - indexed name": b"\x0f\x2b\x06h2spec",
    "Sends a literal header field without indexing - indexed name (with Huffman coding)": BARE + HUFFMAN,
    "Sends a literal header field without indexing - new name": BARE + NEW,
    "Sends a literal header field without indexing - new name (huffman encoded)": BARE + NEW_HUFFMAN,
    "Sends a literal header field never indexed - indexed name": b"\x1f\x2b\x06h2spec",
    "Sends a literal header field never indexed - indexed name (huffman encoded)": NEVER + HUFFMAN,
    "Sends a literal header field never indexed - new name": NEVER + NEW,
    "Sends a literal header field never indexed - new name (huffman encoded)": NEVER + NEW_HUFFMAN,
}.items():
    sends("generic/5", _sentence, ANSWERED, lambda p, field=_field: p.head(GET, more=field))  # type: ignore[misc]
sends("generic/5", "Sends a dynamic table size update", ANSWERED, lambda p: resized(p, b"\x3f\x61"))
sends(
    "generic/5",
    "Sends multiple dynamic table size update",
    ANSWERED,
    lambda p: resized(p, b"\x3f\x61\x3f\xe1\x1f"),
)


def resized(peer: Peer, updates: bytes) -> bytes:
    """A head behind updates of the size of the table."""
    return frame(HEADERS, 1, updates + peer.block(GET), END_HEADERS | END_STREAM)


# -- http2: what no client may do


@case("http2/3.5", "Sends client connection preface", ACKNOWLEDGED)
def first_frame(peer: Peer) -> None:
    assert (peer.frames()[0].kind, peer.frames()[0].flags) == (SETTINGS, 0)
    peer.send(settings((4, 65_535)))


UNKNOWN = frame(0x16, 0, bytes(8))
UNGREETED = {("http2/3.5", "Sends invalid connection preface")}
"""Cases that begin before the preface."""

sends(
    "http2/3.5",
    "Sends invalid connection preface",
    CLOSED,
    lambda p: b"INVALID CONNECTION PREFACE\r\n\r\n",
)
sends("http2/4.1", "Sends a frame with unknown type", PONG, lambda p: UNKNOWN + ping())
sends("http2/4.1", "Sends a frame with undefined flag", PONG, lambda p: ping(flags=0x16))
sends("http2/4.1", "Sends a frame with reserved field bit", PONG, lambda p: frame(PING, 1 << 31, bytes(8), 0x16))
sends(
    "http2/4.2",
    "Sends a DATA frame with 2^14 octets in length",
    ANSWERED,
    lambda p: p.post() + data(1, bytes(FRAME_SIZE)),
)
sends(
    "http2/4.2",
    "Sends a large size DATA frame that exceeds the SETTINGS_MAX_FRAME_SIZE",
    stream(FRAME_SIZE_ERROR),
    lambda p: p.post() + data(1, bytes(FRAME_SIZE + 1)),
)
sends(
    "http2/4.2",
    "Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE",
    connection(FRAME_SIZE_ERROR),
    lambda p: p.head([*GET, (b"x-dummy", b"x" * FRAME_SIZE)]),
)
sends(
    "http2/4.3",
    "Sends invalid header block fragment",
    connection(COMPRESSION_ERROR),
    lambda p: frame(HEADERS, 1, b"\x40", END_HEADERS | END_STREAM),
)
for _section, _sentence in (
    ("http2/4.3", "Sends a PRIORITY frame while sending the header blocks"),
    ("http2/6.2", "Sends a HEADERS frame without the END_HEADERS flag, and a PRIORITY frame"),
):
    sends(
        _section,
        _sentence,
        connection(PROTOCOL_ERROR),
        lambda p: p.head(GET, 1, 0) + priority() + p.continuation(),
    )
for _section, _sentence in (
    ("http2/4.3", "Sends a HEADERS frame to another stream while sending the header blocks"),
    ("http2/6.2", "Sends a HEADERS frame to another stream while sending a HEADERS frame"),
):
    sends(
        _section,
        _sentence,
        connection(PROTOCOL_ERROR),
        lambda p: p.head(GET, 1, 0) + p.get(3) + p.continuation(),
    )
sends("http2/5.1.1", "Sends even-numbered stream identifier", connection(PROTOCOL_ERROR), lambda p: p.get(2))
sends(
    "http2/5.1.1",
    "Sends stream identifier that is numerically smaller than previous",
    connection(PROTOCOL_ERROR),
    lambda p: p.get(5) + p.get(3),
)
sends(
    "http2/5.1.2",
    "Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded",
    stream(PROTOCOL_ERROR, REFUSED_STREAM),
    lambda p: settings((4, 0)) + b"".join(p.get(2 * at + 1) for at in range(101)),
)
sends("http2/5.1", "idle: Sends a DATA frame", connection(PROTOCOL_ERROR), lambda p: data())
sends("http2/5.1", "idle: Sends a RST_STREAM frame", connection(PROTOCOL_ERROR), lambda p: rst())
sends("http2/5.1", "idle: Sends a WINDOW_UPDATE frame", connection(PROTOCOL_ERROR), lambda p: window(1, 100))
sends("http2/5.1", "idle: Sends a CONTINUATION frame", connection(PROTOCOL_ERROR), lambda p: p.continuation())
sends("http2/5.1", "half closed (remote): Sends a DATA frame", stream(STREAM_CLOSED), lambda p: p.get() + data())
sends("http2/5.1", "half closed (remote): Sends a HEADERS frame", stream(STREAM_CLOSED), lambda p: p.get() + p.get())
sends(
    "http2/5.1",
    "half closed (remote): Sends a CONTINUATION frame",
    stream(STREAM_CLOSED, PROTOCOL_ERROR),
    lambda p: p.get() + p.continuation(),
)
sends(
    "http2/5.1",
    "closed: Sends a DATA frame after sending RST_STREAM frame",
    stream(STREAM_CLOSED),
    lambda p: p.post() + rst() + data(),
)
sends(
    "http2/5.1",
    "closed: Sends a HEADERS frame after sending RST_STREAM frame",
    stream(STREAM_CLOSED),
    lambda p: p.post() + rst() + p.get(),
)
sends(
    "http2/5.1",
    "closed: Sends a CONTINUATION frame after sending RST_STREAM frame",
    stream(STREAM_CLOSED, PROTOCOL_ERROR),
    lambda p: p.post() + rst() + p.continuation(),
)


def after_the_end(sentence: str, verdict: Verdict, made: Callable[[Peer], bytes]) -> None:
    """A case in which both sides have ended their stream before."""

    @case("http2/5.1", sentence, verdict)
    def steps(peer: Peer) -> None:
        peer.send(peer.get())
        peer.answer()
        assert peer.of(DATA, 1)[-1].flags & END_STREAM
        peer.send(made(peer))


after_the_end("closed: Sends a DATA frame", connection(STREAM_CLOSED), lambda p: data())
after_the_end("closed: Sends a HEADERS frame", connection(STREAM_CLOSED), lambda p: p.get())
after_the_end("closed: Sends a CONTINUATION frame", connection(PROTOCOL_ERROR), lambda p: p.continuation())
sends(
    "http2/5.3.1",
    "Sends HEADERS frame that depends on itself",
    stream(PROTOCOL_ERROR),
    lambda p: frame(HEADERS, 1, b"\0\0\0\1\xff" + p.block(GET), END_HEADERS | END_STREAM | PRIORITIZED),
)
sends("http2/5.3.1", "Sends PRIORITY frame that depend on itself", stream(PROTOCOL_ERROR), lambda p: priority(1, 1))
for _sentence in (
    "Sends an invalid PING frame for connection close",
    "Sends an invalid PING frame to receive GOAWAY frame",
):
    sends("http2/5.4.1", _sentence, connection(PROTOCOL_ERROR), lambda p: frame(PING, 3, bytes(8)))
sends("http2/5.5", "Sends an unknown extension frame", PONG, lambda p: UNKNOWN + ping())
sends(
    "http2/5.5",
    "Sends an unknown extension frame in the middle of a header block",
    connection(PROTOCOL_ERROR),
    lambda p: p.head(GET, 1, END_STREAM) + UNKNOWN,
)
sends("http2/6.1", "Sends a DATA frame with 0x0 stream identifier", connection(PROTOCOL_ERROR), lambda p: data(0))
sends(
    "http2/6.1",
    'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state',
    stream(STREAM_CLOSED),
    lambda p: p.post(1, END_HEADERS | END_STREAM) + data(),
)
sends(
    "http2/6.1",
    "Sends a DATA frame with invalid pad length",
    connection(PROTOCOL_ERROR),
    lambda p: p.post(1, OPEN, (b"content-length", b"4")) + frame(DATA, 1, b"\x06Test", PADDED | END_STREAM),
)
sends("http2/6.2", "Sends a HEADERS frame with 0x0 stream identifier", connection(PROTOCOL_ERROR), lambda p: p.get(0))


@case("http2/6.2", "Sends a HEADERS frame with invalid pad length", stream(PROTOCOL_ERROR))
def padded_too_far(peer: Peer) -> None:
    block = peer.block(GET)
    peer.send(frame(HEADERS, 1, bytes((len(block) + 2,)) + block, END_HEADERS | END_STREAM | PADDED))


sends(
    "http2/6.3", "Sends a PRIORITY frame with 0x0 stream identifier", connection(PROTOCOL_ERROR), lambda p: priority(0)
)
sends(
    "http2/6.3",
    "Sends a PRIORITY frame with a length other than 5 octets",
    stream(FRAME_SIZE_ERROR),
    lambda p: p.get() + frame(PRIORITY, 1, b"\x80\0\0\1"),
)
sends("http2/6.4", "Sends a RST_STREAM frame with 0x0 stream identifier", connection(PROTOCOL_ERROR), lambda p: rst(0))
sends("http2/6.4", "Sends a RST_STREAM frame on a idle stream", connection(PROTOCOL_ERROR), lambda p: rst(1))
sends(
    "http2/6.4",
    "Sends a RST_STREAM frame with a length other than 4 octets",
    stream(FRAME_SIZE_ERROR),
    lambda p: p.get() + frame(RST_STREAM, 1, bytes(3)),
)
for _sentence, _setting, _code in (
    ("SETTINGS_ENABLE_PUSH (0x2): Sends the value other than 0 or 1", (2, 2), PROTOCOL_ERROR),
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
    sends("http2/6.5.2", _sentence, connection(_code), lambda p, setting=_setting: settings(setting))  # type: ignore[misc]
sends("http2/6.5.2", "Sends a SETTINGS frame with unknown identifier", PONG, lambda p: settings((0xFF, 1)) + ping())
sends(
    "http2/6.5.3",
    "Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE",
    ONE_BYTE,
    lambda p: settings((4, 100), (4, 1)) + p.get(),
)
sends("http2/6.5.3", "Sends a SETTINGS frame without ACK flag", ACKNOWLEDGED, lambda p: settings((2, 0)))
sends(
    "http2/6.5",
    "Sends a SETTINGS frame with ACK flag and payload",
    connection(FRAME_SIZE_ERROR),
    lambda p: frame(SETTINGS, 0, b"\0", 1),
)
sends(
    "http2/6.5",
    "Sends a SETTINGS frame with a stream identifier other than 0x0",
    connection(PROTOCOL_ERROR),
    lambda p: frame(SETTINGS, 1, b"\0\3\0\0\0\x64"),
)
sends(
    "http2/6.5",
    "Sends a SETTINGS frame with a length other than a multiple of 6 octets",
    connection(FRAME_SIZE_ERROR),
    lambda p: frame(SETTINGS, 0, b"\0\3\0"),
)
sends("http2/6.7", "Sends a PING frame", PONG, lambda p: ping())
sends("http2/6.7", "Sends a PING frame with ACK", PONG, lambda p: ping(b"invalid!", 1) + ping())
sends(
    "http2/6.7",
    "Sends a PING frame with a stream identifier field value other than 0x0",
    connection(PROTOCOL_ERROR),
    lambda p: frame(PING, 1, bytes(8)),
)
sends(
    "http2/6.7",
    "Sends a PING frame with a length field value other than 8",
    connection(FRAME_SIZE_ERROR),
    lambda p: frame(PING, 0, bytes(6)),
)
sends(
    "http2/6.8",
    "Sends a GOAWAY frame with a stream identifier other than 0x0",
    connection(PROTOCOL_ERROR),
    lambda p: frame(GOAWAY, 1, bytes(8)),
)
sends(
    "http2/6.9.1",
    "Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame",
    ONE_BYTE,
    lambda p: settings((4, 1)) + p.get(),
)
MOST = 2**31 - 1
sends(
    "http2/6.9.1",
    "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1",
    connection(FLOW_CONTROL_ERROR),
    lambda p: window(0, MOST) + window(0, MOST),
)
sends(
    "http2/6.9.1",
    "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream",
    stream(FLOW_CONTROL_ERROR),
    lambda p: p.post() + window(1, MOST) + window(1, MOST),
)


@case("http2/6.9.2", "Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame", ONE_BYTE)
def opened_later(peer: Peer) -> None:
    peer.send(settings((4, 0)), peer.get())
    peer.answer()
    assert not peer.of(DATA)
    peer.send(settings((4, 1)))


@case("http2/6.9.2", "Sends a SETTINGS frame for window size to be negative", ONE_BYTE)
def below_nothing(peer: Peer) -> None:
    peer.send(settings((4, 3)), peer.get())
    peer.answer()
    assert [each.payload for each in peer.of(DATA)] == [BODY[:3]]
    peer.send(settings((4, 2)))
    peer.socket.written = b""
    peer.send(window(1, 2))


sends(
    "http2/6.9.2",
    "Sends a SETTINGS_INITIAL_WINDOW_SIZE settings with an exceeded maximum window size value",
    connection(FLOW_CONTROL_ERROR),
    lambda p: settings((4, 1 << 31)),
)
sends(
    "http2/6.9",
    "Sends a WINDOW_UPDATE frame with a flow control window increment of 0",
    connection(PROTOCOL_ERROR),
    lambda p: window(0, 0),
)
sends(
    "http2/6.9",
    "Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream",
    stream(PROTOCOL_ERROR),
    lambda p: p.post() + window(1, 0),
)
sends(
    "http2/6.9",
    "Sends a WINDOW_UPDATE frame with a length other than 4 octets",
    connection(FRAME_SIZE_ERROR),
    lambda p: frame(WINDOW_UPDATE, 0, b"\0\0\1"),
)
sends(
    "http2/6.10",
    "Sends multiple CONTINUATION frames preceded by a HEADERS frame",
    ANSWERED,
    lambda p: p.head(GET, 1, END_STREAM) + p.continuation(last=False) + p.continuation(),
)
sends(
    "http2/6.10",
    "Sends a CONTINUATION frame followed by any frame other than CONTINUATION",
    connection(PROTOCOL_ERROR),
    lambda p: p.head(POST, 1, 0) + p.continuation(last=False) + data(),
)
sends(
    "http2/6.10",
    "Sends a CONTINUATION frame with 0x0 stream identifier",
    connection(PROTOCOL_ERROR),
    lambda p: p.head(GET, 1, END_STREAM) + p.continuation(0),
)
sends(
    "http2/6.10",
    "Sends a CONTINUATION frame preceded by a HEADERS frame with END_HEADERS flag",
    connection(PROTOCOL_ERROR),
    lambda p: p.get() + p.continuation(),
)
sends(
    "http2/6.10",
    "Sends a CONTINUATION frame preceded by a CONTINUATION frame with END_HEADERS flag",
    connection(PROTOCOL_ERROR),
    lambda p: p.head(GET, 1, END_STREAM) + p.continuation() + p.continuation(),
)
sends(
    "http2/6.10",
    "Sends a CONTINUATION frame preceded by a DATA frame",
    connection(PROTOCOL_ERROR),
    lambda p: p.head(POST, 1, 0) + data() + p.continuation(last=False) + p.continuation(0),
)
sends(
    "http2/7",
    "Sends a GOAWAY frame with unknown error code",
    CLOSED,
    lambda p: frame(GOAWAY, 0, bytes(7) + b"\xff") + ping(),
)
sends("http2/7", "Sends a RST_STREAM frame with unknown error code", PONG, lambda p: p.post() + rst(1, 0xFF) + ping())


def malformed(section: str, sentence: str, fields: Fields) -> None:
    """A head that RFC 9113 §8 refuses."""
    sends(section, sentence, stream(PROTOCOL_ERROR), lambda p: p.head(fields))


ONLY = "Sends a HEADERS frame that contains"
malformed("http2/8.1.2", f"{ONLY} the header field name in uppercase letters", [*GET, (b"X-TEST", b"ok")])
malformed("http2/8.1.2.1", f"{ONLY} a unknown pseudo-header field", [*GET, (b":test", b"ok")])
malformed("http2/8.1.2.1", f"{ONLY} the pseudo-header field defined for response", [*GET, (b":status", b"200")])
sends(
    "http2/8.1.2.1",
    f"{ONLY} a pseudo-header field as trailers",
    stream(PROTOCOL_ERROR),
    lambda p: p.post() + data(1, b"test", False) + p.head([(b":method", b"POST")], flags=OPEN),
)
malformed(
    "http2/8.1.2.1",
    f"{ONLY} a pseudo-header field that appears in a header block after a regular header field",
    [(b"x-test", b"ok"), *GET],
)
malformed("http2/8.1.2.2", f"{ONLY} the connection-specific header field", [*GET, (b"connection", b"keep-alive")])
malformed(
    "http2/8.1.2.2",
    f'{ONLY} the TE header field with any value other than "trailers"',
    [*GET, (b"trailers", b"test"), (b"te", b"trailers, deflate")],
)
malformed(
    "http2/8.1.2.3", 'Sends a HEADERS frame with empty ":path" pseudo-header field', [*GET[:2], (b":path", b""), GET[3]]
)
for _name in (":method", ":scheme", ":path"):
    malformed(
        "http2/8.1.2.3",
        f'Sends a HEADERS frame that omits "{_name}" pseudo-header field',
        [each for each in GET if each[0] != _name.encode()],
    )
    malformed(
        "http2/8.1.2.3",
        f'Sends a HEADERS frame with duplicated "{_name}" pseudo-header field',
        [*GET, *(each for each in GET if each[0] == _name.encode())],
    )
LENGTH = 'Sends a HEADERS frame with the "content-length" header field which does not equal the'
sends(
    "http2/8.1.2.6",
    f"{LENGTH} DATA frame payload length",
    stream(PROTOCOL_ERROR),
    lambda p: p.post(1, OPEN, (b"content-length", b"1")) + data(),
)
sends(
    "http2/8.1.2.6",
    f"{LENGTH} sum of the multiple DATA frames payload length",
    stream(PROTOCOL_ERROR),
    lambda p: p.post(1, OPEN, (b"content-length", b"1")) + data(1, b"test", False) + data(),
)
sends(
    "http2/8.1",
    "Sends a second HEADERS frame without the END_STREAM flag",
    stream(PROTOCOL_ERROR),
    lambda p: p.post() + data(1, b"test", False) + p.head([(b"x-test", b"ok")], flags=OPEN),
)
sends(
    "http2/8.2",
    "Sends a PUSH_PROMISE frame",
    connection(PROTOCOL_ERROR),
    lambda p: frame(PUSH_PROMISE, 1, b"\0\0\0\3" + p.block(GET), END_HEADERS),
)

# -- hpack: blocks that cannot be read

for _section, _sentence, _more in (
    ("hpack/2.3.3", "Sends a indexed header field representation with invalid index", b"\xc6"),
    ("hpack/2.3.3", "Sends a literal header field representation with invalid index", b"\x7f\x07\x00"),
    ("hpack/4.2", "Sends a dynamic table size update at the end of header block", b"\x21"),
    (
        "hpack/5.2",
        "Sends a Huffman-encoded string literal representation with padding longer than 7 bits",
        b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff",
    ),
    (
        "hpack/5.2",
        "Sends a Huffman-encoded string literal representation padded by zero",
        b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90",
    ),
    (
        "hpack/5.2",
        "Sends a Huffman-encoded string literal representation containing the EOS symbol",
        b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f",
    ),
    ("hpack/6.1", "Sends a indexed header field representation with index 0", b"\x80"),
):
    sends(_section, _sentence, connection(COMPRESSION_ERROR), lambda p, more=_more: p.head(GET, more=more))  # type: ignore[misc]
sends(
    "hpack/6.3",
    "Sends a dynamic table size update larger than the value of SETTINGS_HEADER_TABLE_SIZE",
    connection(COMPRESSION_ERROR),
    lambda p: resized(p, b"\x3f\xe2\x1f"),
)

OVER = "nothing is kept of streams that are over: what comes on one of them is thrown away unread"
NO_PRIORITIES = "RFC 9113 §5.3.2 has no priorities any more: we do not read these frames"

OTHERWISE: dict[tuple[str, str], tuple[Verdict, str]] = {
    ("http2/5.1", "closed: Sends a DATA frame after sending RST_STREAM frame"): (IGNORED, OVER),
    ("http2/5.1", "closed: Sends a HEADERS frame after sending RST_STREAM frame"): (IGNORED, OVER),
    ("http2/5.1", "closed: Sends a DATA frame"): (IGNORED, OVER),
    ("http2/5.1", "closed: Sends a HEADERS frame"): (IGNORED, OVER),
    ("http2/5.1.1", "Sends stream identifier that is numerically smaller than previous"): (IGNORED, OVER),
    ("http2/5.3.1", "Sends PRIORITY frame that depend on itself"): (IGNORED, NO_PRIORITIES),
    ("http2/6.3", "Sends a PRIORITY frame with 0x0 stream identifier"): (IGNORED, NO_PRIORITIES),
}
"""What we do in place of what h2spec asks for, and why."""


@pytest.mark.parametrize("title", CASES, ids=" ".join)
def test_a_client_hears_what_the_specification_says(title: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    peer, (steps, asked) = Peer(), CASES[title]
    if title not in UNGREETED:
        peer.send(GREETING)
    steps(peer)
    verdict, is_so = OTHERWISE.get(title, (asked, ""))[0], heard(peer)
    assert is_so(verdict), peer.frames()
    assert verdict == asked or not is_so(asked), "it is as h2spec asks"
    assert len(peer.of(HEADERS, 1)) <= 1
    assert not (peer.socket.ended and peer.bench.shared.exchanges)
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_all_titles_are_here() -> None:
    groups = [section.partition("/")[0] for section, _ in CASES]
    assert {group: groups.count(group) for group in set(groups)} == {"generic": 44, "http2": 95, "hpack": 8}


def test_a_client_that_leaves_gets_the_answers_that_are_under_way() -> None:
    peer = Peer()
    peer.send(GREETING, peer.get(), frame(GOAWAY, 0, bytes(8)))
    assert not peer.socket.ended
    peer.answer()
    assert peer.of(DATA, 1)[-1].flags & END_STREAM
    assert peer.socket.ended and not peer.of(GOAWAY)


def test_what_comes_on_streams_that_are_over_takes_no_window_from_the_others() -> None:
    """Of bodies that were under way when we answered: more than the window of the connection, twice."""
    peer = Peer()
    peer.send(GREETING, peer.post(), rst())
    piece, sent = data(1, bytes(FRAME_SIZE), False), 0
    while sent < 2 * CONNECTION_WINDOW:
        peer.send(piece * 16)
        sent += 16 * FRAME_SIZE
    given = sum(int.from_bytes(each.payload, "big") for each in peer.of(WINDOW_UPDATE, 0))
    assert given >= sent


MISMATCHES: dict[str, tuple[int, Callable[[], bytes]]] = {
    "longer": (OPEN, lambda: data(1, b"test")),
    "shorter": (OPEN, lambda: data(1, b"")),
    "in pieces": (OPEN, lambda: data(1, b"", False) + data(1, b"test", False)),
}


@pytest.mark.parametrize("how", MISMATCHES)
def test_a_body_of_another_length_is_a_malformed_request_and_nobody_who_left(how: str) -> None:
    """In one read, before it had its turn, and once its model server has it."""
    for together in (True, False):
        peer = Peer()
        peer.send(GREETING)
        flags, body = MISMATCHES[how]
        head = peer.post(1, flags, (b"content-length", b"1"))
        if together:
            peer.send(head + body())
        else:
            peer.send(head)
            peer.send(body())
        assert heard(peer)(stream(PROTOCOL_ERROR)), peer.frames()
        counted = peer.bench.counted()
        assert [why for *_, why in [*counted["rejected"], *counted["legs"]]] == ["bad_request"]
        assert counted["malformed"] == {("", "", WRONG_LENGTH): 1}
        assert not (counted["bad"] or peer.bench.inflight())


def test_nor_is_a_version_charged_with_a_call_that_turns_out_malformed() -> None:
    peer = Peer()
    fields = ((b"content-type", b"application/grpc"), (b"te", b"trailers"), (b"content-length", b"8"))
    peer.send(GREETING, peer.post(1, OPEN, *fields), data(1, b"\0\0\0\0\1x", False))
    (asked,) = peer.bench.pools["v1"].streams
    assert asked.user is not None
    peer.send(data(1, b"and more"))
    counted = peer.bench.counted()
    assert counted["legs"] == {("v1", "primary", "bad_request"): 1} and not counted["bad"]
    assert heard(peer)(stream(PROTOCOL_ERROR)) and not peer.bench.inflight()


def test_nor_does_one_leave_who_opens_a_window_by_nothing_while_it_is_answered() -> None:
    peer = Peer()
    peer.send(GREETING, settings((4, 0)), peer.get())
    peer.answer()
    peer.send(peer.get(3))
    peer.send(window(3, 0))
    counted = peer.bench.counted()
    assert counted["legs"] == {("v1", "primary", "200"): 1, ("v1", "primary", "bad_request"): 1}
    assert counted["malformed"] == {("", "", OPENED_BY_NOTHING): 1} and not peer.bench.inflight()
