"""The order in which the addresses of a version are tried."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.endpoints import DEAD_SECONDS, MAX_DEAD_SECONDS, ServerEndpoint, in_order

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)


def endpoint(host: str, opened: int = 0, dead_until: float = 0.0) -> ServerEndpoint:
    made = ServerEndpoint((V6 if ":" in host else V4, host, 80))
    made.open, made.dead_until = opened, dead_until
    return made


def hosts(endpoints: list[ServerEndpoint], now: float = 100.0) -> list[str]:
    return [each.host for each in in_order(endpoints, now)]


def test_families_take_turns_and_the_resolver_s_first_begins() -> None:
    assert hosts([endpoint(each) for each in ("::1", "::2", "::3", "10.0.0.1")]) == ["::1", "10.0.0.1", "::2", "::3"]


def test_the_fewest_connections_come_first_within_a_family() -> None:
    assert hosts([endpoint("10.0.0.1", 2), endpoint("10.0.0.2", 0), endpoint("10.0.0.3", 1)]) == [
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.1",
    ]


def test_who_could_not_be_reached_comes_last_for_a_while() -> None:
    first, second = endpoint("10.0.0.1"), endpoint("10.0.0.2", 9)
    first.failed(100.0)
    assert hosts([first, second]) == ["10.0.0.2", "10.0.0.1"]
    assert hosts([first, second], 100.0 + DEAD_SECONDS) == ["10.0.0.1", "10.0.0.2"]
    first.failed(100.0)
    first.reached(100.0)
    assert hosts([first, second])[0] == "10.0.0.1"


def test_each_time_in_a_row_costs_more_and_attempts_together_count_once() -> None:
    each, now, waits = endpoint("10.0.0.1"), 100.0, []
    for _ in range(12):
        assert each.failed(now) and not each.failed(now + 1)
        waits.append(each.dead_until - now)
        now = each.dead_until
    assert waits[:2] == [DEAD_SECONDS, 2 * DEAD_SECONDS] and waits[-1] == MAX_DEAD_SECONDS
    each.reached(now)
    assert (each.since, each.dead_until) == (now, 0.0)
    each.reached(now + 1)
    assert each.since == now, "it was there all the time"
    each.failed(now)
    assert each.dead_until == now + DEAD_SECONDS


def test_whom_the_pool_wants_comes_first_then_the_lowest_priority_and_the_least_load_for_its_weight() -> None:
    first, heavy, light, spare = (endpoint(f"10.0.0.{i}", opened) for i, opened in enumerate((9, 4, 2, 0)))
    heavy.weight, spare.priority = 10.0, 1
    every = [spare, light, heavy, first]
    assert [each.host[-1] for each in in_order(every, 100.0)] == ["1", "2", "0", "3"]
    assert [each.host[-1] for each in in_order(every, 100.0, spare)] == ["3", "1", "2", "0"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from([0.0, 200.0])), max_size=12))
def test_nobody_is_left_out_and_the_living_come_before_the_dead(drawn: list[tuple[bool, int, float]]) -> None:
    endpoints = [
        endpoint(f"::{i}" if new else f"10.0.0.{i}", opened, dead) for i, (new, opened, dead) in enumerate(drawn)
    ]
    ordered = in_order(endpoints, 100.0)
    assert sorted(map(str, ordered)) == sorted(map(str, endpoints))
    if len(endpoints) > 1:
        assert [each.dead_until for each in ordered] == sorted(each.dead_until for each in ordered)


def test_it_shows_as_an_authority() -> None:
    assert (str(endpoint("::1")), str(endpoint("10.0.0.1"))) == ("[::1]:80", "10.0.0.1:80")
