"""What a model server may answer, and what fails the leg instead of becoming a clean-looking answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.http1 import response, write
from proxy.http1.response import MAX_FIELDS, MAX_HEAD
from tests.support.transcripts import FEEDS, read_response

OK = b"HTTP/1.1 200 OK\r\n"

COMPLETE = {
    "a length": (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "a length of 0": (OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, b"hello", True),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", 200, b"a", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
    "an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", 200, b"a", True),
    "early hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
        200,
        b"a",
        True,
    ),
    "connection: close": (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na", 200, b"a", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, b"a", False),
    "no reason phrase": (b"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na", 200, b"a", True),
}

MALFORMED = {
    "not HTTP": b"SSH-2.0-OpenSSH\r\n",
    "length and coding": OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a signed length": OK + b"Content-Length: +1\r\n\r\na",
    "an unknown coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "junk in a chunk size": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a folded line": OK + b"X: a\r\n b\r\n\r\n",
    "a control byte": OK + b"X: a\x01\r\nContent-Length: 0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/3.0": b"HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "an endless head": OK + b"X: y\r\n" * (MAX_HEAD // 6 + 10),
    "too many fields": OK + b"X: y\r\n" * (MAX_FIELDS + 1) + b"Content-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", COMPLETE)
def test_complete(name: str, feed: Callable[..., Any]) -> None:
    data, status, body, keep_alive = COMPLETE[name]
    reader, error = read_response(feed(data))
    assert error is None
    assert (reader.head.status, reader.body, reader.head.keep_alive, reader.ends) == (status, body, keep_alive, 1)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", COMPLETE)
def test_bytes_after_the_answer_are_an_error_but_the_answer_stands(name: str, feed: Callable[..., Any]) -> None:
    data, status, body, _ = COMPLETE[name]
    reader, error = read_response(feed(data + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
    assert error is not None
    assert (reader.head.status, reader.body, reader.ends) == (status, body, 1)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str, feed: Callable[..., Any]) -> None:
    reader, error = read_response(feed(MALFORMED[name]))
    assert error is not None
    assert reader.ends == 0


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    "data",
    [b"", OK, OK + b"Content-Length: 5\r\n\r\nhell", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ids=["nothing", "half a head", "short of its length", "no last chunk"],
)
def test_truncated(data: bytes, feed: Callable[..., Any]) -> None:
    reader, error = read_response(feed(data), eof=True)
    assert error is not None
    assert reader.ends == 0


@pytest.mark.parametrize("feed", FEEDS)
def test_a_body_that_ends_with_the_connection(feed: Callable[..., Any]) -> None:
    reader, error = read_response(feed(OK + b"\r\nhello"), eof=True)
    assert error is None
    assert (reader.body, reader.ends, reader.head.keep_alive) == (b"hello", 1, False)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("fields", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_the_answer_to_head_has_no_body_and_the_next_one_is_read(fields: bytes, feed: Callable[..., Any]) -> None:
    reader, error = read_response(feed(OK + fields + b"\r\n"), no_body=True)
    assert error is None and reader.ends == 1
    reader.expect(False)
    reader.head = None
    for piece in feed(OK + b"Content-Length: 2\r\n\r\nok"):
        reader.feed(piece)
    assert (reader.body, reader.ends) == (b"ok", 2)


def test_a_204_carries_no_length_to_the_client() -> None:
    reader, _ = read_response(iter([b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"]))
    assert b"ength" not in write.response_head(reader.head, False, False, b"", b"")


def test_hop_by_hop_fields_and_a_forged_version_are_removed() -> None:
    data = OK + b"Connection: X-Hop\r\nX-Hop: 1\r\nx-penumbra-version: v9\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n"
    reader, _ = read_response(iter([data]))
    assert reader.head.fields == b"X-End: 1\r\n"


def test_an_upgrade_that_was_asked_for() -> None:
    data = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00"
    reader, error = read_response(iter([data]), upgrade=True)
    assert error is None
    assert reader.head.tunnel and reader.body == b"\x81\x00"


@pytest.mark.parametrize(
    "first",
    [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"],
)
def test_an_interim_head_is_never_remembered_as_that_of_an_answer(first: bytes) -> None:
    lying = OK + b"Content-Length: 60\r\n\r\n"
    read_response(iter([first + lying + b"x" * (60 - len(lying))]))  # as long after `first` as it says it is
    honest = OK + b"Content-Length: 21\r\n\r\n"
    reader, error = read_response(iter([first + honest + b"y" * 21]))
    assert error is None and (reader.head.length, reader.body) == (21, b"y" * 21)


@pytest.mark.parametrize("cut", [0, 1, 4999])
def test_a_head_is_remembered_where_its_body_comes_in_parts(cut: int) -> None:
    response.forget()
    head, body = OK + b"Content-Length: 5000\r\n\r\n", b"ab" * 2500
    first, _ = read_response(iter([head + body[:cut], body[cut:]]))
    again, error = read_response(iter([head + body[:cut], body[cut:]]))
    assert error is None and again.head is first.head
    assert (again.body, again.ends) == (body, 1)
    again.expect(False)
    again.head, again.body = None, b""
    for piece in (head[:9], head[9:] + body):
        again.feed(piece)
    assert again.head is not None and (again.body, again.ends) == (body, 2)


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"1;n="], ids=["trailer", "chunk extension"])
def test_what_belongs_to_no_body_is_bounded_as_a_head_is(endless: bytes) -> None:
    start = OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n" + endless
    reader, error = read_response(iter([start] + [b"a" * 4096] * 20))
    assert error is not None and reader.ends == 0


def test_an_upgrade_is_never_remembered() -> None:
    data = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
    assert read_response(iter([data]), upgrade=True)[0].head.tunnel
    reader, error = read_response(iter([data]))
    assert error is not None and reader.head is None
