"""Heads of answers in HTTP/2."""

from __future__ import annotations

import pytest
from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple

from proxy.contracts.message import ResponseHead
from proxy.http2.hpack_reader import HpackReader, NeverIndexed
from proxy.http2.response import (
    NO_STATUS,
    Http2ResponseError,
    begun_response,
    call_end,
    read_response,
    response_of,
    write_response,
)

Fields = tuple[tuple[bytes, bytes], ...]
OK: Fields = ((b":status", b"200"),)


def test_a_head_is_neutral() -> None:
    fields = (*OK, (b"content-type", b"application/grpc"), (b"x-request-id", b"r"), (b"x-penumbra-version", b"forged"))
    head = read_response(fields, ended=False, no_body=False)
    assert head.status == 200
    assert head.fields == b"content-type: application/grpc\r\nx-request-id: r\r\n"
    assert (head.request_id, head.length, head.streamed, head.alone) == (b"r", None, True, False)


def test_a_head_that_nothing_follows_is_trailers_too() -> None:
    head = read_response((*OK, (b"grpc-status", b"5")), ended=True, no_body=False)
    assert (head.alone, head.length, head.streamed) == (True, 0, False)
    assert head.fields == b"grpc-status: 5\r\n"
    assert write_response(head, b"", b"") == [*OK, (b"grpc-status", b"5")]
    told = read_response((*OK, (b"content-length", b"0")), ended=True, no_body=False)
    assert write_response(told, b"", b"") == [*OK, (b"content-length", b"0")]


@pytest.mark.parametrize(("status", "no_body"), [(b"204", False), (b"304", False), (b"200", True)])
def test_answers_without_a_body(status: bytes, no_body: bool) -> None:
    head = read_response(((b":status", status), (b"content-length", b"5")), ended=True, no_body=no_body)
    assert head.bodiless
    assert head.length == (None if status == b"204" else 5)


@pytest.mark.parametrize(
    ("fields", "ended"),
    [
        (((b":status", b"abc"),), False),
        (((b":status", b"600"),), False),
        (((b"x", b"y"),), False),
        ((*OK, (b"content-length", b"5")), True),
        ((*OK, *((b"x", b"y"),) * 256), False),
    ],
)
def test_an_answer_that_cannot_be_trusted(fields: Fields, ended: bool) -> None:
    with pytest.raises(Http2ResponseError):
        read_response(fields, ended, no_body=False)


def test_a_head_is_written_for_a_client() -> None:
    head = ResponseHead(200, b"Content-Type: text/plain\r\nConnection: close\r\n")
    head.length = 3
    assert write_response(head, b"x-penumbra-version: v2\r\n", b"x-request-id: r\r\n") == [
        (b":status", b"200"),
        (b"content-type", b"text/plain"),
        (b"x-penumbra-version", b"v2"),
        (b"content-length", b"3"),
        (b"x-request-id", b"r"),
    ]
    assert write_response(ResponseHead(204), b"", b"") == [(b":status", b"204")]


def test_the_head_of_a_block_that_comes_again_is_the_same_for_the_same_question() -> None:
    block = HpackReader(100, 10_000).read(Encoder().encode([(b":status", b"200"), (b"content-length", b"3")]))
    begun = response_of(block, False, False)
    assert response_of(block, False, False) is begun
    assert not begun.bodiless and response_of(block, True, True).bodiless
    with pytest.raises(Http2ResponseError):
        response_of(block, True, False)


@pytest.mark.parametrize(
    ("fields", "status", "end"),
    [
        (((b"grpc-status", b"0"),), 200, (0, b"")),
        (((b"grpc-status", b"14"), (b"grpc-message", b"gone")), 200, (14, b"gone")),
        ((), 200, (2, NO_STATUS)),
        ((), 503, (14, NO_STATUS)),
        (((b"grpc-status", b"0"),), 503, (14, b"")),
        (((b"grpc-status", b"0"), (b"grpc-status", b"13")), 200, (2, b"")),
    ],
)
def test_a_call_ends_as_the_fields_behind_its_answer_say(fields: Fields, status: int, end: tuple[int, bytes]) -> None:
    assert call_end(fields, status) == end


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("never", [False, True])
def test_an_answer_that_was_changed_is_kept_by_no_table_where_one_of_its_fields_is_not(never: bool, times: int) -> None:
    token = (NeverIndexedHeaderTuple if never else HeaderTuple)(b"x-key", b"secret")
    head: ResponseHead = response_of(HpackReader(100, 10_000).read(Encoder().encode([*OK, token])), False, False)
    for _ in range(times):
        head = head.changed(head.fields, 7)
    kinds = {name: type(value) for name, value in write_response(head, b"", b"")}
    assert (kinds[b"x-key"] is NeverIndexed) == never


def test_what_answers_begin_with_is_one_object_for_a_version() -> None:
    head = read_response((*OK, (b"server", b"m")), ended=False, no_body=False)
    group = begun_response(head, b"x-penumbra-version: v1\r\n")
    assert begun_response(head, b"x-penumbra-version: v1\r\n") is group
    other = begun_response(head, b"x-penumbra-version: v2\r\n")
    assert other.fields == [*OK, (b"server", b"m"), (b"x-penumbra-version", b"v2")]
    assert group.fields[2] == (b"x-penumbra-version", b"v1")
