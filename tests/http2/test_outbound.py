"""What one side has to say: in which order, and how much of it waits."""

from __future__ import annotations

import pytest
from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import CANCEL, ENHANCE_YOUR_CALM, Http2Error
from proxy.http2.frames import DATA, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE
from proxy.http2.outbound import FEW_STARVED
from tests.http2.test_engine import ASKED, Noted
from tests.support.raw_frames import came

OK = [(b":status", b"200")]
BLOCK = b"\x83\x86\x84\x01\x01x"


def serving(count: int, window: int = 65_535) -> Noted:
    """A server with so many requests, which has said nothing of them."""
    server = Noted(client=False)
    asked = [frames.HeadersFrame(2 * at + 1, data=BLOCK, flags=["END_HEADERS", "END_STREAM"]) for at in range(count)]
    settings = frames.SettingsFrame(0, settings={4: window})
    server.feed(PREFACE + b"".join(each.serialize() for each in [settings, *asked]), 0.0)
    server.take()
    return server


def said(server: Noted, most: int = 1 << 18) -> list[tuple[int, int, int]]:
    """Kind, stream and size of the frames of one taking."""
    return [(each.kind, each.stream, len(each.payload)) for each in came(server.take(most))]


def test_the_first_that_is_said_are_settings() -> None:
    client, server = Noted(client=True), Noted(client=False)
    client.ping()
    out = client.take()
    assert out.startswith(PREFACE)
    assert [each.kind for each in came(out.removeprefix(PREFACE))][:2] == [SETTINGS, WINDOW_UPDATE]
    assert [each.kind for each in came(server.take())] == [SETTINGS, WINDOW_UPDATE]


def test_streams_take_turns_by_frames_and_heads_come_first() -> None:
    server = serving(2)
    for stream in (1, 3):
        server.respond(stream, OK, False)
        server.data(stream, bytes(20_000), True)
    order = said(server)
    assert [(kind, stream) for kind, stream, _ in order] == [
        *((HEADERS, 1), (HEADERS, 3)),
        *((DATA, 1), (DATA, 3), (DATA, 1), (DATA, 3)),
    ]
    assert server.of("closed") == [(1, 0, False), (3, 0, False)]


def test_no_more_than_asked_for_is_taken_and_the_rest_counts() -> None:
    server = serving(2)
    for stream in (1, 3):
        server.respond(stream, OK, False)
        server.data(stream, bytes(32_768), True)
    assert server.all_queued() == 65_536
    sizes = [size for kind, _, size in said(server, 20_000) if kind == DATA]
    assert sizes == [16_384, 16_384]
    assert (server.queued(1), server.queued(3), server.all_queued()) == (16_384, 16_384, 32_768)
    assert sum(size for kind, _, size in said(server) if kind == DATA) == 32_768 - 1  # the connection's window


def test_a_closed_window_stops_its_stream_alone_and_its_trailers_wait_behind_it() -> None:
    server = serving(2, window=10)
    server.respond(1, OK, False)
    server.data(1, bytes(11), False)
    server.trailers(1, [(b"grpc-status", b"0")])
    server.respond(3, OK, False)
    server.data(3, b"ok", True)
    assert [(kind, stream) for kind, stream, _ in said(server)] == [(HEADERS, 1), (HEADERS, 3), (DATA, 1), (DATA, 3)]
    assert server.queued(1) == 1
    server.feed(frames.WindowUpdateFrame(1, window_increment=1).serialize(), 0.0)
    assert [(kind, size) for kind, _, size in said(server) if kind == DATA] == [(DATA, 1)]
    assert server.of("closed") == [(3, 0, False), (1, 0, False)]


def test_a_stream_that_is_reset_says_nothing_more() -> None:
    server = serving(2)
    for stream in (1, 3):
        server.respond(stream, OK, False)
        server.data(stream, bytes(20_000), True)
    server.reset(1, CANCEL)
    assert server.all_queued() == 20_000
    assert [(kind, stream) for kind, stream, _ in said(server)] == [(RST_STREAM, 1), (HEADERS, 3), (DATA, 3), (DATA, 3)]
    assert server.of("closed")[0] == (1, CANCEL, False)


def test_a_request_that_is_taken_back_before_it_left_was_never_opened() -> None:
    client = Noted(client=True)
    client.take()
    first, second = client.request(ASKED, True), client.request(ASKED, True)
    client.reset(second, CANCEL)
    assert [(each.kind, each.stream) for each in came(client.take())] == [(HEADERS, first)]
    client.reset(first, CANCEL)
    assert [(each.kind, each.stream) for each in came(client.take())] == [(RST_STREAM, first)]
    assert client.of("closed") == [(second, CANCEL, False), (first, CANCEL, False)]
    assert not client.open


def test_whoever_has_broken_a_rule_is_told_that_alone() -> None:
    server = serving(1)
    server.respond(1, OK, False)
    server.data(1, bytes(1_000), False)
    server.ping()
    server.goaway(ENHANCE_YOUR_CALM)
    assert [(each.kind, each.code) for each in came(server.take())] == [(GOAWAY, ENHANCE_YOUR_CALM)]
    assert server.all_queued() == 0


