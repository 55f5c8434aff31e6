"""Heads of requests in HTTP/2."""

from __future__ import annotations

import pytest
from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead
from proxy.http2 import request as request_module
from proxy.http2.bounds import Http2Bounds
from proxy.http2.fields import listed
from proxy.http2.hpack_reader import HpackReader, NeverIndexed
from proxy.http2.request import (
    MAX_REMEMBERED,
    Http2RequestError,
    Http2RequestHead,
    answer_trailers,
    read_request,
    request_of,
    trailers_of,
    write_request,
)

Fields = tuple[tuple[bytes, bytes], ...]
BASE: Fields = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a?b=c"), (b":authority", b"x:80"))

SOME: Fields = (
    *((b"te", b"trailers"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-request-id", b"r1"), (b"x-a", b"b; c")),
    *((b"content-type", b"application/json"), (b"content-type", b"application/grpc+proto"), (b"x-penumbra-hop", b"h")),
    *((b"host", b"x:80"), (b"x-penumbra-shadow", b"v2"), (b"grpc-timeout", b"1S"), (b"content-length", b"3")),
)


def read(*more: tuple[bytes, bytes], base: Fields = BASE, ended: bool = False) -> RequestHead:
    return read_request((*base, *more), ended, Http2Bounds())


def changed(name: bytes, value: bytes | None) -> Fields:
    others = tuple(each for each in BASE if each[0] != name)
    return others if value is None else ((name, value), *others)


def test_a_head_is_neutral() -> None:
    head = read((b"content-type", b"application/grpc"), (b"te", b"trailers"), (b"x-request-id", b"r1"))
    assert (head.method, head.target, head.path, head.authority, head.scheme) == (
        b"POST",
        b"/a?b=c",
        b"/a",
        b"x:80",
        b"http",
    )
    assert head.fields == b"content-type: application/grpc\r\nx-request-id: r1\r\n"
    assert (head.request_id, head.trailers, head.streamed, head.length) == (b"r1", True, True, None)


def test_a_field_that_reads_like_one_of_ours_is_dropped_and_other_underscores_stay() -> None:
    names = (b"content_length", b"x_request_id", b"x-penumbra_shadow", b"transfer_encoding", b"http2-settings")
    head = read(*((name, b"1") for name in names), (b"user_id", b"7"))
    assert head.fields == b"user_id: 7\r\n"
    assert (head.length, head.request_id, head.shadowed) == (None, b"", False)
    assert trailers_of(((b"x_request_id", b"1"), (b"user_id", b"7"))) == b"user_id: 7\r\n"


def test_the_end_of_a_stream_and_a_length_say_what_follows() -> None:
    assert (read(ended=True).length, read(ended=True).streamed) == (0, False)
    announced = read((b"content-length", b"5"))
    assert (announced.length, announced.streamed) == (5, False)
    asked = read(base=changed(b":method", b"GET"), ended=True)
    assert (asked.length, asked.streamed) == (None, False)


def test_crumbs_of_cookies_go_on_as_one_field() -> None:
    assert read((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")).fields == b"x: y\r\ncookie: a=1; b=2\r\n"


@given(st.lists(st.sampled_from(SOME), max_size=6, unique=True))
def test_the_list_of_a_head_is_its_block(more: list[tuple[bytes, bytes]]) -> None:
    """What goes to a server of HTTP/2 is what goes to one of HTTP/1.1."""
    head = read(*more)
    assert isinstance(head, Http2RequestHead)
    assert head.listed == listed(head.fields)
    assert head.call == is_grpc(head.field(b"content-type"))
    rewritten = head.changed(head.target, head.fields)
    assert write_request(head, b"", b"v1", b"", -1) == write_request(rewritten, b"", b"v1", b"", -1)


def test_what_was_found_clean_is_remembered_within_bounds() -> None:
    for at in range(3 * MAX_REMEMBERED):
        name = b"x%d" % at
        read(base=changed(b":authority", name))
        assert read(base=changed(b":path", b"/" + name)).target == b"/" + name
    for known in (request_module._clean_hosts, request_module._clean_targets):
        assert 0 < len(known) <= MAX_REMEMBERED
    large = b"/" + b"x" * 3_000
    assert read(base=changed(b":path", large)).target == large
    assert large not in request_module._clean_targets


def test_host_stands_for_the_authority() -> None:
    assert read((b"host", b"y"), base=changed(b":authority", None)).authority == b"y"
    assert read((b"host", b"x:80")).authority == b"x:80"


def test_copies_and_hops_are_known() -> None:
    head = read((b"x-penumbra-shadow", b"v2"), (b"x-penumbra-hop", b"h1"))
    assert (head.shadowed, head.hops) == (True, b" h1")
    assert head.fields == b"x-penumbra-hop: h1\r\nx-penumbra-shadow: v2\r\n"


@pytest.mark.parametrize(
    ("base", "more", "reason"),
    [
        (changed(b":method", b"CONNECT"), (), "not_implemented"),
        (changed(b":method", b"TRACE"), (), "not_implemented"),
        (changed(b":scheme", b"ftp"), (), "bad_request"),
        (changed(b":scheme", None), (), "bad_request"),
        (changed(b":path", b"*"), (), "bad_request"),
        (changed(b":path", b"/a#b"), (), "bad_request"),
        (changed(b":path", b"/\xc3\xa9"), (), "bad_request"),
        (changed(b":authority", b"u@x"), (), "bad_request"),
        (changed(b":authority", None), (), "bad_request"),
        (changed(b":authority", None), ((b"host", b"x"), (b"host", b"y")), "bad_request"),
        (BASE, ((b"host", b"y"),), "bad_request"),
        (BASE, ((b"x", b"y"),) * 125, "head_too_large"),
        (BASE, ((b"x", b"y" * 65_000), (b"x", b"y" * 700)), "head_too_large"),
    ],
)
def test_what_is_refused(base: Fields, more: Fields, reason: str) -> None:
    with pytest.raises(Http2RequestError) as caught:
        read(*more, base=base)
    assert caught.value.reason == reason


def written(head: RequestHead, extra: bytes = b"", length: int = -1) -> dict[bytes, bytes]:
    fields = write_request(head, b"/base", b"server:9", extra, length)
    assert [name for name, _ in fields[:4]] == [b":method", b":scheme", b":path", b":authority"]
    return dict(fields)


def test_a_head_is_written_for_a_server() -> None:
    head = read((b"te", b"trailers"), (b"content-type", b"application/grpc"))
    assert written(head, b"x-penumbra-hop: h\r\n") == {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": b"/base/a?b=c",
        b":authority": b"server:9",
        b"content-type": b"application/grpc",
        b"x-penumbra-hop": b"h",
        b"te": b"trailers",
    }


def test_the_length_is_that_at_hand_or_that_announced() -> None:
    assert written(read((b"content-length", b"5")))[b"content-length"] == b"5"
    assert written(read(), length=7)[b"content-length"] == b"7"
    assert b"content-length" not in written(read())
    assert written(read(ended=True))[b"content-length"] == b"0"
    assert b"content-length" not in written(read(base=changed(b":method", b"GET"), ended=True), length=0)


def test_trailers_of_a_request_are_a_block() -> None:
    assert trailers_of(((b"x-sum", b"1"), (b"connection", b"close"), (b":path", b"/"))) == b"x-sum: 1\r\n"
    assert trailers_of(()) == b""


def test_the_head_of_a_block_that_comes_again_is_the_same_and_a_body_behind_makes_another() -> None:
    block = HpackReader(100, 10_000).read(Encoder().encode(BASE))
    begun = request_of(block, False, Http2Bounds())
    assert request_of(block, False, Http2Bounds()) is begun
    assert begun.streamed and begun.length is None
    whole = request_of(block, True, Http2Bounds())
    assert not whole.streamed and whole.length == 0
    assert whole.fields == begun.fields == read_request(BASE, False, Http2Bounds()).fields


def test_trailers_that_no_table_may_keep_are_written_so_again() -> None:
    kept = trailers_of(((b"x-a", b"1"), (b"x-b", b"2")))
    assert type(kept) is bytes and listed(kept) == [(b"x-a", b"1"), (b"x-b", b"2")]
    never = trailers_of(((b"x-a", b"1"), (b"x-b", NeverIndexed(b"2"))))
    assert never == kept and [type(value) for _, value in listed(never)] == [NeverIndexed] * 2
    assert [type(value) for _, value in listed(kept)] == [bytes] * 2


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("never", [False, True])
def test_a_head_that_was_changed_is_kept_by_no_table_where_one_of_its_fields_is_not(never: bool, times: int) -> None:
    encoder, reader = Encoder(), HpackReader(100, 10_000)
    token = (NeverIndexedHeaderTuple if never else HeaderTuple)(b"x-key", b"secret")
    for _ in range(3):
        head: RequestHead = request_of(reader.read(encoder.encode([*BASE, token])), True, Http2Bounds())
        for _ in range(times):
            head = head.changed(b"/b", head.fields + b"X-More: 1\r\n")
        written = request_module.write_request(head, b"", b"a", b"", -1)
        kinds = {name: type(value) for name, value in written}
        assert (kinds[b"x-key"] is NeverIndexed) == never
        if times:
            assert (kinds[b"x-more"] is NeverIndexed) == never


def test_trailers_of_an_answer_are_one_object_for_equal_blocks_and_may_say_what_those_of_a_request_may_not() -> None:
    fields = [(b"grpc-status", b"0"), (b"retry-after", b"1"), (b"x-penumbra-version", b"forged"), (b"te", b"trailers")]
    block = HpackReader(100, 10_000).read(Encoder().encode(fields))
    assert answer_trailers(block) == b"grpc-status: 0\r\nretry-after: 1\r\n"
    assert answer_trailers(block) is answer_trailers(block)
    assert trailers_of(block.fields) == b"grpc-status: 0\r\n"
