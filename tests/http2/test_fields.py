"""Blocks of fields and lists of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2 import fields as fields_module
from proxy.http2.fields import MAX_REMEMBERED, _groups, added, block_of, group_of, listed, size_of
from proxy.http2.hpack_reader import NeverIndexed

names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda name: f"x-{name}".encode())
values = st.binary(max_size=20).map(lambda value: value.hex().encode())


@given(st.lists(st.tuples(names, values), max_size=8))
def test_a_block_is_the_list_that_it_was_made_of(pairs: list[tuple[bytes, bytes]]) -> None:
    block = b"".join(name.title() + b": " + value + b"\r\n" for name, value in pairs)
    assert listed(block) == pairs
    assert listed(block) == pairs  # remembered
    assert listed(block_of(pairs)) == pairs


def test_fields_for_one_connection_have_no_place_in_it() -> None:
    assert listed(b"Connection: close\r\nTE: trailers\r\nX-A: 1\r\nKeep-Alive: 5\r\n") == [(b"x-a", b"1")]


def test_what_is_remembered_is_bounded() -> None:
    for at in range(3 * MAX_REMEMBERED):
        assert listed(b"x-a: %d\r\n" % at) == [(b"x-a", b"%d" % at)]
    assert len(fields_module._remembered) <= MAX_REMEMBERED
    large = b"x-a: " + b"b" * 3_000 + b"\r\n"
    listed(large)
    assert large not in fields_module._remembered


def test_the_size_of_a_list_counts_32_bytes_a_field() -> None:
    assert size_of(((b"ab", b"c"), (b"d", b""))) == 3 + 1 + 64


def test_groups_that_are_remembered_are_bounded_and_one_object() -> None:
    for number in range(2 * MAX_REMEMBERED):
        assert group_of(b"x-n: %d\r\n" % number).fields == [(b"x-n", b"%d" % number)]
    assert len(_groups) <= MAX_REMEMBERED
    assert group_of(b"x-n: 7\r\n") is group_of(b"x-n: 7\r\n")
    never = group_of(NeverIndexed(b"x-n: 7\r\n"))
    assert type(never.fields[0][1]) is NeverIndexed


@pytest.mark.parametrize("rest", [b"", b"x-penumbra-hop: 1\r\n", b"x-a: 1\r\nx-request-id: 8\r\n"])
def test_what_is_added_is_a_list_of_its_own(rest: bytes) -> None:
    for block in (b"x-request-id: 7\r\n" + rest, rest):
        fields = added(block)
        assert fields == listed(block)
        fields.append((b"x", b"y"))
        assert added(block) == listed(block) == fields[:-1]
