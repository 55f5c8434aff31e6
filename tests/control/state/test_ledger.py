"""The ledger: what is refused, what is in force before it is on disk, and what goes when the disk refuses too much."""

from __future__ import annotations

import logging

import pytest

from proxy.contracts.release import RouteState, Verdict
from proxy.control.state import ledger
from proxy.control.state.ledger import Ledger
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import Change, entry_of
from tests.support.full_disk import Disk

STEADY = RouteState("cancer", "steady", "v1")
FAILED = Verdict("error_rate", "fail", 3.0, 1.5, 20, 0, "error_rate ratio 3 > limit 1.5", version="v2")


def change(why: str = "because") -> Change:
    return Change("somebody", "split", "cancer", why, STEADY, STEADY)


def reasons(store: Store) -> list[str]:
    return [entry_of(link).why for link in reversed(store.newest(5000))]


def test_a_change_by_hand_is_written_or_refused() -> None:
    disk = Disk(":memory:")
    kept = Ledger(disk)
    kept.record((STEADY,), change("first"), 1, 0.0)
    disk.full = True
    with pytest.raises(StoreError):
        kept.record((STEADY,), change("refused"), 2, 1.0)
    assert (kept.unsaved, reasons(disk), disk.head.revision) == (0, ["first"], 1)
    assert kept.errors == 1


def test_looks_at_the_audit_that_fail_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(":memory:")
    kept = Ledger(disk)
    kept.record((STEADY,), change("first"), 1, 0.0)
    assert [len(kept.audit(10, after)) for after in (-1, 0, 1)] == [1, 1, 0]
    disk.close()
    for after in (-1, 0):
        with pytest.raises(StoreError):
            kept.audit(10, after)
    assert kept.at_rollback("cancer") == ()
    assert kept.errors == 3


def test_an_automatic_change_waits_for_the_disk_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(":memory:")
    kept = Ledger(disk)
    disk.full = True
    with caplog.at_level(logging.INFO, "penumbra.engine"):
        for why in ("one", "two"):
            kept.keep((STEADY,), (change(why),), 3, 0.0)
        assert (kept.unsaved, kept.errors, len(caplog.messages)) == (2, 2, 1)
        disk.full = False
        kept.keep((), (), 3, 1.0)
    assert (kept.unsaved, reasons(disk), disk.states()) == (0, ["one", "two"], {"cancer": STEADY})
    assert "works again" in caplog.messages[-1]


def test_a_change_by_hand_takes_along_what_waits() -> None:
    disk = Disk(":memory:")
    kept = Ledger(disk)
    disk.full = True
    kept.keep((), (change("automatic"),), 1, 0.0)
    disk.full = False
    kept.record((STEADY,), change("by hand"), 2, 1.0)
    assert (kept.unsaved, reasons(disk)) == (0, ["automatic", "by hand"])


def test_the_oldest_of_too_many_go_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_UNSAVED", 3)
    disk = Disk(":memory:")
    kept = Ledger(disk)
    disk.full = True
    for number in range(5):
        kept.keep((), (change(str(number)),), 1, 0.0)
    assert (kept.unsaved, kept.discarded) == (3, 2)
    disk.full = False
    kept.keep((), (), 1, 1.0)
    assert reasons(disk) == ["2", "3", "4"]


def test_what_was_known_at_a_rollback_is_in_the_audit() -> None:
    disk = Disk(":memory:")
    kept = Ledger(disk)
    back = RouteState("cancer", "rolled_back", "v1", rolled_back=("v2",))
    rollback = Change("scorecard", "rollback", "cancer", "bad", STEADY, back, evidence=(FAILED,))
    kept.record((back,), rollback, 1, 0.0)
    assert [(line.metric, line.outcome) for line in kept.at_rollback("cancer")] == [("error_rate", "fail")]
    assert kept.at_rollback("other") == ()
