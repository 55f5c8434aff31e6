"""Where a table is in force is what workers have said, and how many of them there ought to be."""

from __future__ import annotations

import pytest

from proxy.contracts.record import Tick
from proxy.control.api.in_force import in_force
from proxy.link.frames import Hello
from proxy.link.server import MAX_SILENT_LOOKS, WorkerStatus
from proxy.release import transitions
from tests.control.houses import House, section, settings


def worker(index: int, revision: int, delay: float | None, leased: bool = True) -> WorkerStatus:
    status = WorkerStatus(Hello(index, "a", 4711))
    status.last = Tick(index, "a", 1, revision, leased=leased)
    status.delays = {} if delay is None else {revision: delay}
    return status


def silent(status: WorkerStatus) -> WorkerStatus:
    status.silent = MAX_SILENT_LOOKS + 1
    return status


def test_all_workers_have_said_so(house: House) -> None:
    now = house.engine.revision
    shown = in_force(house.engine, "cancer", [worker(0, now, 0.1), worker(1, now, 0.40012)], None)
    assert shown == {"table": now, "workers": [2, 2], "sidecars": None, "everywhere": True, "seconds": 0.4}


@pytest.mark.parametrize("other", ["behind", "silent", "away", "unleased", "ahead"])
def test_one_has_not(house: House, other: str) -> None:
    now = house.engine.revision
    known = {
        "behind": worker(1, now - 1, None),
        "silent": silent(worker(1, now, 0.1)),
        "away": WorkerStatus(Hello(1, "", 0)),
        "unleased": worker(1, now, 0.1, leased=False),
        "ahead": worker(1, now + 1, None),
    }
    shown = in_force(house.engine, "cancer", [worker(0, now, 0.1), known[other]], None)
    assert (shown["workers"], shown["everywhere"], shown["seconds"]) == ([1, 2], False, None)


def test_where_nobody_ever_came_it_is_in_force_nowhere(house: House) -> None:
    shown = in_force(house.engine, "cancer", [], None)
    assert (shown["workers"], shown["everywhere"], shown["seconds"]) == ([0, 0], False, None)


def test_a_change_of_one_route_leaves_what_is_said_of_others() -> None:
    house = House(settings(section("r"), section("s")))
    now = house.engine.revision
    workers = [worker(0, now, 0.1)]
    before = in_force(house.engine, "s", workers, None)
    house.engine.command("r", "rollback", lambda state: transitions.rollback(state, (), "", 0.0), "ops", "", 0.0)
    assert in_force(house.engine, "s", workers, None) == before
    assert in_force(house.engine, "r", workers, None)["workers"] == [0, 1]
    workers[0].last = Tick(0, "a", 2, now + 1)
    workers[0].delays[now + 1] = 0.2
    assert in_force(house.engine, "r", workers, None)["seconds"] == 0.2
    assert in_force(house.engine, "s", workers, None) == before
