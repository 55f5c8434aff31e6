"""Blocks of fields, written: hpack, the reference, reads them, and its table holds what may be there."""

from __future__ import annotations

from hpack import Decoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.fields import FieldGroup
from proxy.http2.hpack_reader import HpackReader, NeverIndexed
from proxy.http2.hpack_table import TABLE
from proxy.http2.hpack_writer import MAX_GROUPS, MAX_NAME, MAX_NAMES, MISSES, SECRET, HpackWriter, _prefixes

Fields = list[tuple[bytes, bytes]]
names = st.one_of(
    st.sampled_from([b":path", b":method", b"content-type", b"x-user", b"cookie", b"x-a-bin", b"grpc-status"]),
    st.integers(0, 2 * MAX_NAMES).map(lambda number: b"x-%d" % number),
)
values = st.one_of(st.sampled_from([b"", b"GET", b"0", b"application/grpc"]), st.binary(max_size=300))
lists = st.lists(st.tuples(names, values), max_size=8)


@given(st.lists(st.tuples(lists, st.sampled_from([None, None, 0, 64, 300, TABLE, 65_536])), max_size=12))
def test_every_list_arrives_whatever_the_peers_table_is(said: list[tuple[Fields, int | None]]) -> None:
    writer, decoder, reader = HpackWriter(), Decoder(), HpackReader(1_000, 1_000_000)
    for fields, size in said:
        if size is not None:
            decoder.max_allowed_table_size = max(size, 0)
            writer.resize(size)
        for _ in range(3):
            written = writer.write(fields)
            assert [tuple(each) for each in decoder.decode(written, raw=True)] == fields
            assert reader.read(written).fields == tuple(fields)
        assert decoder.header_table.maxsize <= TABLE


@given(st.lists(st.tuples(st.integers(0, 3), lists, st.sampled_from([None, None, None, 0, 300, TABLE])), max_size=24))
def test_groups_arrive_as_their_fields_do_whatever_becomes_of_the_table(
    said: list[tuple[int, Fields, int | None]],
) -> None:
    writer, plain, reader = HpackWriter(), HpackWriter(), HpackReader(1_000, 1_000_000)
    groups = [FieldGroup(fields) for _, fields, _ in said[:4]] or [FieldGroup([])]
    for number, fields, size in said:
        if size is not None:
            writer.resize(size)
            plain.resize(size)
        group = groups[number % len(groups)]
        written = writer.write(fields, group)
        assert reader.read(written).fields == (*group.fields, *fields)
        assert written == plain.write(group.fields + fields)


def test_a_group_is_written_once_while_the_table_is_as_it_is() -> None:
    writer, group = HpackWriter(), FieldGroup([(b":method", b"POST"), (b"x-user", b"7"), (b"cookie", b"secret")])
    for _ in range(2):
        writer.write([], group)
        assert not writer._groups  # x-user has yet to enter the table, and has entered it
    before = writer.write([], group)
    assert writer._groups == {group: before}
    for _ in range(2):
        writer.write([(b"x-other", b"1")], group)
    assert not writer._groups  # its places have moved
    for _ in range(2 * MAX_GROUPS):
        writer.write([], FieldGroup([(b":method", b"GET")]))
    assert len(writer._groups) <= MAX_GROUPS


def test_what_is_said_again_is_a_byte_each() -> None:
    writer = HpackWriter()
    fields = [(b":method", b"POST"), (b"x-user", b"7"), (b"x-tenant", b"north")]
    sizes = [len(writer.write(fields)) for _ in range(3)]
    assert sizes[0] >= sizes[1] > sizes[2] == 3


def test_secrets_and_what_may_be_in_no_table_are_never_in_one() -> None:
    writer, decoder = HpackWriter(), Decoder()
    fields = [
        *((name, b"s") for name in sorted(SECRET)),
        (b"x-token", NeverIndexed(b"s")),
        (b":path", NeverIndexed(b"/")),
    ]
    for _ in range(3):
        read = decoder.decode(writer.write(fields), raw=True)
        assert all(isinstance(each, NeverIndexedHeaderTuple) for each in read)
    assert not decoder.header_table.dynamic_entries


def test_a_table_that_is_full_is_begun_anew_once_much_is_missed() -> None:
    writer, decoder = HpackWriter(), Decoder()
    for number in range(200 + 2 * MISSES):
        for _ in range(2):
            decoder.decode(writer.write([(b"x-%d" % (number % 7), b"%d" % number)]), raw=True)
    said = [(b"x-0", b"what is said from now on")]
    sizes = [len(writer.write(said)) for _ in range(3)]
    assert writer._size <= TABLE and len(writer._last) <= MAX_NAMES
    assert sizes[2] == 1 or writer._missed > 0


def test_names_that_are_long_are_written_and_not_remembered() -> None:
    writer, reader = HpackWriter(), HpackReader(1_000, 1_000_000)
    longest, longer = b"x" * MAX_NAME, b"y" * (MAX_NAME + 1)
    for _ in range(3):
        assert reader.read(writer.write([(longest, b"1"), (longer, b"1")])).fields == ((longest, b"1"), (longer, b"1"))
    assert longest in _prefixes and longer not in _prefixes
    assert list(writer._last) == [longest] and list(writer._places) == [(longest, b"1")]
