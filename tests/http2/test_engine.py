"""A connection against h2, the reference, and against itself: the same bytes, however they are cut, are the same."""

from __future__ import annotations

import itertools
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.bounds import CONNECTION_WINDOW, HARD, STREAMS, WINDOW, Http2Bounds
from proxy.http2.codes import CANCEL, ENHANCE_YOUR_CALM, NAMES, PROTOCOL_ERROR, REFUSED_STREAM, Http2Error
from proxy.http2.engine import FEW, Http2Engine
from proxy.http2.outbound import AT_ONCE

ASKED = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"x")]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Noted(Http2Engine):
    """A connection that notes what it is told."""

    def __init__(self, client: bool, bounds: Http2Bounds | None = None) -> None:
        super().__init__(client, bounds or Http2Bounds())
        self.told: list[tuple[Any, ...]] = []

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        self.told.append(("head", stream, [tuple(each) for each in fields], ended))

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        last = self.told[-1]
        if last[:2] == ("data", stream) and not last[3]:
            self.told[-1] = ("data", stream, last[2] + data, ended)
        else:
            self.told.append(("data", stream, data, ended))

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        self.told.append(("trailers", stream, [tuple(each) for each in fields]))

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        self.told.append(("closed", stream, code, unprocessed))

    def stream_refused(self, stream: int, code: int) -> None:
        self.told.append(("refused", stream, code))

    def going_away(self, last: int, code: int) -> None:
        self.told.append(("goaway", last, code))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.told if each[0] == kind]


def reference(client: bool) -> h2.connection.H2Connection:
    made = h2.connection.H2Connection(
        h2.config.H2Configuration(
            client_side=client,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
    )
    made.initiate_connection()
    return made


def exchanged(engine: Noted, peer: h2.connection.H2Connection) -> list[h2.events.Event]:
    """What the peer is told until neither has anything to say."""
    told: list[h2.events.Event] = []
    for _ in range(10):
        if out := engine.take():
            told += peer.receive_data(out)
        if back := peer.data_to_send():
            engine.feed(back, 0.0)
    return told


def asked_by(peer: h2.connection.H2Connection, engine: Noted, fields: list[tuple[bytes, bytes]], ended: bool) -> int:
    stream: int = peer.get_next_available_stream_id()
    peer.send_headers(stream, fields, end_stream=ended)
    exchanged(engine, peer)
    return stream


# -- a whole exchange


def test_a_request_and_its_answer_with_trailers() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, [*ASKED, (b"te", b"trailers")], ended=False)
    peer.send_data(stream, b"body", end_stream=True)
    exchanged(server, peer)
    assert server.told == [
        ("head", stream, [*ASKED, (b"te", b"trailers")], False),
        ("data", stream, b"body", True),
    ]
    server.credit(stream)
    server.respond(stream, [(b":status", b"200")], ended=False)
    server.data(stream, b"answer", ended=False)
    server.trailers(stream, [(b"grpc-status", b"0")])
    told = exchanged(server, peer)
    kinds = [type(each) for each in told]
    assert h2.events.ResponseReceived in kinds
    assert h2.events.TrailersReceived in kinds
    assert server.of("closed") == [(stream, 0, False)]
    assert not server.open


def test_as_a_client_with_an_empty_end_and_trailers_alone() -> None:
    client, peer = Noted(client=True), reference(client=False)
    stream = client.request(ASKED, ended=False)
    client.data(stream, b"", ended=True)
    told = exchanged(client, peer)
    assert [type(each) for each in told if isinstance(each, h2.events.StreamEnded)] == [h2.events.StreamEnded]
    peer.send_headers(stream, [(b":status", b"200"), (b"grpc-status", b"5")], end_stream=True)
    exchanged(client, peer)
    assert client.told == [
        ("head", stream, [(b":status", b"200"), (b"grpc-status", b"5")], True),
        ("closed", stream, 0, False),
    ]


def test_an_interim_answer_reaches_the_client_before_the_answer() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=True)
    server.interim(stream, [(b":status", b"103")])
    server.respond(stream, [(b":status", b"204")], ended=True)
    kinds = [type(each) for each in exchanged(server, peer)]
    assert kinds.index(h2.events.InformationalResponseReceived) < kinds.index(h2.events.ResponseReceived)


TOKENS = st.binary(min_size=1, max_size=20).map(lambda data: data.hex().encode())


