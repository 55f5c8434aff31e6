"""What every store of a fleet does, as tests that take one: memory's own, and the real server's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from proxy.control.fleet.store import NOWHERE, Collected, FleetStore, FollowedTable, Report
from proxy.release.audit import GENESIS, Change, Link, seal

StoreTest = Callable[[FleetStore], Awaitable[None]]


def links(count: int) -> list[Link]:
    """A chain of so many entries."""
    made: list[Link] = []
    for number in range(1, count + 1):
        change = Change("ada", "split", "r", f"reason {number} ü")
        made.append(seal(change, number, made[-1].hash if made else GENESIS, 1.0))
    return made


def plain(collected: Collected) -> list[tuple[str, str, int, bytes | None]]:
    """Reports without their age, which is the server's."""
    return [(row.instance, row.epoch, row.seq, row.body) for row in collected.reports]


def timeless(collected: Collected) -> Collected:
    """Without the time, which is the server's."""
    return replace(collected, time=0.0)


async def one_judges(store: FleetStore) -> None:
    """The first to ask has the term, and keeps it while it renews; by another stamp it gets a larger one."""
    first = await store.acquire("a", 0, "x")
    assert (first.judge, first.term, first.stamp) == ("a", 1, "x")
    assert await store.acquire("b", 0, "y") == first
    assert await store.acquire("b", 7, "x") == first
    assert await store.acquire("a", 7, "x") == first
    again = await store.acquire("a", 1, "z")
    assert (again.judge, again.term, again.stamp) == ("a", 2, "z")


async def terms_have_a_floor(store: FleetStore) -> None:
    """A store that came back empty goes on above what a sidecar has seen."""
    assert (await store.acquire("a|b", 41, "x")).term == 42
    assert (await store.acquire("a|b", 41, "x")).judge == "a|b"


async def a_report_is_taken_once(store: FleetStore) -> None:
    """Lost, repeated and reordered reports cost nothing."""
    heard = await store.report(Report("a", "e1", 2, b"two"))
    assert (heard.judge, heard.place, heard.labels) == ("", NOWHERE, ())
    await store.report(Report("a", "e1", 1, b"one"))
    await store.report(Report("a", "e1", 2, b"other"))
    await store.report(Report("a:b", "e2", 1, b"\x00\xff"))
    assert plain(await store.collect({}, NOWHERE)) == [("a", "e1", 2, b"two"), ("a:b", "e2", 1, b"\x00\xff")]
    assert plain(await store.collect({("a", "e1"): 2}, NOWHERE)) == [
        ("a", "e1", 2, None),
        ("a:b", "e2", 1, b"\x00\xff"),
    ]
    assert all(row.age >= 0.0 for row in (await store.collect({}, NOWHERE)).reports)


async def a_look_is_committed_once(store: FleetStore) -> None:
    """Only the holder of the term, and only from the value that is in the store."""
    assert await store.table() is None
    assert timeless(await store.collect({}, NOWHERE)) == Collected(NOWHERE, None, ())
    assert await store.commit(NOWHERE, (1, 1, "x"), b"nobody", b"judges") == "other_term"
    held = await store.acquire("a", 0, "x")
    chain, first, second = links(5), held.place(1), held.place(2)
    assert await store.commit(NOWHERE, (held.term, 1, "y"), b"of another stamp", b"") == "other_term"
    assert await store.commit(NOWHERE, first, b"first", b"table 1", chain[:2], 2) == "done"
    assert await store.commit(NOWHERE, first, b"again", b"", chain[:2]) == "other_place"
    assert await store.commit(second, held.place(3), b"beyond", b"") == "other_place"
    assert await store.commit((held.term, 1, "y"), second, b"of another", b"") == "other_place"
    assert await store.commit(first, (held.term + 1, 2, "x"), b"of another", b"") == "other_term"
    assert await store.commit(first, second, b"\x00\xff", b"table 2", chain[2:], 5) == "done"
    assert await store.table() == FollowedTable(second, b"table 2", tuple(chain))
    assert await store.table(3) == FollowedTable(second, b"table 2", tuple(chain[3:]))
    assert await store.table(5) == FollowedTable(second, b"table 2")
    assert timeless(await store.collect({}, first)) == Collected(second, b"\x00\xff", ())
    assert timeless(await store.collect({}, second)) == Collected(second, None, ())
    heard = await store.report(Report("b", "e", 1, b""))
    assert (heard.judge, heard.place) == ("a", second)


async def labels_reach_everybody_once(store: FleetStore) -> None:
    """Each sidecar takes the labels that were given to any of them, in order, whatever is sent twice."""
    start = (await store.report(Report("b", "e", 1, b""))).labels_after
    await store.report(Report("a", "e", 1, b"", (b"one", b"two")))
    await store.report(Report("a", "e", 2, b"", (b"two", b"three"), 1))
    heard = await store.report(Report("b", "e", 2, b"", (), 0, start))
    assert heard.labels == (b"one", b"two", b"three")
    assert (await store.report(Report("b", "e", 3, b"", (), 0, heard.labels_after))).labels == ()
    assert (await store.report(Report("c", "e", 1, b""))).labels == ()


async def its_time_goes_on(store: FleetStore) -> None:
    """Deadlines are by it, and reports and looks are told the same one."""
    first = (await store.report(Report("a", "e", 1, b""))).time
    second = (await store.collect({}, NOWHERE)).time
    assert 0.0 <= first <= second <= (await store.report(Report("a", "e", 2, b""))).time


EVERY: tuple[StoreTest, ...] = (
    one_judges,
    terms_have_a_floor,
    a_report_is_taken_once,
    a_look_is_committed_once,
    labels_reach_everybody_once,
    its_time_goes_on,
)
