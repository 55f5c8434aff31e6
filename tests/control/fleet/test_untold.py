"""What a judge may have died with is told by the next one, once in each process."""

from __future__ import annotations

from proxy.contracts.release import RouteState
from proxy.control.fleet.untold import MAX_AGAIN, MAX_AGE_SECONDS, UNKNOWN, Teller, change_of, told
from proxy.control.messages.changes import event_of
from proxy.control.state.store import Store
from proxy.release.audit import Change, entry_of

NOW = 10_000.0


def change(n: int) -> Change:
    return Change("scorecard", "rollback", "r", f"why {n}", None, RouteState("r", "rolled_back", "v1"))


def audit(*times: float) -> Store:
    """An audit with an entry at each time."""
    store = Store(":memory:")
    for n, at in enumerate(times, 1):
        store.save((), [change(n)], n, at)
    return store


def heard_by(after: int, end: int, store: Store) -> list[tuple[str, float]]:
    heard: list[tuple[str, float]] = []
    teller = Teller(lambda each, at: heard.append((each.why, at)), told)
    teller.begin(after, end)
    teller.catch_up(store, NOW)
    return heard


def test_what_is_beyond_what_was_delivered_is_told_in_order() -> None:
    store = audit(NOW - 30, NOW - 20, NOW - 10)
    assert heard_by(1, 3, store) == [("why 2", NOW - 20), ("why 3", NOW - 10)]
    assert heard_by(1, 2, store) == [("why 2", NOW - 20)], "the rest is of the judge that begins"
    assert heard_by(3, 3, store) == []


def test_an_older_program_said_nothing_so_nothing_is_told_again() -> None:
    assert heard_by(UNKNOWN, 3, audit(NOW, NOW, NOW)) == []


def test_what_is_old_or_too_much_is_not_told() -> None:
    assert heard_by(0, 2, audit(NOW - MAX_AGE_SECONDS - 1, NOW)) == [("why 2", NOW)]
    assert len(heard_by(0, MAX_AGAIN + 20, audit(*[NOW] * (MAX_AGAIN + 20)))) == MAX_AGAIN


def test_it_waits_until_the_copy_of_the_audit_has_it_and_is_not_done_before() -> None:
    heard: list[str] = []
    teller = Teller(lambda each, at: heard.append(each.why), told)
    teller.begin(0, 2)
    teller.catch_up(audit(NOW), NOW)
    assert heard == [] and not teller.is_done()
    teller.catch_up(audit(NOW, NOW), NOW)
    assert heard == ["why 1", "why 2"] and teller.is_done()


def test_one_process_tells_once_however_often_it_begins_to_judge() -> None:
    heard: list[str] = []
    teller = Teller(lambda each, at: heard.append(each.why), told)
    teller.listen(change(1), NOW)
    for _ in range(3):
        teller.begin(0, 2)
        teller.catch_up(audit(NOW, NOW + 1), NOW)
    assert heard == ["why 1", "why 2"]


def test_nothing_is_done_while_something_waits_to_be_delivered() -> None:
    assert not Teller(lambda each, at: None, lambda: False).is_done()


def test_an_entry_is_the_change_that_it_was_made_of() -> None:
    (link,) = audit(NOW).audit()
    again = change_of(entry_of(link))
    assert (again.who, again.action, again.why, event_of(again)) == ("scorecard", "rollback", "why 1", "rollback")
