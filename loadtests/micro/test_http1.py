"""Reading and writing heads. A head seen before is remembered, so each benchmark says which kind it feeds."""

from __future__ import annotations

from itertools import count

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadtests.exact import request_bytes
from proxy.http1 import write
from proxy.http1.request import RequestReader
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.response import Http1ResponseHead, ResponseReader

BODY = b'{"inputs":[{"name":"x","shape":[1,30],"datatype":"FP64","data":[' + b"1.2345," * 29 + b"1]}]}"
ANSWER = b"HTTP/1.1 200 OK\r\nServer: model\r\nContent-Type: application/json\r\nContent-Length: 2\r\n%b\r\n{}"


class Requests(RequestReader):
    """Keeps the last head."""

    last: Http1RequestHead

    def request_head(self, head: Http1RequestHead) -> None:
        self.last = head

    def request_body(self, data: bytes) -> None:
        """Not looked at."""

    def request_end(self) -> None:
        """Ready for the next."""


class Answers(ResponseReader):
    """Keeps the last head."""

    last: Http1ResponseHead

    def response_head(self, head: Http1ResponseHead) -> None:
        self.last = head

    def response_body(self, data: bytes) -> None:
        """Not looked at."""

    def response_end(self) -> None:
        """Ready for the next."""


def own_id(data: bytes, number: int) -> bytes:
    """The same message with a request id of its own."""
    return data.replace(b"\r\n", b"\r\nX-Request-Id: %016x\r\n" % number, 1)


@pytest.mark.parametrize("heads", ["alike", "unlike"])
def test_read_a_request(benchmark: BenchmarkFixture, heads: str) -> None:
    reader, data, numbers = Requests(), request_bytes(BODY), count()
    if heads == "alike":
        benchmark(reader.feed, data)
    else:
        benchmark.pedantic(reader.feed, setup=lambda: ((own_id(data, next(numbers)),), {}), rounds=20_000)  # type: ignore[no-untyped-call]
    assert reader.last.length == len(BODY)


@pytest.mark.parametrize("heads", ["alike", "unlike"])
def test_read_an_answer(benchmark: BenchmarkFixture, heads: str) -> None:
    reader, numbers = Answers(), count()

    def read(data: bytes) -> None:
        reader.expect(no_body=False)
        reader.feed(data)

    if heads == "alike":
        benchmark(read, ANSWER % b"")
    else:
        benchmark.pedantic(read, setup=lambda: ((own_id(ANSWER % b"", next(numbers)),), {}), rounds=20_000)  # type: ignore[no-untyped-call]
    assert reader.last.status == 200


def test_write_a_request_head(benchmark: BenchmarkFixture) -> None:
    reader = Requests()
    reader.feed(request_bytes(BODY))
    written = benchmark(write.request_head, reader.last, b"", b"model:8081", b"x-request-id: 1\r\n")
    assert written.startswith(b"POST ") and b"Host: model:8081\r\n" in written


def test_write_a_chunk(benchmark: BenchmarkFixture) -> None:
    assert benchmark(write.chunk, BODY).startswith(b"%x\r\n" % len(BODY))
