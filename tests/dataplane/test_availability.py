"""Which available connection carries the next stream, and which ones go: decided on a list, without a pool."""

from __future__ import annotations

import socket

import pytest

from proxy.contracts.table import Version
from proxy.dataplane.availability import has_room, open_stream, pop_expired, pop_idle, take_user
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.members import Member
from proxy.dataplane.pool import Pool
from proxy.dataplane.ports import Connection, StreamUser
from tests.support.fakes import FakeConnection, FakeDialer

OWNER = Pool(Version("v1", "host", 80, "host:80"), 10, FakeDialer())


def member(host: str) -> Member:
    return Member(ServerEndpoint((socket.AF_INET, host, 80)))


class Crowded(FakeConnection):
    """One at which another connection should be at hand; `heard`: when its server was heard last."""

    heard = 0.0

    def is_crowded(self) -> bool:
        return self.open > 0

    def is_lively(self, now: float) -> bool:
        return self.heard >= now


def test_the_last_one_serves_and_leaves_the_list_once_it_is_full() -> None:
    first, last = FakeConnection(OWNER), FakeConnection(OWNER, limit=2)
    available: list[Connection] = [first, last]
    for opened, left in ([0, 1], [first, last]), ([0, 2], [first]), ([1, 2], []):
        assert open_stream(available, None) is not None
        assert ([first.open, last.open], available) == (opened, left)
    assert open_stream(available, None) is None


def test_one_that_was_told_to_open_no_more_is_dropped_on_the_way() -> None:
    first, last = FakeConnection(OWNER), FakeConnection(OWNER)
    last.close()
    available: list[Connection] = [first, last]
    assert open_stream(available, None) is first.streams[0] and available == []


@pytest.mark.parametrize(("wanted", "which"), [(0, 0), (1, 1), (2, None)])
def test_only_one_that_leads_to_whom_is_wanted_serves(wanted: int, which: int | None) -> None:
    members = [member("a"), member("b"), member("c")]
    connections = [FakeConnection(OWNER), FakeConnection(OWNER)]
    for connection, of in zip(connections, members, strict=False):
        connection.join(of)
    stream = open_stream(list(connections), members[wanted])
    assert stream is (None if which is None else connections[which].streams[0])


def test_where_it_must_be_lively_one_that_was_not_heard_lately_is_passed_over_and_stays() -> None:
    first, last = Crowded(OWNER), Crowded(OWNER)
    first.heard = 7.0
    available: list[Connection] = [first, last]
    assert open_stream(available, None, 5.0) is first.streams[0] and available == [last]
    assert open_stream(available, None, 5.0) is None and available == [last]


def test_there_is_room_while_one_to_whom_is_wanted_is_not_crowded() -> None:
    one, other = Crowded(OWNER, limit=9), Crowded(OWNER, limit=9)
    here, there = member("a"), member("b")
    one.join(here)
    other.join(there)
    one.open_stream()
    assert has_room([one, other], None) and has_room([one, other], there)
    assert not has_room([one, other], here) and not has_room([], None)


def test_the_one_that_has_been_idle_for_longest_goes_and_a_busy_one_stays() -> None:
    busy, idle, later = (FakeConnection(OWNER, limit=2) for _ in range(3))
    busy.open_stream()
    available: list[Connection] = [busy, idle, later]
    assert [pop_idle(available), pop_idle(available), pop_idle(available)] == [idle, later, None]
    assert available == [busy]


def test_expired_ones_go_at_once() -> None:
    old, new = FakeConnection(OWNER), FakeConnection(OWNER)
    old.expired = True
    available: list[Connection] = [old, new]
    assert pop_expired(available, 1.0) == [old] and available == [new]


class Other(StreamUser):
    """One whose request can be sent again."""


class Once(Other):
    """One whose request cannot."""

    def unrepeatable(self) -> bool:
        return True


def test_who_has_waited_for_longest_is_taken_and_who_needs_a_lively_connection_by_such_a_one() -> None:
    once, first, second = Once(1.0), Other(1.0), Other(1.0)
    lines: list[list[StreamUser]] = [[], [once, first], [second]]
    assert [take_user(lines, False) for _ in range(3)] == [first, second, None]
    assert lines == [[], [once], []]
    assert [take_user(lines, True) for _ in range(2)] == [once, None]
