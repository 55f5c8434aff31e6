"""The tail of a stream: bounded, and whole as far as its last event goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.stream_end import MAX_TAIL
from proxy.dataplane.tail import SLACK, Tail


def tail(*pieces: bytes) -> bytes:
    it = Tail()
    for piece in pieces:
        it.add(piece)
    return it.content()


@given(st.lists(st.binary(max_size=3000), max_size=40))
def test_it_is_the_end_of_what_came_and_has_the_slack(pieces: list[bytes]) -> None:
    whole, kept = b"".join(pieces), tail(*pieces)
    assert whole.endswith(kept) and len(kept) >= min(len(whole), SLACK)


@pytest.mark.parametrize("size", [1, 100, 5000, 200_000])
def test_it_is_bounded(size: int) -> None:
    assert len(tail(*[b"x" * size] * (1_000_000 // size))) <= 2 * MAX_TAIL + 200_000
    assert len(tail(*[b"data: {}\n\n"] * 100_000)) <= 3 * SLACK


@pytest.mark.parametrize("gap", [b"\n\n", b"\r\n\r\n"])
def test_a_large_last_event_is_whole(gap: bytes) -> None:
    event = b"data: " + b"x" * (MAX_TAIL - 5000)
    kept = tail(*[b"data: {}" + gap] * 5000, *[event[at : at + 700] for at in range(0, len(event), 700)], gap)
    assert event + gap in kept


def test_what_is_kept_begins_with_the_last_event_of_either_kind_before_the_slack() -> None:
    before, after = b"data: a\n\ndata: b\r\n\r\n", b"data: c" + b"x" * (2 * SLACK)
    assert tail(before, after) == b"\r\n\r\n" + after
    assert tail(b"data: a\r\n\r\ndata: b\n\n", after) == b"\n\n" + after
