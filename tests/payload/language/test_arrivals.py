"""When tokens came: with the piece of their last byte, whatever the pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.language.arrivals import MAX_GAPS, Arrivals


def arrived(number: int, said: list[int], chunks: list[float], ends: list[int]) -> Arrivals:
    arrivals = Arrivals()
    if said:
        arrivals.said(number, said)
    arrivals.came(chunks, ends)
    return arrivals


def test_nothing_said_or_nothing_came() -> None:
    assert arrived(0, [9], [], []).first is None
    assert arrived(0, [], [0.1], [9]).first is None


def test_an_event_came_with_the_piece_of_its_last_byte() -> None:
    chunks, ends = [0.1, 0.2, 0.4], [50, 100, 150]
    assert arrived(0, [50], chunks, ends).first == 0.1
    assert arrived(0, [51], chunks, ends).first == 0.2
    assert arrived(0, [151], chunks, ends).first is None


def test_without_bytes_pieces_and_events_are_matched_by_number() -> None:
    arrivals = arrived(1, [7, 9], [0.5, 1.0, 2.0], [])
    assert arrivals.first == 1.0 and list(arrivals.gaps) == [1.0]
    assert arrived(7, [9], [0.5, 1.0], []).first == 1.0


def test_an_event_whose_piece_is_told_of_later() -> None:
    arrivals = Arrivals()
    arrivals.said(0, [10, 30])
    arrivals.came([1.0, 2.0], [5, 12])
    arrivals.came([4.0], [30])
    assert arrivals.first == 2.0 and list(arrivals.gaps) == [2.0]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.lists(st.integers(1, 9), min_size=1, max_size=60))
def test_split_events_and_events_in_one_piece_make_no_gaps(events: list[int], pieces: list[int]) -> None:
    said = [sum(events[: at + 1]) for at in range(len(events))]
    ends = [sum(pieces[: at + 1]) for at in range(len(pieces))]
    arrivals = arrived(0, said, [float(end) for end in ends], ends)
    came = sorted({next(end for end in ends if end >= event) for event in said if event <= ends[-1]})
    if arrivals.first is None:
        assert came == []
        return
    times = [arrivals.first, *arrivals.gaps]
    assert [sum(times[: at + 1]) for at in range(len(times))] == came


def test_gaps_are_bounded() -> None:
    arrivals = Arrivals()
    for at in range(200):
        ends = list(range(at * 1000 + 1, at * 1000 + 1001))
        arrivals.said(at * 1000, ends)
        arrivals.came([float(end) for end in ends], ends)
    assert len(arrivals.gaps) <= MAX_GAPS + 1000 and arrivals.size < 1_500_000