def test_what_a_peer_does_not_read_is_bounded() -> None:
    server = serving(0)
    ping = frames.PingFrame(0, opaque_data=bytes(8)).serialize()
    with pytest.raises(Http2Error):
        server.feed(ping * (2 * Http2Bounds().acknowledgements), 0.0)
    assert len(server._control) <= Http2Bounds().acknowledgements + 1


@given(
    st.lists(st.tuples(st.sampled_from([1, 3, 5]), st.integers(0, 40_000), st.booleans()), max_size=12),
    st.lists(st.tuples(st.sampled_from([0, 1, 3, 5]), st.integers(1, 60_000)), max_size=12),
)
def test_nothing_is_lost_and_no_window_is_overrun(
    parts: list[tuple[int, int, bool]], windows: list[tuple[int, int]]
) -> None:
    server, meant, sent = serving(3, window=1_000), dict.fromkeys((1, 3, 5), 0), dict.fromkeys((0, 1, 3, 5), 0)
    allowed, ended = {0: 65_535, 1: 1_000, 3: 1_000, 5: 1_000}, set()
    for stream in (1, 3, 5):
        server.respond(stream, OK, False)
    for stream, size, last in parts:
        meant[stream] += 0 if stream in ended else size
        ended |= {stream} if last else set()
        server.data(stream, bytes(size), last)
    for stream, more in [*windows, (0, 1_000_000), (1, 600_000), (3, 600_000), (5, 600_000)]:
        for kind, number, size in said(server, 50_000):
            if kind == DATA:
                sent[number] += size
                sent[0] += size
        assert all(sent[each] <= allowed[each] for each in allowed)
        assert server.all_queued() == sum(meant.values()) - sent[0]
        allowed[stream] += more
        server.feed(frames.WindowUpdateFrame(stream, window_increment=more).serialize(), 0.0)
    while out := said(server):
        for _, number, size in out:
            sent[number] += size
    assert {each: sent[each] for each in meant} == meant
    assert {number for number, _, _ in server.of("closed")} == ended


def test_streams_that_are_over_are_not_kept_for_a_window_that_stays_closed() -> None:
    client = Noted(client=True)
    client.feed(frames.SettingsFrame(0).serialize(), 0.0)
    client.data(client.request(ASKED, False), bytes(70_000), False)
    client.take()
    for _ in range(100):
        stream = client.request(ASKED, False)
        client.data(stream, b"waits", True)
        client.take()
        client.reset(stream, CANCEL)
        client.take()
    kept = client.request(ASKED, False)
    client.data(kept, b"waits", True)
    client.take()
    assert len(client._starved) <= FEW_STARVED + 4
    client.feed(frames.WindowUpdateFrame(0, window_increment=100_000).serialize(), 0.0)
    assert b"waits" in client.take() and not client.queued(kept)


def test_no_more_resets_wait_than_a_bound_however_slowly_rules_are_broken() -> None:
    server, bounds = serving(0), Http2Bounds()
    for at in range(bounds.acknowledgements):
        server.feed(_no_head(2 * at + 1), at / bounds.own_resets[1])
    with pytest.raises(Http2Error, match="not read"):
        server.feed(_no_head(2 * at + 3), at / bounds.own_resets[1])
    server = serving(0)
    for at in range(2 * bounds.acknowledgements):
        server.feed(_no_head(2 * at + 1), at / bounds.own_resets[1])
        assert [each.kind for each in came(server.take())] == [RST_STREAM]  # who reads goes on


def _no_head(stream: int) -> bytes:
    block = frames.HeadersFrame(stream, data=BLOCK[:1], flags=["END_HEADERS", "END_STREAM"])
    sent: bytes = block.serialize()
    return sent


@pytest.mark.parametrize("whose", ["the client", "the server"])
def test_answers_to_streams_that_are_over_are_not_kept_for_a_socket_that_stays_full(whose: str) -> None:
    server = serving(1)
    server.respond(1, OK, False)
    server.data(1, b"waits", True)
    for stream in range(3, 403, 2):
        asked = frames.HeadersFrame(stream, data=BLOCK, flags=["END_HEADERS", "END_STREAM"])
        server.feed(asked.serialize(), 0.0)
        server.respond(stream, OK, False)
        server.data(stream, bytes(100), True)
        if whose == "the client":
            server.feed(frames.RstStreamFrame(stream, error_code=CANCEL).serialize(), 0.0)
        else:
            server.reset(stream, CANCEL)
    assert len(server._heads) <= FEW_STARVED + 2 and len(server._ready) <= FEW_STARVED + 2
    order = [(kind, stream) for kind, stream, _ in said(server)]
    assert order[-2:] == [(HEADERS, 1), (DATA, 1)]


def test_what_is_said_of_streams_after_the_end_is_said_counts_nowhere() -> None:
    server = serving(2)
    for stream in (1, 3):
        server.respond(stream, OK, False)
        server.data(stream, bytes(20_000), False)
    server.goaway(ENHANCE_YOUR_CALM)
    assert server.all_queued() == 0
    server.data(1, b"more", True)
    server.reset(3, CANCEL)
    server.trailers(1, OK)
    assert (server.queued(1), server.all_queued()) == (0, 0)
    assert [kind for kind, _, _ in said(server)] == [GOAWAY]
    assert server.all_queued() == 0
