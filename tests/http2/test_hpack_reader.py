"""Blocks of fields, read: against hpack, the reference, and what is refused."""

from __future__ import annotations

import pytest
from hpack import Encoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.hpack_reader import (
    MAX_NAMES,
    MAX_REMEMBERED,
    MAX_REMEMBERED_LIST,
    HeaderBlock,
    HpackError,
    HpackReader,
    ListTooLarge,
    NeverIndexed,
    _names,
    kind_of,
)
from proxy.http2.hpack_table import TABLE

Fields = list[tuple[bytes, bytes]]
GET: Fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"x")]

names = st.sampled_from([b":path", b"content-type", b"x-user", b"date", b"x-a-rather-long-name-of-a-field", b"cookie"])
values = st.one_of(st.sampled_from([b"", b"1", b"application/grpc", b"/v2"]), st.binary(max_size=200))
lists = st.lists(st.tuples(names, values), max_size=8)


def reader(most: int = 100, most_bytes: int = 100_000) -> HpackReader:
    return HpackReader(most, most_bytes)


def block(*fields: tuple[bytes, bytes]) -> HeaderBlock:
    return reader().read(Encoder().encode(fields))


@given(st.lists(st.tuples(lists, st.booleans(), st.sampled_from([None, 0, 100, 500, TABLE])), max_size=12))
def test_every_list_arrives_whatever_the_table_went_through(said: list[tuple[Fields, bool, int | None]]) -> None:
    encoder, it = Encoder(), reader()
    for fields, huffman, size in said:
        if size is not None:
            encoder.header_table_size = size
        for _ in range(2):  # the second time mostly from memory
            assert it.read(encoder.encode(fields, huffman)).fields == tuple(fields)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_read_or_are_an_error(blocks: list[bytes]) -> None:
    it = reader(50, 5_000)
    for data in blocks:
        try:
            read = it.read(data)
        except (HpackError, ListTooLarge):
            return
        assert len(read.fields) <= 50 and read.size <= 5_000


def test_a_value_that_no_table_may_keep_stays_one() -> None:
    (_, plain), (_, never) = block((b"x-a", b"b"), NeverIndexedHeaderTuple(b"x-token", b"secret")).fields
    assert type(plain) is bytes
    assert type(never) is NeverIndexed and never == b"secret"


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x80", b"\xbe", b"\x7f\x07\x00", b"\x82\x20", b"\x3f\xe2\x1f", b"\x40", b"\x40\x01a", b"\x00\x05ab"),
        *(b"\x00\x01a\xff", b"\xff\xff\xff\xff\xff\xff\x7f", b"\x00\x81\x18\x00"),
    ],
    ids=bytes.hex,
)
def test_what_is_no_block_is_an_error(data: bytes) -> None:
    with pytest.raises(HpackError):
        reader().read(data)


def test_a_list_is_read_no_further_than_its_bounds() -> None:
    bomb = b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4_000 + b"\xbe" * 10_000
    with pytest.raises(ListTooLarge):
        reader(most=100_000).read(bomb)
    with pytest.raises(ListTooLarge):
        reader(most=100).read(b"\x82" * 101)


def test_what_is_remembered_is_bounded_and_forgotten_when_the_table_changes() -> None:
    it, encoder = reader(), Encoder()
    it.read(encoder.encode([(b"x-a", b"1")]))
    first = encoder.encode([(b"x-a", b"1")])
    assert it.read(first) is it.read(first)
    said = Encoder().encode([NeverIndexedHeaderTuple(b"x", b"said")])
    once = it.read(said)
    assert it.read(said) is not once
    assert it.read(said) is it.read(said)
    it.read(encoder.encode([(b"x-b", b"2")]))
    assert it.read(first).fields == ((b"x-b", b"2"),)  # the same place of another table
    for number in range(3 * MAX_REMEMBERED):
        for _ in range(2):
            it.read(Encoder().encode([NeverIndexedHeaderTuple(b"x", b"%d" % number)]))
    assert len(it._remembered) <= MAX_REMEMBERED
    for number in range(2 * MAX_NAMES):
        kind_of(b"x-%d" % number, b"")
    assert len(_names) <= MAX_NAMES


MALFORMED: dict[str, Fields] = {
    "upper case": [*GET, (b"X-A", b"b")],
    "an empty name": [*GET, (b"", b"b")],
    "a space in a name": [*GET, (b"x a", b"b")],
    "a line break": [*GET, (b"x", b"a\r\nb: c")],
    "a zero": [*GET, (b"x", b"\0")],
    "a blank before": [*GET, (b"x", b" a")],
    "a blank behind": [*GET, (b"x", b"a\t")],
    "hop by hop": [*GET, (b"keep-alive", b"1")],
    "te": [*GET, (b"te", b"gzip")],
    "two lengths": [*GET, (b"content-length", b"1"), (b"content-length", b"1")],
    "no length": [*GET, (b"content-length", b"+1")],
    "a late pseudo-field": [*GET[:3], (b"a", b"b"), GET[3]],
    "a pseudo-field twice": [*GET, GET[2]],
    "an unknown pseudo-field": [*GET, (b":test", b"1")],
    "no path": [*GET[:2], GET[3]],
    "an empty path": [*GET[:2], (b":path", b""), GET[3]],
    "a path that is none": [*GET[:2], (b":path", b"a"), GET[3]],
    "no authority": GET[:3],
    "a status": [*GET, (b":status", b"200")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_request_that_is_none(name: str) -> None:
    assert not block(*MALFORMED[name]).is_request()


def test_requests_answers_and_trailers() -> None:
    assert block(*GET).is_request() and not block(*GET).is_response()
    assert block((b":method", b"CONNECT"), (b":authority", b"x:1")).is_request()
    assert block((b":method", b"OPTIONS"), GET[1], (b":path", b"*"), GET[3]).is_request()
    assert block(*GET[:3], (b"host", b"x"), (b"te", b"trailers"), (b"x", b"")).is_request()
    assert block((b":status", b"103"), (b"content-length", b"7")).is_response()
    for status in (b"99", b"2OO", b"099", b"1000"):
        assert not block((b":status", status)).is_response()
    assert block((b"grpc-status", b"0")).is_trailers() and block().is_trailers()
    assert not block((b":status", b"200")).is_trailers()
    assert block(*GET, (b"content-length", b"12")).length == 12


def test_a_small_block_of_a_large_list_is_not_remembered() -> None:
    reader, encoder = HpackReader(128, 1 << 18), Encoder()
    field = (b"x", b"v" * 1_000)
    reader.read(encoder.encode([field]))
    for count, remembered in ((1, True), (MAX_REMEMBERED_LIST // 1_000 + 1, False)):
        block = encoder.encode([field] * count)
        assert len(block) == count
        reader.read(block)
        assert (block in reader._remembered) is remembered
