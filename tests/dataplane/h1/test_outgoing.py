"""What waits for a write leaves whole, in its order, and large pieces as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.h1.outgoing import Outgoing
from proxy.dataplane.memory import JOINED
from proxy.http1 import write

PIECES = st.lists(st.binary(min_size=1, max_size=20), max_size=6)


@given(PIECES, PIECES, st.booleans())
def test_joined_or_in_pieces_they_are_the_same_bytes_once(
    heads: list[bytes], bodies: list[bytes], joined: bool
) -> None:
    out = Outgoing()
    for piece in heads:
        out.add(piece)
    for piece in bodies:
        out.data(piece)
    assert out.count == len(heads + bodies)
    found = out.joined() if joined else b"".join(out.pieces())
    assert found == b"".join(heads + bodies)
    assert not out.count and out.joined() == b"" and out.pieces() == []


@pytest.mark.parametrize("size", [1, JOINED, JOINED + 1, 3 * JOINED])
def test_a_chunk_is_the_same_in_one_piece_or_in_parts(size: int) -> None:
    out = Outgoing()
    out.chunked = True
    out.data(b"x" * size)
    assert out.is_large() is (size > JOINED)
    assert out.joined() == write.chunk(b"x" * size)
    assert not out.is_large()


def test_a_large_body_goes_on_as_the_very_pieces() -> None:
    out, pieces = Outgoing(), [bytes(JOINED), bytes(JOINED), bytes(1)]
    out.add(b"head")
    for piece in pieces:
        out.data(piece)
    assert out.is_large()
    assert [id(each) for each in out.pieces()[1:]] == [id(each) for each in pieces]


def test_what_is_thrown_away_is_gone() -> None:
    out = Outgoing()
    for _ in range(4):
        out.data(b"x" * JOINED)
    out.clear()
    out.add(b"head")
    assert not out.is_large() and out.pieces() == [b"head"]
