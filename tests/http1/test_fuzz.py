"""What goes upstream parses to exactly one request, equal to what was admitted.

The judge is h11, an independent parser. Requests are put together from fragments that have split parsers before:
framing fields in odd spellings, line ends that are none, chunk sizes with junk, pipelined rests. Most are refused;
whatever is admitted must be unambiguous.
"""

from __future__ import annotations

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.http1 import write
from tests.support.transcripts import Requests, read_requests

LINES = st.sampled_from(
    [
        b"POST /a HTTP/1.1",
        b"GET /a HTTP/1.1",
        b"POST http://h/a HTTP/1.1",
        b"POST /a HTTP/1.0",
        b"POST  /a HTTP/1.1",
        b"POST /a\tHTTP/1.1",
        b"POST /a b HTTP/1.1",
        b"HEAD /a HTTP/1.1",
    ]
)
FIELDS = st.sampled_from(
    [
        b"Host: h",
        b"Host: h",
        b"Host: h",
        b"host:h",
        b"Host : h",
        b"Content-Length: 5",
        b"Content-Length: 5",
        b"Content-Length: 05",
        b"Content-Length: 0",
        b"Content-Length: +5",
        b"Content-Length: 5, 5",
        b"Content-Length:\t5",
        b"Content-Length: 5 ",
        b"content-length: 6",
        b"Content_Length: 5",
        b"Content-Length\x00: 5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:chunked ",
        b"Transfer-Encoding: CHUNKED",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: \x0bchunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding:\r\n chunked",
        b"X: a\r\n\tb",
        b"X: a\rContent-Length: 7",
        b"X: a\nContent-Length: 7",
        b"X: a\x00b",
        b" Content-Length: 7",
        b"Connection: close, content-length",
        b"Connection: transfer-encoding",
        b"Connection: host",
        b"Connection: keep-alive",
        b"Connection: Upgrade",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Trailer: Content-Length",
        b"X-Plain: value",
        b"",
    ]
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"])
BODIES = st.sampled_from(
    [
        b"",
        b"hello",
        b"hello!",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"05\r\nhello\r\n0\r\n\r\n",
        b"5;x=y\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
        b"helloGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    ]
)
ANYHOW = st.builds(
    lambda line, fields, body: b"".join([line[0] + line[1], *(f + e for f, e in fields), b"\r\n", body]),
    st.tuples(LINES, ENDS),
    st.lists(st.tuples(FIELDS, ENDS), max_size=6),
    BODIES,
)

FRAMED = st.sampled_from(
    [
        (b"Content-Length: 5", b"hello"),
        (b"content-length:  5 ", b"hello"),
        (b"Content-Length: 005", b"hello"),
        (b"Content-Length: 0", b""),
        (b"X-None: 1", b""),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        (b"transfer-encoding:CHUNKED", b"0005\r\nhello\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"5;x=y\r\nhello\r\n00\r\nContent-Length: 3\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"0\r\n\r\n"),
    ]
)
ODD_SPACES = st.builds(lambda name, value: name + value, st.sampled_from([b"X-A:", b"X-B: "]), st.binary(max_size=6))


def nearly_valid(framing: tuple[bytes, bytes], more: list[bytes], at: int) -> bytes:
    """A valid request with some fields more, put before and after its framing."""
    fields = [b"Host: h", *more[:at], framing[0], *more[at:]]
    return b"\r\n".join([b"POST /a HTTP/1.1", *fields, b"", framing[1]])


NEARLY = st.builds(nearly_valid, FRAMED, st.lists(st.one_of(FIELDS, ODD_SPACES), max_size=2), st.integers(0, 2))
MESSAGES = st.one_of(NEARLY, NEARLY, ANYHOW)


def sent_upstream(reader: Requests, number: int) -> bytes:
    """The bytes that a leg writes for an admitted request."""
    head, body = reader.heads[number], reader.bodies[number]
    start = write.request_head(head, b"", head.authority or b"h", b"")
    if not head.streamed:
        return start + body
    return start + (write.chunk(body) if body else b"") + write.LAST_CHUNK


def as_h11_reads(raw: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """(method, target, body) of each request that h11 finds in `raw`."""
    connection, found = h11.Connection(h11.SERVER), []
    connection.receive_data(raw)
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            found.append((event.method, event.target, b""))
            body = b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            found[-1] = (*found[-1][:2], body)
            assert connection.trailing_data == (b"", False)
            return found
        else:
            raise AssertionError(f"h11 wants more than the message has: {event}")


@given(st.lists(MESSAGES, min_size=1, max_size=3).map(b"".join), st.booleans())
@settings(max_examples=1500)
def test_what_goes_upstream_is_one_request_for_anybody(raw: bytes, by_byte: bool) -> None:
    pieces = (raw[at : at + 1] for at in range(len(raw))) if by_byte else iter([raw])
    reader, _ = read_requests(pieces)
    for number in range(reader.ends):
        head = reader.heads[number]
        assert as_h11_reads(sent_upstream(reader, number)) == [(head.method, head.target, reader.bodies[number])]


@given(st.lists(MESSAGES, min_size=1, max_size=3).map(b"".join))
@settings(max_examples=500)
def test_how_bytes_are_cut_does_not_matter(raw: bytes) -> None:
    whole, refused = read_requests(iter([raw]))
    single, also = read_requests(raw[at : at + 1] for at in range(len(raw)))
    assert whole.ends == single.ends
    assert whole.bodies[: whole.ends] == single.bodies[: single.ends]
    assert (refused is None) == (also is None)
