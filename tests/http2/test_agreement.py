"""Our engine and nghttp2's read the same of the same bytes, whatever a peer says."""

from __future__ import annotations

from typing import Any

from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import PROTOCOL_ERROR, STREAM_CLOSED, Http2Error
from proxy.http2.engine import Http2Engine
from proxy.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from tests.support.ngh2_engine import Ngh2Engine

Fields = list[tuple[bytes, bytes]]
Told = dict[int, list[tuple[Any, ...]]]


class _Noting:
    """What each stream is told; pieces that follow each other are one."""

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        self._note(stream, "head", [(bytes(name), bytes(value)) for name, value in fields], ended)

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        told = self.told.setdefault(stream, [])
        if told and told[-1][0] == "data":
            data = told.pop()[1] + data
        if data or ended:
            self._note(stream, "data", data, ended)

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        self._note(stream, "trailers", [(bytes(name), bytes(value)) for name, value in fields])

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        self._note(stream, "closed", code, unprocessed)

    def stream_refused(self, stream: int, code: int) -> None:
        self._note(stream, "refused")

    def __init__(self, client: bool) -> None:
        super().__init__(client, Http2Bounds())  # type: ignore[call-arg]
        self.told: Told = {}

    def _note(self, stream: int, *what: Any) -> None:
        self.told.setdefault(stream, []).append(what)


class Ours(_Noting, Http2Engine):
    """The engine in use."""


class Theirs(_Noting, Ngh2Engine):
    """The reference."""


def heard(it: Ours | Theirs, reads: list[bytes]) -> tuple[Told, bool]:
    """What is told, and whether the connection has ended."""
    if it._client:
        it.request([(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"x")], True)
        it.request([(b":method", b"HEAD"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"x")], False)
    it.take()
    for read in reads:
        try:
            it.feed(read, 0.0)
        except Http2Error:
            return it.told, True
        it.take()
        if isinstance(it, Theirs) and it.error:  # it tells so once its GOAWAY was taken
            return it.told, True
    return it.told, False


# -- what a peer says: pieces that are frames, mostly legal ones

REQUEST: Fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"x")]
streams = st.sampled_from([1, 3, 5])
fields = st.lists(
    st.tuples(
        st.sampled_from(
            [b"x-a", b"te", b"cookie", b"content-length", b"connection", b"X", b":path", b":test", b"host"]
        ),
        st.sampled_from([b"1", b"trailers", b"7", b" a", b"a\n", b""]),
    ),
    max_size=2,
)
flags = st.sampled_from([0, END_STREAM])
LEFT_OUT = st.sampled_from([None, None, None, None, None, 0, 1, 2, 3])


@st.composite
def said(draw: st.DrawFn, head: Fields) -> list[bytes]:
    encoder = Encoder()
    made = []
    for _ in range(draw(st.integers(1, 8))):
        stream, out = draw(streams), b""
        kind = draw(st.sampled_from("hhhhdddttrwppscu"))
        if kind in "ht":
            first = list(head) if kind == "h" else []
            left_out = draw(LEFT_OUT)
            if left_out is not None:
                del first[left_out : left_out + 1]
            block = encoder.encode(first + draw(fields))
            ends = draw(flags) if kind == "h" else END_STREAM
            out = frame(HEADERS, END_HEADERS | ends, stream, block)
            if draw(st.integers(0, 3)) == 0:
                out = frame(HEADERS, ends, stream, block[:3]) + frame(CONTINUATION, END_HEADERS, stream, block[3:])
        elif kind == "d":
            data = draw(st.sampled_from([b"", b"a", b"seven..", b"x" * 300]))
            out = frame(DATA, draw(flags), stream, data)
            if draw(st.integers(0, 3)) == 0:
                out = frame(DATA, PADDED | draw(flags), stream, b"\3" + data + bytes(3))
        elif kind == "r":
            out = frame(RST_STREAM, 0, stream, draw(st.sampled_from([0, 7, 8])).to_bytes(4, "big"))
        elif kind == "w":
            out = frame(WINDOW_UPDATE, 0, draw(st.sampled_from([0, stream])), b"\0\0\0\x09")
        elif kind == "p":
            out = frame(PING, 0, 0, bytes(8)) + frame(PRIORITY, 0, stream, b"\0\0\0\0\1")
        elif kind == "s":
            out = frame(SETTINGS, 0, 0, b"\0\4\0\0\1\0")
        elif kind == "u":
            out = frame(0xEE, 0xFF, stream, b"unknown")
        made.append(out)
    return made


def cut(draw: Any, sent: bytes) -> list[bytes]:
    at = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=3)))
    return [sent[begin:end] for begin, end in zip([0, *at], [*at, len(sent)], strict=True) if begin < end]


def assert_alike(client: bool, reads: list[bytes]) -> None:
    """Both are told the same. What follows a rule that was broken in the same read they need not read alike: nghttp2
    reads frames on a stream that it has not reset yet, and we throw them away."""
    (ours, ended), (theirs, theirs_ended) = heard(Ours(client), reads), heard(Theirs(client), reads)
    broken = [
        number
        for number, told in ours.items()
        if told[-1][0] == "refused" or told[-1][1:2] in ((PROTOCOL_ERROR,), (STREAM_CLOSED,))
    ]
    assert ended == theirs_ended or (broken and theirs_ended)
    if not (ended or theirs_ended):
        for told in (ours, theirs):
            for number in broken:
                told[number][-1:] = [("broken",)]
        assert ours == theirs


@given(said(REQUEST), st.data())
def test_a_client_is_read_alike(frames: list[bytes], data: st.DataObject) -> None:
    assert_alike(False, cut(data.draw, PREFACE + frame(SETTINGS, 0, 0, b"") + b"".join(frames)))


@given(said([(b":status", b"200")]), st.data())
def test_a_server_is_read_alike(frames: list[bytes], data: st.DataObject) -> None:
    assert_alike(True, cut(data.draw, frame(SETTINGS, 0, 0, b"") + b"".join(frames)))
