"""Handshakes under way, without any: limits, turns, times."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from proxy.contracts.client_bounds import ClientBounds
from proxy.dataplane.memory import REQUESTS
from proxy.dataplane.secured.admission import CLIENTS_PART, Admission, Shaking
from tests.support.fakes import Bench
from tests.support.plane import route


class Shake(Shaking):
    """Writes down what it is told."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.told: list[str] = []

    def step(self, now: float) -> None:
        self.told.append("step")
        if self.told.count("step") > 10:
            raise ValueError("broken")

    def give_up(self, result: str) -> None:
        self.told.append(result)
        self.admission.left(self)


class Hall:
    def __init__(self, clients: int = 100, **bounds: float) -> None:
        self.bench = Bench(route())
        self.shared = self.bench.shared
        self.shared.bounds = replace(ClientBounds(), **bounds)
        self.shared.max_clients = clients
        self.turns: list[Callable[[], None]] = []
        self.admission = Admission(self.shared, self.turns.append)

    def come(self) -> tuple[Shake, bool]:
        one = Shake(self.admission)
        return one, self.admission.admit(one, 0.0)

    def begin(self) -> Shake:
        """One whose first words have come; it waits for its turn."""
        one, admitted = self.come()
        assert admitted
        self.admission.ask_for_turn(one)
        return one

    def turn(self) -> None:
        self.turns.pop(0)()

    def results(self) -> dict[tuple[str, str], int]:
        return {(side, result): count for (side, result), count in self.bench.tally._handshakes.items()}


def test_one_more_that_begins_takes_the_place_of_the_one_that_has_waited_longest_for_its_client() -> None:
    hall = Hall(handshakes=2)
    slow, slower, new = hall.begin(), hall.begin(), hall.begin()
    for _ in range(3):
        hall.turn()
    assert (slow.told, slower.told, new.told) == (["step", "too_many"], ["step"], ["step"])
    assert hall.admission.begun == 2


def test_what_has_begun_goes_on_before_anything_else_begins() -> None:
    """So no more have begun than clients are slow, however many come in the same moment."""
    hall = Hall(clients=4000, handshakes=2)
    ones = [hall.begin() for _ in range(1000)]
    for one in ones:
        hall.turn()
        assert one.told == ["step"] and hall.admission.begun == 1
        hall.admission.ask_for_turn(one)
        hall.turn()
        assert one.told == ["step", "step"]
        hall.admission.left(one)
    assert not hall.turns and not hall.results()


def test_one_too_many_takes_the_place_of_the_one_that_has_been_silent_longest() -> None:
    hall = Hall(clients=3 * CLIENTS_PART)
    busy, silent, later = hall.begin(), hall.come()[0], hall.come()[0]
    assert hall.come()[1]
    assert (busy.told, silent.told, later.told) == ([], ["too_many"], [])


def test_where_all_wait_for_this_worker_one_too_many_is_turned_away() -> None:
    hall = Hall(clients=2 * CLIENTS_PART)
    for _ in range(2):
        hall.begin()
    assert not hall.come()[1] and hall.results() == {("client", "too_many"): 1}


def test_who_has_gone_while_in_line_takes_nobodys_place() -> None:
    hall = Hall(handshakes=1)
    slow, gone, new = hall.begin(), hall.begin(), hall.begin()
    hall.admission.left(gone)
    hall.turn()
    hall.turn()
    assert slow.told == ["step"]
    hall.turn()
    assert slow.told == ["step", "too_many"] and new.told == ["step"]


@pytest.mark.parametrize(("clients", "limit"), [(100, 100 // CLIENTS_PART), (2, 1), (10_000, 512)])
def test_handshakes_are_a_part_of_the_clients(clients: int, limit: int) -> None:
    assert Hall(clients).admission.limit == limit


def test_handshakes_count_as_clients_do() -> None:
    hall = Hall(clients=CLIENTS_PART, handshakes=10)
    one = hall.begin()
    assert hall.shared.shaking == 1 and not hall.come()[1]
    hall.admission.left(one)
    assert hall.shared.shaking == 0 and hall.come()[1]


def test_there_is_none_without_memory_nor_while_the_worker_drains() -> None:
    hall = Hall()
    hall.bench.memory.insist(REQUESTS, hall.bench.memory.limit)
    assert not hall.come()[1]
    hall.bench.memory.give(REQUESTS, hall.bench.memory.limit)
    assert hall.come()[1]
    hall.shared.draining = True
    assert not hall.come()[1]


def test_each_turn_of_the_loop_is_one_step() -> None:
    hall = Hall()
    ones = [hall.come()[0] for _ in range(3)]
    for one in ones:
        hall.admission.ask_for_turn(one)
    for done in (1, 2, 3):
        assert len(hall.turns) == 1
        hall.turns.pop()()
        assert [one.told for one in ones].count(["step"]) == done
    assert not hall.turns


def test_each_has_its_time_and_a_shorter_one_while_the_worker_drains() -> None:
    hall = Hall(handshake_timeout=5.0)
    one = hall.come()[0]
    hall.admission.sweep(4.9)
    assert not one.told
    hall.admission.sweep(5.0)
    assert one.told == ["timeout"] and not hall.admission.under_way
    late = hall.come()[0]
    hall.admission.drain(0.0)
    hall.admission.sweep(hall.shared.timings.drain_idle)
    assert late.told == ["timeout"]


def test_a_step_that_is_broken_ends_that_one() -> None:
    hall = Hall()
    one = hall.come()[0]
    one.told = ["step"] * 10
    hall.admission.ask_for_turn(one)
    hall.turns.pop()()
    assert one.told[-1] == "other"


def test_each_kind_of_failure_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    hall = Hall()
    with caplog.at_level(logging.WARNING, "penumbra.worker"):
        for now in (0.0, 1.0, 61.0):
            hall.admission.count("expired", "its detail", now)
        hall.admission.count("untrusted", "", 61.0)
        hall.admission.count("ok", "", 61.0)
    assert [record.getMessage().count("expired") for record in caplog.records] == [1, 1, 0]
    assert hall.results() == {("client", "expired"): 3, ("client", "untrusted"): 1, ("client", "ok"): 1}
