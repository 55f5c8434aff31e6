"""The keeper: what by hand is in force without the disk, what is said of it, and times for people."""

from __future__ import annotations

import os

import pytest

from proxy.contracts.release import RouteState
from proxy.control.state.keeper import Keeper
from proxy.control.state.state_file import StoreError
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import Change, entry_of
from tests.support.full_disk import Disk

SPLIT = RouteState("r", "steady", "v1", split={"v2": 10.0})


def change(after: RouteState) -> Change:
    return Change("ops", "split", "r", "because", SPLIT, after)


def test_what_takes_traffic_off_is_in_force_without_the_disk_and_stored_later() -> None:
    disk = Disk(":memory:")
    keeper = Keeper(disk, "")
    disk.full = True
    back, more = transitions.rollback(SPLIT, (), "", 1.0), transitions.split(SPLIT, {"v2": 20.0}, "", 1.0)
    assert keeper.record((SPLIT,), (back,), change(back), 1, 1.0) is False
    with pytest.raises(StoreError):
        keeper.record((SPLIT,), (more,), change(more), 2, 1.0)
    assert keeper.warnings("r") == [
        "the state file takes no changes, so a restart may forget what is in force (1 not stored): the disk is full"
    ]
    disk.full = False
    keeper.ledger.look(2, 2.0)
    assert (disk.states(), keeper.warnings("r"), keeper.ledger.unsaved) == ({"r": back}, [], 0)
    assert keeper.record((back,), (more,), change(more), 3, 3.0) is True


def test_the_audit_shows_the_wall_clock() -> None:
    clock = SteadyClock((100.0, 5.0, "a"), 1000.0, lambda: 5.0, "a", lambda: 5.0)
    disk = Disk(":memory:")
    keeper = Keeper(disk, "", clock)
    keeper.record((SPLIT,), (SPLIT,), change(SPLIT), 1, clock())
    assert entry_of(disk.newest(1)[0]).at == 1000.0
    assert (keeper.unix(100.0), keeper.unix(0.0)) == (1000.0, 0.0)


def test_a_file_that_vanished_is_written_anew_before_anybody_needs_it(tmp_path: object) -> None:
    path = f"{tmp_path}/p.db"
    store = Store(path)
    keeper = Keeper(store, f"{path}.anchor")
    keeper.record((SPLIT,), (SPLIT,), change(SPLIT), 1, 1.0)

    for ending in ("", "-wal", "-shm"):
        os.unlink(path + ending)
    keeper.ledger.look(1, 10.0)
    assert keeper.mended == {"renewed": 1, "damaged_row": 0, "salvaged": 0}
    store.close()
    again = Keeper(Store(path), f"{path}.anchor")
    again.begin(["r"])
    assert again.stored == {"r": SPLIT}
    assert (again.recovered.faults, again.head.count) == ((), 1)
