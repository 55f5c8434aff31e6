"""The join of legs: what is held, for how long, and what each bound takes out."""

from __future__ import annotations

from msgspec import Struct

from proxy.contracts.leg_join import ExchangeKey, LegJoin


class Held(Struct):
    since: float


def key(exchange: int) -> ExchangeKey:
    return (0, "a"), exchange


def numbers(taken: list[tuple[ExchangeKey, Held]]) -> list[int]:
    return [exchange for (_, exchange), _ in taken]


def test_the_oldest_makes_room() -> None:
    join: LegJoin[Held] = LegJoin(max_exchanges=2)
    taken = [numbers(join.hold(key(number), Held(0.0))) for number in range(4)]
    assert taken == [[], [], [0], [1]]
    assert [exchange for _, exchange in join] == [2, 3]
    assert dict(join.ended) == {"crowded": 2}


def test_what_is_late_is_taken_out_oldest_first() -> None:
    join: LegJoin[Held] = LegJoin(max_wait=60.0)
    for number in range(3):
        join.hold(key(number), Held(10.0 * number))
    assert numbers(join.expire(59.9)) == []
    assert numbers(join.expire(70.0)) == [0, 1]
    assert numbers(join.expire(float("inf"))) == [2] and not join
    assert +join.ended == {"late": 3}


def test_an_exchange_that_is_complete_frees_its_place() -> None:
    join: LegJoin[Held] = LegJoin(max_exchanges=1)
    for number in range(3):
        assert join.hold(key(number), Held(0.0)) == []
        del join[key(number)]
    assert not join.ended["crowded"]
