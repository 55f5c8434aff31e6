"""What is known of a version's name, told answer by answer."""

from __future__ import annotations

import socket

import pytest

from proxy.dataplane.endpoints import LEAST_WEIGHT, Address, Found
from proxy.dataplane.name import (
    BUSY_SECONDS,
    FAILED_SECONDS,
    IDLE_SECONDS,
    LEAST_TTL,
    MOST_TTL,
    SOON_SECONDS,
    STALE_SECONDS,
    Name,
)

V4 = int(socket.AF_INET)
A, B = (V4, "10.0.0.1", 80), (V4, "10.0.0.2", 80)


def named(*addresses: Address) -> Name:
    name = Name()
    name.answered(Found(list(addresses)), 0.0)
    return name


def test_an_address_is_never_looked_up() -> None:
    name = Name([A])
    assert [each.address for each in name.current(0.0)] == [A]
    assert not (name.is_due(1e9) or name.is_old(1e9) or name.is_unknown())


def test_a_name_in_use_is_looked_up_more_often() -> None:
    name = named(A)
    assert (name.is_due(BUSY_SECONDS), name.is_due(IDLE_SECONDS)) == (False, True)
    name.busy = True
    assert (name.is_due(BUSY_SECONDS - 0.1), name.is_due(BUSY_SECONDS)) == (False, True)


def test_an_address_is_gone_after_two_answers_without_it_and_the_second_is_asked_for_soon() -> None:
    name = named(A)
    (old,) = name.endpoints
    assert name.answered(Found([B]), 5.0)
    assert not old.gone and [each.address for each in name.current(5.0)] == [B]
    assert name.is_due(5.0 + SOON_SECONDS)
    assert not name.answered(Found([B]), 6.0)
    assert old.gone and not name.leaving


def test_an_address_that_comes_back_is_the_same_one() -> None:
    name = named(A)
    (old,) = name.endpoints
    name.answered(Found([B]), 5.0)
    name.answered(Found([B, A, A]), 6.0)
    assert name.endpoints[1] is old and not old.gone and len(name.endpoints) == 2
    name.answered(Found([B]), 7.0)
    assert not old.gone


def test_a_resolver_that_takes_turns_closes_nothing() -> None:
    name = named(A)
    (old,) = name.endpoints
    for i in range(20):
        name.answered(Found([(A, B)[i % 2]]), float(i))
    assert not old.gone and not any(each.gone for each in (*name.endpoints, *name.leaving))


def test_a_name_that_does_not_exist_fails_at_once_and_is_asked_for_again_soon() -> None:
    name = named(A)
    assert name.failed(socket.EAI_NONAME, "no such name", 5.0)
    with pytest.raises(socket.gaierror, match="no such name"):
        name.current(5.0)
    assert not name.endpoints[0].gone, "connections that are there serve on"
    assert not name.failed(socket.EAI_NONAME, "no such name", 7.0)
    assert (name.is_due(7.0 + FAILED_SECONDS - 0.1), name.is_due(7.0 + FAILED_SECONDS)) == (False, True)
    name.answered(Found([A]), 9.0)
    assert name.current(9.0)


def test_the_last_addresses_serve_on_while_no_name_server_answers() -> None:
    name = named(A)
    name.failed(socket.EAI_AGAIN, "try again", 5.0)
    assert name.current(STALE_SECONDS - 1)
    with pytest.raises(socket.gaierror, match="try again"):
        name.current(STALE_SECONDS)


def test_nobody_waits_for_what_somebody_has_waited_for_in_vain() -> None:
    name = Name()
    assert name.is_unknown()
    name.vain = True
    assert not name.is_unknown()
    with pytest.raises(socket.gaierror, match="not answered yet") as failure:
        name.current(0.0)
    assert failure.value.errno == socket.EAI_AGAIN
    name.failed(socket.EAI_AGAIN, "try again", 5.0)
    assert not name.vain and not name.is_unknown()


def test_old_addresses_are_worth_a_short_wait_for_new_ones() -> None:
    name = named(A)
    assert (name.is_old(BUSY_SECONDS), name.is_old(BUSY_SECONDS + 0.1)) == (False, True)
    name.vain = True
    assert not name.is_old(BUSY_SECONDS + 0.1)


def test_an_answer_holds_as_long_as_it_says_within_bounds() -> None:
    for ttl, seconds in ((None, BUSY_SECONDS), (0.0, LEAST_TTL), (20.0, 20.0), (86400.0, MOST_TTL)):
        name = Name()
        name.answered(Found([A], ttl), 0.0)
        name.busy = True
        assert (name.is_due(seconds - 0.1), name.is_due(seconds), name.is_old(seconds + 0.1)) == (False, True, True)


def test_ranks_of_a_service_are_heard_anew_with_each_answer() -> None:
    name = Name()
    for priority, weight, counts in ((1, 5, 5.0), (0, 0, LEAST_WEIGHT)):
        name.answered(Found([A], None, {A: (priority, weight)}), 0.0)
        (only,) = name.endpoints
        assert (only.priority, only.weight) == (priority, counts)