@given(
    bodies=st.lists(st.lists(st.binary(max_size=100), max_size=3), min_size=1, max_size=4),
    values=TOKENS,
    data=st.data(),
)
def test_the_same_bytes_are_the_same_however_they_are_cut(
    bodies: list[list[bytes]], values: bytes, data: st.DataObject
) -> None:
    peer = reference(client=True)
    for body in bodies:
        stream = peer.get_next_available_stream_id()
        peer.send_headers(stream, [*ASKED, (b"x-value", values)], end_stream=not body)
        for at, piece in enumerate(body):
            peer.send_data(stream, piece, end_stream=at == len(body) - 1)
    sent = peer.data_to_send()
    whole, bytewise, cut = Noted(client=False), Noted(client=False), Noted(client=False)
    whole.feed(sent, 0.0)
    for at in range(len(sent)):
        bytewise.feed(sent[at : at + 1], 0.0)
    at = data.draw(st.integers(0, len(sent)))
    cut.feed(sent[:at], 0.0)
    cut.feed(sent[at:], 0.0)
    assert whole.told == bytewise.told == cut.told
    assert [body for _, body, _ in whole.of("data")] == [b"".join(body) for body in bodies if body]


class Pieces(Noted):
    """Notes each piece for itself."""

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        self.told.append(("data", stream, data, ended))


@given(st.lists(st.tuples(st.sampled_from([1, 3]), st.binary(min_size=1, max_size=3)), max_size=100), st.booleans())
def test_many_small_pieces_that_were_read_together_are_few(parts: list[tuple[int, bytes]], trailers: bool) -> None:
    server, peer = Pieces(client=False), reference(client=True)
    for stream in (1, 3):
        peer.send_headers(stream, ASKED)
    for stream, piece in parts:
        peer.send_data(stream, piece)
    if trailers:
        peer.send_headers(1, [(b"x-a", b"b")], end_stream=True)
    server.feed(peer.data_to_send(), 0.0)
    told = server.of("data")
    assert len(told) <= FEW + 2
    for number in (1, 3):
        expected = b"".join(piece for stream, piece in parts if stream == number)
        assert b"".join(piece for stream, piece, _ in told if stream == number) == expected
    if trailers:
        assert [each[0] for each in server.told if each[1] == 1][-1] == "trailers"


# -- flow control


def owed(engine: Http2Engine) -> int:
    """Bytes that were handed over and have not been given back."""
    return sum(stream.owed for stream in engine._streams.values())


def test_windows_are_given_back_when_bytes_have_been_passed_on_and_not_before() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=False)
    assert peer.local_flow_control_window(stream) == WINDOW
    for _ in range(WINDOW // 16_384):
        peer.send_data(stream, bytes(16_384))
    exchanged(server, peer)
    assert peer.local_flow_control_window(stream) == 0
    assert owed(server) == WINDOW
    server.credit(stream)
    exchanged(server, peer)
    assert peer.local_flow_control_window(stream) == WINDOW
    assert owed(server) == 0


@given(st.lists(st.integers(1, 16_384), min_size=1, max_size=5), st.booleans())
def test_a_body_of_any_pieces_gets_through_where_it_is_passed_on_and_no_further_where_it_is_not(
    sizes: list[int], passed_on: bool
) -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=False)
    sent = 0
    for size in itertools.cycle(sizes):
        window = peer.local_flow_control_window(stream)
        if sent > 2 * WINDOW or not window:
            break
        taken = min(max(size, 2_048), window)
        peer.send_data(stream, bytes(taken))
        exchanged(server, peer)
        if passed_on:
            server.credit(stream)
            assert owed(server) < AT_ONCE
            exchanged(server, peer)
        sent += taken
        server.told[:] = [("",)]
    assert sent > 2 * WINDOW if passed_on else sent == WINDOW == owed(server)


