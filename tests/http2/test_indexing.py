"""Fields that are kept out of the table that all streams of a connection share."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.bounds import Http2Bounds
from proxy.http2.engine import Http2Engine
from proxy.http2.fields import FieldList
from proxy.http2.indexing import SHARED, is_shared

ASKED = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"x")]
ANSWERED = [(b":status", b"200")]

names = st.sampled_from([*sorted(SHARED.keys() - {b"te"}), b"grpc-status-details-bin", b"x-trace-bin", b"x-user"])
values = st.one_of(
    st.sampled_from([b"0", b"14", b"99", b"gzip", b"identity", b"trailers"]),
    st.binary(min_size=1, max_size=9).map(lambda value: value.hex().encode()),
)
lists = st.lists(st.tuples(names, values), max_size=6)


class Deaf(Http2Engine):
    """A connection that heeds nothing that it is told."""

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        return

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        return


def peer(client: bool) -> h2.connection.H2Connection:
    config = h2.config.H2Configuration(
        client_side=client, header_encoding=None, validate_outbound_headers=False, validate_inbound_headers=False
    )
    made = h2.connection.H2Connection(config)
    made.initiate_connection()
    return made


def came(connection: h2.connection.H2Connection, data: bytes) -> list[FieldList]:
    """The lists of fields that a peer has read, pseudo-fields left out."""
    read = [event.headers for event in connection.receive_data(data) if hasattr(event, "headers")]
    return [[(name, value) for name, value in each if name[:1] != b":"] for each in read]


def assert_clean(connection: h2.connection.H2Connection) -> None:
    assert [each for each in connection.decoder.header_table.dynamic_entries if not is_shared(*each)] == []


@given(st.lists(lists, min_size=1, max_size=4))
def test_requests_arrive_as_they_are_and_leave_no_odd_field_in_the_table(heads: list[FieldList]) -> None:
    engine, server = Deaf(True, Http2Bounds()), peer(client=False)
    engine.feed(server.data_to_send(), 0.0)
    for fields in heads:
        engine.request(ASKED + fields, True)
        assert came(server, engine.take()) == [fields]
        assert_clean(server)


@given(lists, lists)
def test_neither_do_answers_and_their_trailers(head: FieldList, trailers: FieldList) -> None:
    engine, client = Deaf(False, Http2Bounds()), peer(client=True)
    client.send_headers(1, ASKED, end_stream=True)
    engine.feed(client.data_to_send(), 0.0)
    engine.respond(1, ANSWERED + head, False)
    engine.trailers(1, [*trailers, (b"x-last", b"1")])
    assert came(client, engine.take()) == [head, [*trailers, (b"x-last", b"1")]]
    assert_clean(client)


def test_what_every_implementation_takes_may_be_in_a_table() -> None:
    fields = [(b"grpc-status", b"0"), (b"grpc-encoding", b"gzip"), (b"te", b"trailers"), (b"x-user", b"\xff")]
    engine, server = Deaf(True, Http2Bounds()), peer(client=False)
    engine.feed(server.data_to_send(), 0.0)
    for _ in range(3):
        engine.request(ASKED + fields, True)
        assert came(server, engine.take()) == [fields]
    assert set(fields) <= {tuple(each) for each in server.decoder.header_table.dynamic_entries}
