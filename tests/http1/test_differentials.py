"""Bytes that parsers are known to read differently, beside what a strict reader of RFC 9110 and RFC 9112 makes of them.

Tables say what is refused and what is admitted; generated cases put every byte that ends a line, or must not be in one,
into every place of a valid message. Each is fed whole, in single bytes and in threes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from proxy.contracts.failure import FAILURES
from proxy.http1 import request, response
from proxy.http1.request import MAX_EMPTY_LINES
from proxy.http1.request_rules import RequestError
from tests.support.transcripts import FEEDS, read_requests, read_response

Feed = Callable[[bytes], Iterator[bytes]]

REQUEST_LINES = {
    "RTSP": (b"GET / RTSP/1.0", 400),
    "RTSP with a method of its own": (b"DESCRIBE / RTSP/1.0", 400),
    "ICE": (b"SOURCE / ICE/1.0", 400),
    "ICE with GET": (b"GET / ICE/1.0", 400),
    "another protocol": (b"GET / FTP/1.1", 400),
    "HTTPS": (b"GET / HTTPS/1.1", 400),
    "a name in mixed case": (b"GET / Http/1.1", 400),
    "a version without a dot": (b"GET / HTTP/11", 400),
    "a version of two digits": (b"GET / HTTP/1.10", 400),
    "a version with a leading zero": (b"GET / HTTP/01.1", 400),
    "a version with a comma": (b"GET / HTTP/1,1", 400),
    "two spaces before the target": (b"GET  / HTTP/1.1", 400),
    "two spaces before the version": (b"GET /  HTTP/1.1", 400),
    "a space after the version": (b"GET / HTTP/1.1 ", 400),
    "a tab after the version": (b"GET / HTTP/1.1\t", 400),
    "a space in the target": (b"GET /a b HTTP/1.1", 400),
    "a control byte in the target": (b"GET /a\x0bb HTTP/1.1", 400),
    "HTTP/3": (b"GET / HTTP/3.0", 505),
    "HTTP/1.9": (b"GET / HTTP/1.9", 505),
    "a space before the method": (b" GET / HTTP/1.1", 501),
    "a tab after the method": (b"GET\t/ HTTP/1.1", 501),
    "a method in small letters": (b"get / HTTP/1.1", 501),
    "asterisk form": (b"OPTIONS * HTTP/1.1", 400),
}

FIELDS_REFUSED = {
    "a CR alone in a value": b"X: a\rb\r\n",
    "two CRs": b"X: a\r\r\n",
    "a CR alone as an empty value": b"X:\r \r\n",
    "a CR alone after the length": b"Content-Length: 0\r\r\n",
    "a CR alone after the coding": b"Transfer-Encoding: chunked\r\r\n",
    "a CR alone after Connection": b"Connection: close\r\r\n",
    "a line that begins with a CR": b"\rX: a\r\n",
    "white space alone on a line": b" \r\n",
    "a first line that is folded": b" X: a\r\n",
    "a folded empty value": b"X:\r\n b\r\n",
    "a tab before the colon": b"X\t: a\r\n",
    "a space before the colon of the length": b"Content-Length : 0\r\n",
    "a space in a name": b"X y: a\r\n",
    "bytes above 0x7F in a name": b"X\xe9: a\r\n",
    "a bracket in a name": b"(X): a\r\n",
    "a vertical tab in the length": b"Content-Length: \x0b0\r\n",
    "two codings fields, the second empty": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: \r\n",
    "two codings fields, the second identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "a list of codings with nothing first": b"Transfer-Encoding: ,chunked\r\n",
    "a list of codings with nothing last": b"Transfer-Encoding: chunked,\r\n",
    "a coding with a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "an empty coding": b"Transfer-Encoding: \r\n",
    "a second Host that is empty": b"Host:\r\n",
}

WHITE_SPACE = {
    "Host": (b"Host:%bh%b\r\n", b""),
    "Content-Length": (b"Host: h\r\nContent-Length:%b5%b\r\n", b"hello"),
    "Transfer-Encoding": (b"Host: h\r\nTransfer-Encoding:%bchunked%b\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "Expect": (b"Host: h\r\nContent-Length: 5\r\nExpect:%b100-continue%b\r\n", b"hello"),
    "Connection": (b"Host: h\r\nConnection:%bkeep-alive%b\r\n", b""),
    "a field that is passed on": (b"Host: h\r\nX:%ba b%b\r\n", b""),
}

MESSAGES = {
    "a length": b"POST /a?b HTTP/1.1\r\nHost: h\r\nX: a b\r\nContent-Length: 5\r\n\r\n",
    "chunks": (
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
        b'5;a=b;c="d"\r\n\x01\x02\x03\x04\x05\r\n0\r\nX: y\r\n\r\n'
    ),
    "a handshake": (
        b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nProxy-Connection: close\r\n\r\n"
    ),
    "an absolute target": b"GET http://h:80/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
}

ANSWERS = {
    "a length": b"HTTP/1.1 200 OK\r\nServer: a b\r\nContent-Length: 0\r\n\r\n",
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b'5;a=b;c="d"\r\n\x01\x02\x03\x04\x05\r\n0\r\nX: y\r\n\r\n'
    ),
    "an interim answer": b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
}

NEVER_ALONE = (b"\r", b"\n", b"\x00", b"\x0b", b"\x7f")

ANSWERS_REFUSED = {
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "ICE": b"ICE/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
    "a control byte in the phrase": b"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n",
    "a size that overflows": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "identity": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    request.forget()
    response.forget()


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", REQUEST_LINES)
def test_request_lines(name: str, feed: Feed) -> None:
    line, status = REQUEST_LINES[name]
    reader, error = read_requests(feed(line + b"\r\nHost: h\r\n\r\n"))
    assert not reader.heads
    assert error is not None and FAILURES[error.reason].status == status


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", FIELDS_REFUSED)
def test_fields_that_are_refused(name: str, feed: Feed) -> None:
    reader, error = read_requests(feed(b"POST / HTTP/1.1\r\nHost: h\r\n" + FIELDS_REFUSED[name] + b"\r\n0\r\n\r\n"))
    assert not reader.heads
    assert error is not None and FAILURES[error.reason].status in (400, 501)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("around", [(b"", b""), (b" ", b" "), (b"\t", b"\t"), (b"  \t", b" \t ")])
@pytest.mark.parametrize("name", WHITE_SPACE)
def test_white_space_around_a_value_is_none_of_it(name: str, around: tuple[bytes, bytes], feed: Feed) -> None:
    fields, body = WHITE_SPACE[name]
    reader, error = read_requests(feed(b"POST / HTTP/1.1\r\n" + fields % around + b"\r\n" + body))
    assert error is None
    assert (reader.ends, reader.heads[0].authority, reader.bodies[0]) == (1, b"h", b"hello" if body else b"")
    assert reader.heads[0].fields == (b"X: a b\r\n" if b"X:" in fields else b"")


@pytest.mark.parametrize("around", [(b" ", b" "), (b"\t", b"\t")])
def test_white_space_around_a_value_of_an_answer_is_none_of_it(around: tuple[bytes, bytes]) -> None:
    head = b"HTTP/1.1 200 OK\r\nX:%bx%b\r\nContent-Length:%b2%b\r\n\r\nok" % (*around, *around)
    reader, error = read_response(iter([head]))
    assert error is None and reader.head is not None
    assert (reader.head.fields, reader.body, reader.ends) == (b"X: x\r\n", b"ok", 1)


@pytest.mark.parametrize("byte", NEVER_ALONE)
@pytest.mark.parametrize("name", MESSAGES)
def test_no_place_of_a_request_takes_a_line_end_alone_or_a_control_byte(name: str, byte: bytes) -> None:
    message = MESSAGES[name]
    for at in range(len(message)):
        for feed in FEEDS[:2]:
            reader, error = read_requests(feed(message[:at] + byte + message[at:] + b"GET / HTTP/1.1\r\n"))
            inside = 0 < message.find(b"\x01") <= at <= message.find(b"\x05")
            assert error is not None, (at, message[:at], byte)
            assert reader.ends == 0 or (at > len(message) - 3 and byte == b"\n") or inside


@pytest.mark.parametrize("byte", NEVER_ALONE)
@pytest.mark.parametrize("name", ANSWERS)
def test_no_place_of_an_answer_takes_a_line_end_alone_or_a_control_byte(name: str, byte: bytes) -> None:
    message = ANSWERS[name]
    for at in range(len(message)):
        for feed in FEEDS[:2]:
            reader, error = read_response(feed(message[:at] + byte + message[at:]))
            assert error is not None, (at, message[:at], byte)
            assert reader.ends == 0 or (at > len(message) - 3 and byte == b"\n")


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", ANSWERS_REFUSED)
def test_answers_that_are_malformed(name: str, feed: Feed) -> None:
    reader, error = read_response(feed(ANSWERS_REFUSED[name]))
    assert error is not None and reader.ends == 0


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    "before", [b"", MESSAGES["chunks"], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["", "body", "no"]
)
@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n", b"\r\n" * MAX_EMPTY_LINES])
def test_some_empty_lines_before_a_request_are_read_over(lines: bytes, before: bytes, feed: Feed) -> None:
    reader, error = read_requests(feed(before + lines + b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"))
    assert error is None and reader.ends == len(reader.heads) == (2 if before else 1)
    assert reader.heads[-1].target == b"/a"


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    "before", [b"", MESSAGES["chunks"], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["", "body", "no"]
)
@pytest.mark.parametrize("lines", [b"\r", b"\n", b"\r\r\n", b"\n\n", b"\r\n\r", b" \r\n", b"\r\n" * 9])
def test_other_lines_before_a_request_are_not(lines: bytes, before: bytes, feed: Feed) -> None:
    reader, error = read_requests(feed(before + lines + b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"))
    assert error is not None and reader.ends == len(reader.heads) == bool(before)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("close", [b"Connection: close\r\n", b"Connection: keep-alive, close\r\n"])
@pytest.mark.parametrize("body", [b"", b"Content-Length: 2\r\n\r\nhi", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
def test_nothing_is_read_after_a_request_that_closes(body: bytes, close: bytes, feed: Feed) -> None:
    first = b"POST / HTTP/1.1\r\nHost: h\r\n" + close + (body or b"\r\n")
    for _ in range(2):  # the second time the head is remembered
        reader, error = read_requests(feed(first))
        assert error is None and reader.ends == 1 and not reader.heads[0].keep_alive
        with pytest.raises(RequestError):
            reader.feed(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        assert reader.ends == 1


@pytest.mark.parametrize(
    ("url", "host", "target"), [(b"http://h?a=/b", b"h", b"/?a=/b"), (b"http://h:8/?", b"h:8", b"/?")]
)
def test_absolute_targets(url: bytes, host: bytes, target: bytes) -> None:
    reader, error = read_requests(iter([b"GET " + url + b" HTTP/1.1\r\nHost: other\r\n\r\n"]))
    assert error is None and (reader.heads[0].authority, reader.heads[0].target) == (host, target)


def test_two_upgrades_are_no_websocket() -> None:
    fields = b"Host: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\n"
    reader, error = read_requests(iter([b"GET / HTTP/1.1\r\n" + fields]))
    assert error is None and not reader.heads[0].tunnel


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nProxy-Connection: close\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: a\r\n", True),
        (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
    ],
)
def test_when_a_connection_may_be_used_again(head: bytes, keep: bool, feed: Feed) -> None:
    reader, error = read_response(feed(head + b"\r\n"))
    assert error is None and reader.head is not None and reader.head.keep_alive is keep


def test_a_connection_carries_answers_of_every_framing_after_each_other() -> None:
    reader: Any = read_response(iter([]))[0]
    answers = [
        (b"Content-Length: 2\r\n\r\nhi", b"hi", False),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", b"hi", False),
        (b"Content-Length: 2\r\n\r\n", b"", True),
        (b"Content-Length: 0\r\n\r\n", b"", False),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"", True),
        (b"Content-Length: 2\r\nX: y\r\n\r\nho", b"ho", False),
    ]
    for number, (answer, body, to_head) in enumerate(answers, 1):
        reader.expect(to_head)
        reader.head, reader.body = None, b""
        for piece in FEEDS[number % 3](b"HTTP/1.1 200 OK\r\n" + answer):
            reader.feed(piece)
        assert (reader.ends, reader.body) == (number, body)
