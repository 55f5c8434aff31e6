"""Messages leave in exactly one form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1 import write
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.response import Http1ResponseHead
from tests.support.transcripts import read_requests, read_response


def request(fields: bytes) -> Http1RequestHead:
    reader, error = read_requests(iter([b"POST /v2?q HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n"]))
    assert error is None
    return reader.heads[0]


def response(fields: bytes, status: bytes = b"200 OK") -> Http1ResponseHead:
    reader, error = read_response(iter([b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n"]))
    assert error is None
    return reader.head


def test_request_head() -> None:
    head = request(b"Content-Length: 3\r\nA: b\r\n")
    assert write.request_head(head, b"/base", b"up:1", b"e: x\r\n") == (
        b"POST /base/v2?q HTTP/1.1\r\nHost: up:1\r\nA: b\r\nContent-Length: 3\r\ne: x\r\n\r\n"
    )


def test_a_replay_of_chunks_has_a_length() -> None:
    head = request(b"Transfer-Encoding: chunked\r\n")
    assert b"Content-Length: 7\r\n" in write.request_head(head, b"", b"h", b"", 7)
    assert b"Content-Length: 0\r\n" in write.request_head(head, b"", b"h", b"", 0)


def test_a_request_without_a_body_gets_no_length() -> None:
    assert b"ength" not in write.request_head(request(b""), b"", b"h", b"", 0)


def test_response_head() -> None:
    head = response(b"Content-Length: 3\r\nA: b\r\n")
    assert write.response_head(head, False, False, b"x-penumbra-version: v1\r\n", b"x: y\r\n") == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\nx-penumbra-version: v1\r\nx: y\r\n\r\n"
    )
    assert write.response_head(head, False, True, b"", b"").endswith(b"Connection: close\r\n\r\n")


def test_a_phrase_of_its_own_is_kept() -> None:
    assert write.response_head(response(b"Content-Length: 0\r\n", b"200 Fine"), False, False, b"", b"").startswith(
        b"HTTP/1.1 200 Fine\r\n"
    )
    assert write.response_head(response(b"Content-Length: 0\r\n", b"299 Odd"), False, False, b"", b"").startswith(
        b"HTTP/1.1 299 Odd\r\n"
    )


def test_problem_is_a_whole_answer() -> None:
    raw = write.problem(404, "no_route", "No route", "no route for GET /", b"X: y\r\n")
    reader, error = read_response(iter([raw]))
    assert error is None and reader.ends == 1
    assert json.loads(reader.body) == {
        "type": "about:blank",
        "title": "No route",
        "status": 404,
        "reason": "no_route",
        "detail": "no route for GET /",
    }
    assert read_response(iter([write.problem(404, "a", "b", "c", head_only=True)]), no_body=True)[0].ends == 1


@given(st.binary(min_size=1))
def test_a_chunk_in_parts_is_the_same_chunk(data: bytes) -> None:
    parts = write.chunk_in_parts(data)
    assert b"".join(parts) == write.chunk(data) and parts[1] is data


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, 511, 512, 513, 70_000])
def test_a_chunk_says_its_size_in_hexadecimal_digits(size: int) -> None:
    line, data, rest = write.chunk(b"x" * size).split(b"\r\n")
    assert (int(line, 16), len(data), rest) == (size, size, b"") and line == line.lower().lstrip(b"0")
