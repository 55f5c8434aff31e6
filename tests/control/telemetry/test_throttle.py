"""A second's share of lines and spans."""

from __future__ import annotations

from proxy.control.telemetry.throttle import Throttle


def test_so_many_in_a_second_and_as_many_in_the_next() -> None:
    throttle = Throttle(3)
    assert [throttle.allows(10.0 + at / 10) for at in range(5)] == [True, True, True, False, False]
    assert [throttle.allows(11.0) for _ in range(4)] == [True, True, True, False]


def test_what_a_second_leaves_is_not_kept() -> None:
    throttle = Throttle(2)
    assert throttle.allows(10.0)
    assert [throttle.allows(11.0) for _ in range(3)] == [True, True, False]


def test_what_comes_in_one_piece_is_not_cut() -> None:
    throttle = Throttle(2)
    assert throttle.allows(10.0, count=5)
    assert not throttle.allows(10.9)
    assert throttle.allows(11.0)
