"""A state file on a disk that hangs: control goes on, what it says of a change is true, and nothing is there twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from proxy.contracts.release import RouteState
from proxy.control.disk_thread import DiskThread
from proxy.control.state.anchor import Anchor
from proxy.control.state.keeper import Keeper
from proxy.control.state.ledger import Ledger
from proxy.control.state.patient_store import PatientStore
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import Change, entry_of
from tests.support.plane import PATIENCE


class Disk:
    """A disk that hangs while `free` is cleared, before or `after` it has written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
        self.free, self.after = threading.Event(), after
        self.free.set()
        append, attend = Store._append, Store.attend

        def held(store: Store, *what: object) -> None:
            if self.after:
                append(store, *what)  # type: ignore[arg-type]
            self.free.wait()
            if not self.after:
                append(store, *what)  # type: ignore[arg-type]

        def looked(store: Store) -> None:
            self.free.wait()
            attend(store)

        monkeypatch.setattr(Store, "_append", held)
        monkeypatch.setattr(Store, "attend", looked if not after else attend)
        self.thread = DiskThread(patience=PATIENCE, name="state")

    def hang(self) -> None:
        self.free.clear()
        self.thread._patience = 0.01

    def work(self) -> None:
        self.free.set()
        self.thread._patience = PATIENCE
        self.thread.waited(lambda: None)