def test_what_an_ended_stream_owed_is_credited_to_its_connection() -> None:
    server, peer = Noted(client=False), reference(client=True)
    sent = 0
    while sent <= CONNECTION_WINDOW:  # more than the connection's window in all
        stream = asked_by(peer, server, ASKED, ended=False)
        for _ in range(WINDOW // 16_384):
            peer.send_data(stream, bytes(16_384))
        exchanged(server, peer)
        server.reset(stream, CANCEL)
        exchanged(server, peer)
        sent += WINDOW
    assert owed(server) == 0


def test_no_number_of_stalled_streams_stops_another() -> None:
    server, peer = Noted(client=False), reference(client=True)
    for _ in range(STREAMS - 1):
        stalled = asked_by(peer, server, ASKED, ended=False)
        for _ in range(WINDOW // 16_384):
            peer.send_data(stalled, bytes(16_384))
        exchanged(server, peer)
        assert peer.local_flow_control_window(stalled) == 0
    stream = asked_by(peer, server, ASKED, ended=False)
    for _ in range(3 * CONNECTION_WINDOW // 16_384):
        assert peer.local_flow_control_window(stream) >= 16_384
        peer.send_data(stream, bytes(16_384))
        exchanged(server, peer)
        server.credit(stream)
        exchanged(server, peer)
        server.told.clear()
        server.told.append(("",))


def test_what_the_peer_does_not_read_is_queued_and_told() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=True)
    server.respond(stream, [(b":status", b"200")], ended=False)
    server.data(stream, bytes(100_000), ended=True)
    exchanged(server, peer)
    assert server.queued(stream) == 100_000 - 65_535
    peer.acknowledge_received_data(65_535, stream)
    exchanged(server, peer)
    assert server.queued(stream) == 0


# -- streams that are not served


def test_a_client_counts_streams_against_the_servers_limit() -> None:
    client, peer = Noted(client=True), reference(client=False)
    assert client.room() == 100
    peer.update_settings({3: 2})
    exchanged(client, peer)
    streams = [client.request(ASKED, ended=True) for _ in range(client.room())]
    assert len(streams) == 2
    assert client.room() == 0
    exchanged(client, peer)
    peer.send_headers(streams[0], [(b":status", b"204")], end_stream=True)
    exchanged(client, peer)
    assert client.room() == 1


@pytest.mark.parametrize(("code", "unprocessed"), [(REFUSED_STREAM, True), (CANCEL, False), (PROTOCOL_ERROR, False)])
def test_only_a_refused_stream_was_not_processed_for_sure(code: int, unprocessed: bool) -> None:
    client, peer = Noted(client=True), reference(client=False)
    stream = client.request(ASKED, ended=True)
    exchanged(client, peer)
    peer.reset_stream(stream, code)
    exchanged(client, peer)
    assert client.of("closed") == [(stream, code, unprocessed)]


def test_streams_that_a_goaway_left_out_were_not_processed() -> None:
    client = Noted(client=True)
    peer = reference(client=False)
    first, second = client.request(ASKED, ended=True), client.request(ASKED, ended=True)
    exchanged(client, peer)
    client.feed(frames.GoAwayFrame(0, last_stream_id=first).serialize(), 0.0)
    client.take()
    assert client.of("goaway") == [(first, 0)]
    assert client.of("closed") == [(second, REFUSED_STREAM, True)]
    assert client.room() == 0


def test_a_drain_tells_twice() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=True)
    server.notice()
    first = server.take()
    server.goaway(0)
    second = server.take()
    last = [frames.Frame.parse_frame_header(memoryview(each[:9]))[0] for each in (first, second)]
    assert [type(each) for each in last] == [frames.GoAwayFrame] * 2
    assert int.from_bytes(first[9:13], "big") == 2**31 - 1
    assert int.from_bytes(second[9:13], "big") == stream
    server.respond(stream, [(b":status", b"204")], ended=True)
    server.take()
    assert server.has_ended()


def test_a_request_that_a_goaway_has_left_out_is_thrown_away_with_its_body() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=True)
    server.goaway(0)
    server.take()  # and before the client knows
    late = peer.get_next_available_stream_id()
    peer.send_headers(late, ASKED)
    peer.send_data(late, b"body")
    peer.increment_flow_control_window(10, late)
    peer.send_headers(late, [(b"x-sum", b"1")], end_stream=True)
    peer.reset_stream(late)
    server.feed(peer.data_to_send(), 0.0)
    assert [each[0] for each in server.of("head")] == [stream]
    assert server.of("data") == server.of("closed") == []
    server.respond(stream, [(b":status", b"204")], ended=True)
    assert server.take() and server.has_ended()
    assert server._owed == 4


# -- who means harm


ILLEGAL = [
    [*ASKED, (b"connection", b"close")],
    [*ASKED, (b"Upper", b"x")],
    [*ASKED, (b"a", b"x\r\ny: z")],
    [*ASKED, (b"a", b"\x01")],
    [*ASKED, (b"te", b"gzip")],
    [*ASKED, (b"transfer-encoding", b"chunked")],
    [*ASKED, (b"content-length", b"5, 5")],
    [*ASKED[:2], (b":path", b""), ASKED[3]],
    [*ASKED[:2], (b":path", b"/a b"), ASKED[3]],
    [*ASKED[1:]],
    [*ASKED, (b":path", b"/b")],
    [*ASKED, (b"a", b"b"), (b":late", b"c")],
]


@pytest.mark.parametrize("fields", ILLEGAL, ids=lambda fields: fields[-1][0].decode())
def test_a_head_that_is_none_ends_its_stream_alone(fields: list[tuple[bytes, bytes]]) -> None:
    server, peer = Noted(client=False), reference(client=True)
    bad = asked_by(peer, server, fields, ended=True)
    good = asked_by(peer, server, ASKED, ended=True)
    assert server.of("refused") == [(bad, PROTOCOL_ERROR)]
    assert server.of("head") == [(good, ASKED, True)]
    assert server.open == {good}


