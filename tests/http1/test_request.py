"""What a client may send, as tables of raw bytes: each whole, in single bytes, in threes, with trailing data."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.client_bounds import ClientBounds
from proxy.http1 import request, write
from proxy.http1.request import USUAL
from proxy.http1.request_rules import RequestError
from tests.support.transcripts import FEEDS, Requests, read_requests

HOST = b"Host: models\r\n"

ADMITTED = {
    "a GET": (b"GET /v2 HTTP/1.1\r\n" + HOST + b"\r\n", b"GET", b"/v2", b""),
    "a length": (b"POST /p HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", b"POST", b"/p", b"hello"),
    "a length of 0": (b"POST /p HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", b"POST", b"/p", b""),
    "chunks": (
        b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
        b"POST",
        b"/p",
        b"abc0123456789",
    ),
    "chunks, coding in capitals": (
        b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"POST",
        b"/p",
        b"a",
    ),
    "a trailer": (
        b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"POST",
        b"/p",
        b"a",
    ),
    "a chunk extension": (
        b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1;n=v\r\na\r\n0\r\n\r\n",
        b"POST",
        b"/p",
        b"a",
    ),
    "an absolute target": (b"GET http://models/x?q=1 HTTP/1.1\r\n" + HOST + b"\r\n", b"GET", b"/x?q=1", b""),
    "an absolute target without a path": (b"GET http://models HTTP/1.1\r\n" + HOST + b"\r\n", b"GET", b"/", b""),
    "HTTP/1.0 without Host": (b"GET / HTTP/1.0\r\n\r\n", b"GET", b"/", b""),
    "blank lines before": (b"\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", b"GET", b"/", b""),
    "bytes above 0x7F in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X: caf\xc3\xa9\r\n\r\n", b"GET", b"/", b""),
    "an empty value": (b"GET / HTTP/1.1\r\n" + HOST + b"X:\r\n\r\n", b"GET", b"/", b""),
    "an IPv6 host": (b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", b"GET", b"/", b""),
    "an h2c upgrade with chunks, ignored": (
        b"POST /p HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"POST",
        b"/p",
        b"hi",
    ),
    "an h2c upgrade without a body, ignored": (
        b"GET /p HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET",
        b"/p",
        b"",
    ),
    "an h2c upgrade with a body, ignored": (
        b"POST /p HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\nContent-Length: 2\r\n\r\nhi",
        b"POST",
        b"/p",
        b"hi",
    ),
}

REFUSED = {
    "length and coding": (HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding and length": (HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two equal lengths": (HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    "two lengths": (HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "a list of lengths": (HOST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    "a signed length": (HOST + b"Content-Length: +5\r\n\r\nhello", 400),
    "a negative length": (HOST + b"Content-Length: -5\r\n\r\nhello", 400),
    "a hexadecimal length": (HOST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "an empty length": (HOST + b"Content-Length: \r\n\r\n", 400),
    "a length with a space inside": (HOST + b"Content-Length: 1 0\r\n\r\n0123456789", 400),
    "a length over 64 bits": (HOST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "a length of 19 digits": (HOST + b"Content-Length: 1000000000000000000\r\n\r\n", 400),
    "an unknown coding": (HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "a coding before chunked": (HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a coding after chunked": (HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in two fields": (HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "identity": (HOST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "xchunked": (HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "a quoted coding": (HOST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
    "a vertical tab before chunked": (HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "junk after the chunk size": (HOST + b"Transfer-Encoding: chunked\r\n\r\n5 x\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk size with 0x": (HOST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk size that overflows": (HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
    "a negative chunk size": (HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    "an empty chunk size": (HOST + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello", 400),
    "a chunk line with a bare LF": (HOST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
    "a chunk without its CRLF": (HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n", 400),
    "a bare LF": (b"Host: a\nX: y\r\n\r\n", 400),
    "a bare CR": (b"Host: a\r\nX: a\rb\r\n\r\n", 400),
    "a folded line": (HOST + b"X: a\r\n b\r\n\r\n", 400),
    "a space before the colon": (HOST + b"X : a\r\n\r\n", 400),
    "a line without a colon": (HOST + b"X\r\n\r\n", 400),
    "an empty name": (HOST + b": x\r\n\r\n", 400),
    "a control byte in a name": (HOST + b"X\x01: a\r\n\r\n", 400),
    "NUL in a value": (HOST + b"X: a\x00b\r\n\r\n", 400),
    "a control byte in a value": (HOST + b"X: a\x01b\r\n\r\n", 400),
    "DEL in a value": (HOST + b"X: a\x7fb\r\n\r\n", 400),
    "no Host": (b"X: a\r\n\r\n", 400),
    "two Hosts": (HOST + HOST + b"\r\n", 400),
    "a Host with a path": (b"Host: a/b\r\n\r\n", 400),
    "a Host with user information": (b"Host: u@a\r\n\r\n", 400),
    "a Host with a space": (b"Host: a b\r\n\r\n", 400),
    "a Host with a port that is none": (b"Host: a:b\r\n\r\n", 400),
    "a Host with two ports": (b"Host: a:1:2\r\n\r\n", 400),
    "a Host with something after an address": (b"Host: [::1]x\r\n\r\n", 400),
    "a Host with half an address": (b"Host: [::1\r\n\r\n", 400),
    "a Host of a port alone": (b"Host: :80\r\n\r\n", 400),
    "a list of Hosts": (b"Host: a, b\r\n\r\n", 400),
    "an unknown expectation": (HOST + b"Expect: tea\r\nContent-Length: 1\r\n\r\na", 417),
    "too many fields": (HOST + b"".join(b"X-%d: 1\r\n" % n for n in range(USUAL.fields)) + b"\r\n", 431),
    "too large a head": (HOST + b"X: " + b"a" * USUAL.head + b"\r\n\r\n", 431),
}

REFUSED_LINES = {
    "a fragment": (b"GET /a#b HTTP/1.1\r\n", 400),
    "a target of raw bytes": (b"GET /\xff HTTP/1.1\r\n", 400),
    "a target without a slash": (b"GET a HTTP/1.1\r\n", 400),
    "authority form": (b"GET models:80 HTTP/1.1\r\n", 400),
    "asterisk form with GET": (b"GET * HTTP/1.1\r\n", 400),
    "CONNECT": (b"CONNECT models:443 HTTP/1.1\r\n", 501),
    "TRACE": (b"TRACE / HTTP/1.1\r\n", 501),
    "an unknown method": (b"BREW / HTTP/1.1\r\n", 501),
    "an absolute target without a host": (b"GET http:///x HTTP/1.1\r\n", 400),
    "another scheme": (b"GET ftp://models/ HTTP/1.1\r\n", 400),
    "user information in an absolute target": (b"GET http://u@models/ HTTP/1.1\r\n", 400),
    "HTTP/2": (b"GET / HTTP/2.0\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n", 505),
    "HTTP/0.9": (b"GET /\r\n", 505),
    "the HTTP/2 preface": (b"PRI * HTTP/2.0\r\n", 505),
    "too long a target": (b"GET /" + b"a" * USUAL.target + b" HTTP/1.1\r\n", 414),
    "no version": (b"GET / \r\n", 400),
    "a version in small letters": (b"GET / http/1.1\r\n", 400),
    "a bare LF": (b"GET / HTTP/1.1\n", 400),
}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("trailing", [b"", b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"], ids=["alone", "pipelined"])
@pytest.mark.parametrize("name", ADMITTED)
def test_admitted(name: str, trailing: bytes, feed: Callable[..., Any]) -> None:
    data, method, target, body = ADMITTED[name]
    if trailing and b"HTTP/1.0" in data:
        pytest.skip("HTTP/1.0 without keep-alive ends the connection")
    reader, error = read_requests(feed(data + trailing))
    assert error is None
    head = reader.heads[0]
    assert (head.method, head.target, reader.bodies[0]) == (method, target, body)
    assert reader.ends == len(reader.heads) == (2 if trailing else 1)
    assert not (head.streamed and head.length is not None)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, feed: Callable[..., Any]) -> None:
    fields, status = REFUSED[name]
    _, error = read_requests(feed(b"POST / HTTP/1.1\r\n" + fields))
    assert_refused(error, status)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", REFUSED_LINES)
def test_refused_request_lines(name: str, feed: Callable[..., Any]) -> None:
    line, status = REFUSED_LINES[name]
    _, error = read_requests(feed(line + HOST + b"\r\n"))
    assert_refused(error, status)


def assert_refused(error: RequestError, status: int) -> None:
    from proxy.contracts.failure import FAILURES

    assert error is not None
    assert FAILURES[error.reason].status == status, error


def test_hop_by_hop_fields_are_removed() -> None:
    fields = b"Connection: close, X-Hop, Keep-Alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nX-End: 2\r\n"
    reader, _ = read_requests(iter([b"GET / HTTP/1.1\r\n" + HOST + fields + b"\r\n"]))
    assert reader.heads[0].fields == b"X-End: 2\r\n"
    assert not reader.heads[0].keep_alive


def test_a_field_that_reads_like_one_of_ours_is_dropped_and_other_underscores_stay() -> None:
    fields = b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Request_Id: forged\r\nX_Penumbra-Shadow: v2\r\n"
    upgrade = (
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nHttp2_Settings: x\r\n"
    )
    data = b"GET / HTTP/1.1\r\n" + HOST + fields + upgrade + b"user_id: 7\r\n\r\n"
    reader, _ = read_requests(iter([data]))
    (head,) = reader.heads
    assert head.fields == b"user_id: 7\r\n"
    assert (head.length, head.streamed, head.request_id, head.shadowed) == (None, False, b"", False)


def test_a_head_that_closes_its_connection_is_remembered_too() -> None:
    """A client that comes anew with each request sends the same head each time."""
    request.forget()
    data = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 2\r\n\r\n"
    first, _ = read_requests(iter([data + b"ab"]))
    again, error = read_requests(iter([data + b"ab", b"more"]))
    assert again.heads[0] is first.heads[0] and again.bodies == [b"ab"]
    assert_refused(error, 400)


@pytest.mark.parametrize("cut", [0, 1, 4999])
def test_a_head_is_remembered_where_its_body_comes_in_parts(cut: int) -> None:
    """Large bodies never come with their heads; a head of one is read once all the same."""
    request.forget()
    head, body = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5000\r\n\r\n", b"ab" * 2500
    first, _ = read_requests(iter([head + body[:cut], body[cut:]]))
    again, error = read_requests(iter([head + body[:cut], body[cut:] + head + body, head, body]))
    assert error is None and [each is first.heads[0] for each in again.heads] == [True, False, True]
    assert again.bodies == [body] * 3 and again.ends == 3


@pytest.mark.parametrize("closes", [b"", b"Connection: close\r\n"])
def test_a_head_is_never_remembered_for_the_one_before_it(closes: bytes) -> None:
    """The second head promises as many bytes of body as it has itself: what follows the first one looks like a body."""
    request.forget()
    one = b"GET /one HTTP/1.1\r\n" + HOST + b"\r\n"
    length = len(b"POST /two HTTP/1.1\r\n" + HOST + closes + b"Content-Length: 00\r\n\r\n")
    two = b"POST /two HTTP/1.1\r\n" + HOST + closes + b"Content-Length: %d\r\n\r\n" % length
    assert len(two) == length
    read_requests(iter([one + two]))
    assert [head.target for head in read_requests(iter([one]))[0].heads] == [b"/one"]


def test_connection_cannot_remove_the_host() -> None:
    reader, error = read_requests(iter([b"GET / HTTP/1.1\r\n" + HOST + b"Connection: host, x-request-id\r\n\r\n"]))
    assert error is None
    assert reader.heads[0].authority == b"models"


def test_the_absolute_target_replaces_the_host() -> None:
    # RFC 9112 §3.2.2
    reader, _ = read_requests(iter([b"GET http://other:81/a HTTP/1.1\r\n" + HOST + b"\r\n"]))
    assert reader.heads[0].authority == b"other:81"


def test_field_finds_the_first_of_a_name() -> None:
    reader, _ = read_requests(iter([b"GET / HTTP/1.1\r\n" + HOST + b"X-User: a\r\nx-user: b\r\nX-User-Id: c\r\n\r\n"]))
    head = reader.heads[0]
    assert head.field(b"x-user") == b"a"
    assert head.field(b"x-user-id") == b"c"
    assert head.field(b"host") == b"models"
    assert head.field(b"user") is None


def test_websocket_handshake_is_kept() -> None:
    data = b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    reader, _ = read_requests(iter([data]))
    assert reader.heads[0].upgrade == b"websocket"


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"1;n="], ids=["trailer", "chunk extension"])
def test_what_belongs_to_no_body_is_bounded_as_a_head_is(endless: bytes) -> None:
    start = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n" + endless
    _, error = read_requests(iter([start] + [b"a" * 4096] * 20))
    assert_refused(error, 431)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ0123456789", min_size=1, max_size=12).map(str.encode)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20).map(
    lambda text: text.strip().encode("latin-1")
)
FRAMINGS = ("none", "length", "chunked")


@given(
    fields=st.lists(st.tuples(TOKEN.map(lambda name: b"X-" + name), VALUE), max_size=8),
    body=st.binary(max_size=200),
    framing=st.sampled_from(FRAMINGS),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_what_goes_upstream_parses_to_exactly_the_request_that_was_admitted(
    fields: list[tuple[bytes, bytes]], body: bytes, framing: str, cuts: list[int]
) -> None:
    body = b"" if framing == "none" else body
    data = b"POST /a?b=c HTTP/1.1\r\n" + HOST + b"".join(n + b": " + v + b"\r\n" for n, v in fields)
    if framing == "length":
        data += b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunked":
        data += b"Transfer-Encoding: chunked\r\n\r\n" + (write.chunk(body) if body else b"") + write.LAST_CHUNK
    else:
        data += b"\r\n"
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    reader, error = read_requests(data[a:b] for a, b in pairwise(ends))
    assert error is None and reader.ends == 1
    head = reader.heads[0]

    upstream = write.request_head(head, b"", head.authority, b"")
    if head.streamed:
        upstream += (write.chunk(body) if body else b"") + write.LAST_CHUNK
    else:
        upstream += body
    again, error = read_requests(iter([upstream]))
    assert error is None and again.ends == 1 and len(again.heads) == 1
    assert again.bodies == reader.bodies == [body]
    assert again.heads[0].fields == head.fields
    assert (again.heads[0].method, again.heads[0].target, again.heads[0].authority) == (b"POST", b"/a?b=c", b"models")

    replayed, error = read_requests(iter([write.request_head(head, b"", head.authority, b"", len(body)) + body]))
    assert error is None and replayed.ends == 1 and replayed.bodies == [body]


@given(st.binary(max_size=300), st.sampled_from([b"", b"POST / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\n"]))
def test_no_bytes_make_the_reader_fail_otherwise_than_by_refusing(data: bytes, start: bytes) -> None:
    reader, error = read_requests(iter([start + data]))
    for head, body in zip(reader.heads, reader.bodies, strict=True):
        sent = write.request_head(head, b"", head.authority or b"h", b"")
        complete = reader.ends == len(reader.heads) or head is not reader.heads[-1]
        if not complete:
            continue
        sent += (write.chunk(body) if body else b"") + write.LAST_CHUNK if head.streamed else body
        again, problem = read_requests(iter([sent]))
        assert problem is None and again.ends == 1 and again.bodies == [body]
    assert error is None or error.reason


WHOLE = [data for data, *_ in ADMITTED.values() if b"HTTP/1.0" not in data]


@given(
    st.lists(st.one_of(st.sampled_from(WHOLE), st.binary(max_size=30)), max_size=6),
    st.lists(st.integers(0, 900), max_size=6),
)
def test_a_remembered_head_reads_as_it_did_the_first_time(messages: list[bytes], cuts: list[int]) -> None:
    ends = sorted({0, len(b"".join(messages))} | {cut for cut in cuts if cut < len(b"".join(messages))})
    pieces = [b"".join(messages)[a:b] for a, b in pairwise(ends)]
    transcripts = []
    for remembered in (False, True):
        request.forget()
        if remembered:
            for data in WHOLE:
                read_requests(iter([data]))
        reader, error = read_requests(iter(pieces))
        heads = [(head.method, head.target, head.authority, head.fields, head.length) for head in reader.heads]
        transcripts.append((heads, reader.bodies, reader.ends, str(error)))
    assert transcripts[0] == transcripts[1]


BOUNDS = ClientBounds(head=300, target=100, fields=5)


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (lambda n: b"GET /" + b"a" * (99 + n) + b" HTTP/1.1\r\n" + HOST + b"\r\n", "uri_too_long"),
        (lambda n: b"GET / HTTP/1.1\r\n" + HOST + b"X-Bound: 1\r\n" * (4 + n) + b"\r\n", "head_too_large"),
        (lambda n: b"GET / HTTP/1.1\r\n" + HOST + b"X-Long: " + b"b" * (258 + n) + b"\r\n\r\n", "head_too_large"),
    ],
    ids=["target", "fields", "head"],
)
def test_how_large_a_head_may_be_can_be_chosen(head: Callable[[int], bytes], reason: str, more: int) -> None:
    reader = Requests(BOUNDS)
    if not more:
        reader.feed(head(0))
        assert len(reader.heads) == 1
        return
    with pytest.raises(RequestError) as caught:
        reader.feed(head(1))
    assert caught.value.reason == reason