@pytest.fixture(params=[False, True], ids=["before", "after"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(monkeypatch, request.param)
    yield made
    made.free.set()


@pytest.fixture
def store(tmp_path: Path, disk: Disk) -> Iterator[PatientStore]:
    made = PatientStore(str(tmp_path / "state.db"))
    made.use(disk.thread)
    yield made
    disk.work()
    made.close()


def state(percent: float, phase: str = "steady") -> RouteState:
    return RouteState("r", phase, "v1", {"v2": percent})  # type: ignore[arg-type]


def split(percent: float) -> Change:
    return Change("ops", "split", "r", f"{percent:g}")


def actions(store: Store) -> list[tuple[str, str]]:
    entries = [entry_of(link) for link in store.audit()]
    return [(entry.action, entry.why) for entry in entries]


def test_a_change_is_on_disk_once_it_is_acknowledged(store: PatientStore, tmp_path: Path) -> None:
    Ledger(store).record([state(5.0)], split(5.0), 1, 1.0)
    other = Store(str(tmp_path / "state.db"), write=False)
    assert other.states()["r"].split == {"v2": 5.0} and other.head == store.head
    other.close()


def test_a_change_that_the_disk_does_not_take_in_time_is_refused_and_stays_so(store: PatientStore, disk: Disk) -> None:
    ledger = Ledger(store)
    ledger.record([state(5.0)], split(5.0), 1, 1.0)
    disk.hang()
    with pytest.raises(StoreError, match="does not answer within"):
        ledger.record([state(50.0)], split(50.0), 2, 2.0)
    for _ in range(3):
        began = monotonic()
        with pytest.raises(StoreError, match="still does not answer"):
            ledger.record([state(60.0)], split(60.0), 3, 3.0)
        with pytest.raises(StoreError, match="still does not answer"):
            store.audit()
        assert monotonic() - began < PATIENCE / 2, "nobody waits again"
    disk.work()
    assert store.states()["r"].split == {"v2": 5.0}
    assert store.head.revision == 1, "a rollback that is stored nowhere is known by a table that is newer"
    told = actions(store)
    assert told[0] == ("split", "5") and ("split", "60") not in told
    assert len(told) in (1, 3) and (len(told) == 1 or "could not be proved stored" in told[2][1])
    ledger.record([state(7.0)], split(7.0), 4, 4.0)
    assert store.states()["r"].split == {"v2": 7.0} and actions(store)[-1] == ("split", "7")


def test_what_is_in_force_all_the_same_is_written_once(store: PatientStore, disk: Disk) -> None:
    ledger = Ledger(store)
    ledger.record([state(5.0)], split(5.0), 1, 1.0)
    disk.hang()
    ledger.keep([state(0.0, "rolled_back")], [Change("scorecard", "rollback", "r", "bad")], 2, 2.0)
    ledger.keep([state(0.0, "rolled_back")], [Change("scorecard", "notify", "r", "worse")], 3, 3.0)
    assert ledger.unsaved == 2 and "does not answer" in ledger.fault
    ledger.look(3, 3.5)
    disk.work()
    ledger.look(4, 4.0)
    assert ledger.unsaved == 0 and ledger.fault == ""
    assert [action for action, _ in actions(store)] == ["split", "rollback", "notify"]
    assert store.states()["r"].phase == "rolled_back"


def test_the_anchor_knows_a_rollback_that_a_disk_has_taken_late(
    store: PatientStore, disk: Disk, tmp_path: Path
) -> None:
    """Else an older state file in the place of this one would bring the version back."""
    anchor = Anchor(str(tmp_path / "anchor"))
    ledger = Ledger(store, anchor)
    ledger.record([state(5.0)], split(5.0), 1, 1.0)
    disk.hang()
    gone = RouteState("r", "rolled_back", "v1", {}, rolled_back=("v2",))
    ledger.keep([gone], [Change("scorecard", "rollback", "r", "bad")], 2, 2.0)
    disk.work()
    ledger.look(2, 3.0)
    assert [(line.count, line.rolled_back) for line in anchor.beyond({})] == [(1, {"r": ()}), (2, {"r": ("v2",)})]


def test_a_rollback_by_hand_that_a_disk_takes_late_is_not_taken_back(
    store: PatientStore, disk: Disk, tmp_path: Path
) -> None:
    """Control may be killed before it writes again."""
    keeper = Keeper(store, "")
    before, gone = state(50.0), RouteState("r", "rolled_back", "v1", {}, rolled_back=("v2",))
    assert keeper.record([state(0.0)], [before], split(50.0), 1, 1.0)
    disk.hang()
    assert not keeper.record([before], [gone], Change("ops", "rollback", "r", "bad"), 2, 2.0)
    disk.work()
    assert store.states()["r"] == gone
    keeper.ledger.look(2, 3.0)
    assert keeper.ledger.unsaved == 0 and [action for action, _ in actions(store)] == ["split", "rollback"]


def test_what_nobody_waits_for_holds_nobody(store: PatientStore, disk: Disk) -> None:
    ledger = Ledger(store)
    ledger.record([state(5.0)], split(5.0), 1, 1.0)
    store.remember({"r": b"evidence"})
    store.settle()
    assert store.remembered() == {"r": b"evidence"}
    disk.free.clear()
    began = monotonic()
    disk.thread.glance(disk.free.wait)
    for _ in range(3):
        store.attend()
        store.remember({"r": b"more"})
    assert monotonic() - began < PATIENCE / 2
    disk.work()


def test_a_process_ends_while_its_disk_hangs(tmp_path: Path, disk: Disk) -> None:
    store = PatientStore(str(tmp_path / "other.db"))
    store.use(disk.thread)
    disk.hang()
    with pytest.raises(StoreError):
        store.save([state(5.0)], [split(5.0)], 1, 1.0)
    store.close()
    disk.work()
    store.close()


def test_changes_are_stored_while_the_disk_of_the_anchor_hangs(
    store: PatientStore, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr("proxy.control.state.anchor._append", lambda path, line: held.wait())
    keeper = Keeper(store, str(tmp_path / "anchor"))
    keeper.use(disk.thread)
    thread = keeper.anchor._disk
    assert thread is not None
    thread._patience = 0.01
    for at in range(1, 4):
        assert keeper.record([state(0.0)], [state(float(at))], split(float(at)), at, float(at))
    assert store.states()["r"].split == {"v2": 3.0} and keeper.anchor.errors == 3
    held.set()


def test_an_anchor_that_hangs_refuses_nothing_and_is_counted(
    store: PatientStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, thread = threading.Event(), DiskThread(patience=0.01)
    monkeypatch.setattr("proxy.control.state.anchor._append", lambda path, line: held.wait())
    anchor = Anchor(str(tmp_path / "anchor"))
    anchor.use(thread)
    Ledger(store, anchor).record([state(5.0)], split(5.0), 1, 1.0)
    assert anchor.errors == 1 and "does not answer" in anchor.fault
    held.set()
