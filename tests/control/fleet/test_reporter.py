"""Reports: each label once and in order, counts of one epoch only, and no evidence that is too old."""

from __future__ import annotations

import asyncio
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import Tick
from proxy.control.fleet import counts
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.memory_store import MemoryStore
from proxy.control.fleet.reporter import LATE_SECONDS, MAX_WAITING_LABELS, Reporter
from proxy.control.fleet.store import LABELS_A_REPORT, NOWHERE, Heard, Report
from tests.control.houses import arm

HEARD = Heard("", NOWHERE)


def reporter() -> tuple[Reporter, Counting]:
    counting, names = Counting(), count(1)
    return Reporter("a", counting, lambda: f"e{next(names)}", 0.0), counting


def written(counting: Counting) -> bytes:
    return counts.encoded(counting.cells)


def legs(counting: Counting, n: int) -> None:
    counting.on_tick(Tick(0, "w", 1, 1, arms=[arm("v2", "canary", n)]))


def test_reports_are_numbered_and_hold_everything_again() -> None:
    made, counting = reporter()
    legs(counting, 3)
    first = made.next(written, 1.0)
    legs(counting, 4)
    second = made.next(written, 2.0)
    assert [(each.instance, each.epoch, each.seq) for each in (first, second)] == [("a", "e1", 1), ("a", "e1", 2)]
    assert [sum(cell.values()) for cell in counts.decoded(second.body).values()] == [7]


def test_counts_that_waited_too_long_are_told_and_no_evidence() -> None:
    made, counting = reporter()
    legs(counting, 5)
    made.answered(made.next(written, 10.0), HEARD, 10.0)
    legs(counting, 3)
    assert made.next(written, 10.0 + LATE_SECONDS).epoch == "e1"
    assert made.late_legs == 0
    late = made.next(written, 10.5 + LATE_SECONDS)
    assert (late.epoch, late.seq, counts.decoded(late.body)) == ("e2", 1, {})
    assert made.late_legs == 3, "the five that were reported are evidence, and not late"


def test_late_legs_add_up_over_outages() -> None:
    made, counting = reporter()
    for outage in range(1, 4):
        legs(counting, 2)
        made.next(written, outage * (LATE_SECONDS + 1.0))
        assert made.late_legs == 2 * outage


def test_the_answer_to_an_epoch_that_has_ended_moves_nothing() -> None:
    made, _ = reporter()
    made.add_labels([b"one"])
    old = made.next(written, 1.0)
    made.next(written, 2.0 + LATE_SECONDS)
    assert made.answered(old, Heard("", NOWHERE, (b"theirs",), "9"), 1.0) == ()
    again = made.next(written, 3.0 + LATE_SECONDS)
    assert (again.labels, again.labels_before, again.labels_after) == ((b"one",), 0, "")


def test_a_large_epoch_ends_with_a_report_that_was_answered() -> None:
    made, counting = reporter()
    for at in range(counts.MAX_CELLS):
        counts.add(counting.cells, ("rows", at), {"n": 1})
    full = made.next(written, 1.0)
    assert made.next(written, 2.0).epoch == full.epoch == "e1"
    made.answered(full, HEARD, 1.0)
    after = made.next(written, 3.0)
    assert (after.epoch, after.seq, counts.decoded(after.body)) == ("e2", 1, {})
    assert made.late_legs == 0


def test_labels_without_a_place_are_refused_and_counted() -> None:
    made, _ = reporter()
    assert made.add_labels([b"x"] * (MAX_WAITING_LABELS - 1)) == 0
    assert made.add_labels([b"y"] * 3) == 2
    assert made.refused_labels == 2
    assert len(made.next(written, 1.0).labels) == LABELS_A_REPORT


steps = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["through", "lost", "answer lost"])), max_size=12)


@given(steps)
def test_every_label_comes_once_and_in_order_whatever_is_lost(turns: list[tuple[int, str]]) -> None:
    store = MemoryStore(lambda: 0.0)
    made, _ = reporter()
    given_labels: list[bytes] = []
    names = count()

    async def turn(how: str) -> None:
        report = made.next(written, 0.0)
        if how != "lost":
            heard = await store.report(report)
            if how == "through":
                made.answered(report, heard, 0.0)

    async def run() -> tuple[bytes, ...]:
        start = (await store.report(Report("z", "e", 1, b""))).labels_after
        for many, how in [*turns, (0, "through")]:
            fresh = [str(next(names)).encode() for _ in range(many)]
            given_labels.extend(fresh)
            made.add_labels(fresh)
            await turn(how)
        return (await store.report(Report("z", "e", 2, b"", (), 0, start))).labels

    assert list(asyncio.run(run())) == given_labels