def test_a_body_that_is_not_as_long_as_announced_ends_its_stream() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, [*ASKED, (b"content-length", b"5")], ended=False)
    peer.send_data(stream, b"toolong", end_stream=True)
    exchanged(server, peer)
    assert server.of("closed") == [(stream, PROTOCOL_ERROR, False)]


def test_bytes_that_are_no_http2_end_the_connection() -> None:
    server = Noted(client=False)
    with pytest.raises(Http2Error) as caught:
        server.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0.0)
    assert caught.value.code == PROTOCOL_ERROR
    assert server.has_ended() and not server.room() and not server.take()


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_end_the_connection(data: bytes) -> None:
    server = Noted(client=False)
    try:
        server.feed(PREFACE + data, 0.0)
    except Http2Error as error:
        assert error.code in NAMES
    server.take()


def flooded(server: Noted, frame: bytes, count: int) -> Http2Error | None:
    """What ends a connection on which a frame comes so often; the answers are not taken, as by a peer that floods."""
    try:
        for _ in range(count):
            server.feed(frame, 0.0)
    except Http2Error as error:
        return error
    return None


def begun() -> Noted:
    server = Noted(client=False)
    server.feed(PREFACE + frames.SettingsFrame(0).serialize(), 0.0)
    server.take()
    return server


def test_a_flood_of_pings_or_settings_ends_the_connection() -> None:
    for frame in (frames.PingFrame(0, opaque_data=b"12345678"), frames.SettingsFrame(0, settings={4: 70_000})):
        assert flooded(begun(), frame.serialize(), 2_000) is not None


def cancelled(server: Noted, peer: h2.connection.H2Connection, fields: list[tuple[bytes, bytes]], now: float) -> None:
    """One request that its client takes back, unless we have refused it."""
    stream = peer.get_next_available_stream_id()
    peer.send_headers(stream, fields)
    if fields is ASKED:
        peer.reset_stream(stream, CANCEL)
    server.feed(peer.data_to_send(), now)
    if out := server.take():
        peer.receive_data(out)


@pytest.mark.parametrize("fields", [ASKED, ILLEGAL[0]], ids=["its own", "those that it makes us send"])
def test_rapid_resets_end_the_connection(fields: list[tuple[bytes, bytes]]) -> None:
    peer, server, ended = reference(client=True), Noted(client=False), 0
    for at in range(1_100):
        try:
            cancelled(server, peer, fields, 0.0)
        except (Http2Error, h2.exceptions.ProtocolError):
            ended = at
            break
    assert 900 <= ended < 1_100
    assert len(server.open) <= 1


def test_time_forgives_streams_that_broke_a_rule() -> None:
    peer, server = reference(client=True), Noted(client=False)
    for second in range(40):
        for _ in range(30):  # 1,200 in all, fewer a second than are forgiven
            cancelled(server, peer, ILLEGAL[0], float(second))
    assert len(server.of("refused")) == 1_200


def test_a_list_of_fields_that_is_larger_by_far_than_allowed_ends_the_connection() -> None:
    for fields in ([(b"a%d" % at, b"") for at in range(128 * HARD)], [(b"a%d" % at, b"A" * 40_000) for at in range(7)]):
        server, peer = Noted(client=False), reference(client=True)
        with pytest.raises(Http2Error) as caught:
            asked_by(peer, server, [*ASKED, *fields], ended=True)
        assert caught.value.code == ENHANCE_YOUR_CALM
        assert not server.of("head")


def test_continuations_without_end_end_the_connection() -> None:
    server = begun()
    head = frames.HeadersFrame(1, data=b"\x82")
    more = frames.ContinuationFrame(1, data=b"\x84" * 10)
    with pytest.raises(Http2Error):
        server.feed(head.serialize() + more.serialize() * 50, 0.0)


def test_a_call_on_a_stream_that_has_ended_does_nothing() -> None:
    server, peer = Noted(client=False), reference(client=True)
    stream = asked_by(peer, server, ASKED, ended=True)
    peer.reset_stream(stream, CANCEL)
    exchanged(server, peer)
    server.respond(stream, [(b":status", b"200")], ended=False)
    server.interim(stream, [(b":status", b"103")])
    server.data(stream, b"x", ended=False)
    server.trailers(stream, [(b"a", b"b")])
    server.end(stream)
    server.reset(stream, CANCEL)
    server.credit(stream)
    assert server.queued(stream) == 0
    assert server.take() == b""
    assert server.of("closed") == [(stream, CANCEL, False)]
