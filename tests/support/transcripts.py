"""Readers that write down what they are told, and the three ways to feed bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from proxy.contracts.client_bounds import ClientBounds
from proxy.http1.request import USUAL, RequestReader
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.request_rules import RequestError
from proxy.http1.response import Http1ResponseHead, ResponseError, ResponseReader


class Requests(RequestReader):
    """`log` holds (method, target, body or None while incomplete) for each request; `heads` the heads."""

    def __init__(self, bounds: ClientBounds = USUAL) -> None:
        super().__init__(bounds)
        self.heads: list[Http1RequestHead] = []
        self.bodies: list[bytes] = []
        self.ends = 0

    def request_head(self, head: Http1RequestHead) -> None:
        self.heads.append(head)
        self.bodies.append(b"")

    def request_body(self, data: bytes) -> None:
        self.bodies[-1] += data

    def request_end(self) -> None:
        self.ends += 1


class Responses(ResponseReader):
    """What came of one answer."""

    def __init__(self, no_body: bool = False, upgrade: bool = False) -> None:
        super().__init__()
        self.head: Http1ResponseHead | None = None
        self.body = b""
        self.ends = 0
        self.expect(no_body, upgrade)

    def response_head(self, head: Http1ResponseHead) -> None:
        assert self.head is None
        self.head = head

    def response_body(self, data: bytes) -> None:
        self.body += data

    def response_end(self) -> None:
        self.ends += 1


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[at : at + 1]


def in_threes(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 3):
        yield data[at : at + 3]


FEEDS: tuple[Callable[[bytes], Iterator[bytes]], ...] = (whole, byte_by_byte, in_threes)


def read_requests(pieces: Iterator[bytes]) -> tuple[Requests, RequestError | None]:
    reader = Requests()
    try:
        for piece in pieces:
            reader.feed(piece)
    except RequestError as error:
        return reader, error
    return reader, None


def read_response(
    pieces: Iterator[bytes], no_body: bool = False, upgrade: bool = False, eof: bool = False
) -> tuple[Responses, ResponseError | None]:
    reader = Responses(no_body, upgrade)
    try:
        for piece in pieces:
            reader.feed(piece)
        if eof:
            reader.end_of_stream()
    except ResponseError as error:
        return reader, error
    return reader, None
