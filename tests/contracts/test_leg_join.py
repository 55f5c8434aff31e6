"""The join of legs: what is held, for how long, and what each bound takes out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from proxy.contracts.leg_join import ExchangeKey, LegJoin, WeighedJoin


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


class Heavy(Struct):
    since: float
    weight: int = 0


def weighed(join: WeighedJoin[Heavy]) -> bool:
    return join.bytes == sum(held.weight for held in join.values())


def test_the_oldest_make_room_for_what_weighs_too_much() -> None:
    join: WeighedJoin[Heavy] = WeighedJoin(max_bytes=100)
    held = [Heavy(0.0) for _ in range(4)]
    for number, each in enumerate(held):
        assert join.hold(key(number), each) == []
    assert join.weigh(held[0], 60) == join.weigh(held[1], 40) == []
    assert [exchange for (_, exchange), _ in join.weigh(held[3], 50)] == [0]
    assert join.ended["crowded"] == 1 and join.bytes == 90 and weighed(join)


def test_one_that_weighs_too_much_by_itself_is_not_held() -> None:
    join: WeighedJoin[Heavy] = WeighedJoin(max_bytes=100)
    join.hold(key(0), heavy := Heavy(0.0))
    assert join.weigh(heavy, 101) == [(key(0), heavy)]
    assert not join and not join.bytes


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60), st.sampled_from(["weigh", "let_go", "expire"]))))
def test_the_sum_is_that_of_what_is_held_and_below_its_bound(steps: list[tuple[int, int, str]]) -> None:
    join: WeighedJoin[Heavy] = WeighedJoin(max_exchanges=4, max_bytes=100)
    for at, (number, more, step) in enumerate(steps):
        if key(number) not in join:
            join.hold(key(number), Heavy(float(at)))
        if step == "weigh":
            join.weigh(join[key(number)], more)
        elif step == "let_go":
            join.let_go(key(number))
        else:
            join.expire(at + 55.0)
        assert weighed(join) and join.bytes <= 100 and len(join) <= 4
