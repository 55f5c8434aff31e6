"""Answers come in any order, and are taken in that of the capture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.replay import order
from proxy.control.replay.asking import Replayed
from proxy.control.replay.order import CaptureOrder
from tests.support.replayed import exchange, live


@given(st.permutations(range(12)))
def test_exchanges_are_taken_in_the_order_of_the_capture(answered: list[int]) -> None:
    kept, taken = CaptureOrder(), []
    places = [kept.put(exchange(number)) for number in range(12)]
    for number in answered:
        places[number].reason = "no body"
        taken += [place.exchange.key[1] for place in kept.ready()]
        assert taken == list(range(1, len(taken) + 1))
    assert len(taken) == 12 and not len(kept)


def test_bytes_that_wait_are_bounded() -> None:
    kept = CaptureOrder()
    large = exchange(1, request=b"x" * (order.MAX_HELD_BYTES // 2 + 1))
    first = kept.put(large)
    assert not kept.full
    kept.put(large)
    assert kept.full
    first.reason = "no body"
    assert [place is first for place in kept.ready()] == [True]
    assert not kept.full


def test_answers_that_wait_are_bounded_too() -> None:
    kept = CaptureOrder()
    slow, fast = kept.put(exchange(1)), kept.put(exchange(2))
    kept.settle(fast, Replayed(fast.exchange, live(b"x" * order.MAX_HELD_BYTES)))
    assert kept.full and not list(kept.ready())
    kept.settle(slow, Replayed(slow.exchange, live(b"x")))
    assert len(list(kept.ready())) == 2 and not kept.full
