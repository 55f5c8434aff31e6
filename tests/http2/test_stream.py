"""One stream, and what of it waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.stream import Http2Stream


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1), st.data())
def test_bytes_leave_in_order_in_pieces_of_any_size(pieces: list[bytes], data: st.DataObject) -> None:
    stream, left = Http2Stream(1, 100), b""
    for piece in pieces:
        stream.pieces.append(piece)
        stream.queued += len(piece)
    while stream.queued:
        size = data.draw(st.integers(1, stream.queued))
        taken = stream.piece(size)
        assert len(taken) == size
        left += taken
    assert left == b"".join(pieces) and not stream.pieces


def test_what_waits_of_a_stream_that_is_over_is_dropped() -> None:
    stream = Http2Stream(3, 100)
    stream.pieces, stream.queued = [b"abc", b"d"], 4
    assert stream.piece(1) == b"a"
    assert stream.forget() == 3
    assert stream.closed and not stream.queued and not stream.pieces
