"""The queue between link and statistics: in order, bounded, and nothing is lost that is not counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import Tick
from proxy.link.backlog import MAX_PART, MAX_WAIT, Backlog, WaitingTick
from proxy.link.frames import Records
from tests.support.records import record

STEPS = st.one_of(
    st.tuples(st.just("records"), st.integers(0, 2 * MAX_PART), st.integers(0, 600)),
    st.tuples(st.just("tick"), st.just(0), st.just(0)),
    st.tuples(st.just("work"), st.integers(1, MAX_PART), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 4), st.just(0)),
)
RECORD = record()


@given(st.lists(STEPS, max_size=40))
def test_order_bounds_and_counts(steps: list[tuple[str, int, int]]) -> None:
    backlog: Backlog[int] = Backlog(max_bytes=1000)
    now, sent, ticks, taken = 0.0, 0, 0, 0
    heard: list[int] = []

    def work(most: int) -> None:
        nonlocal taken
        waiting = backlog.next(now)
        if isinstance(waiting, WaitingTick):
            heard.append(waiting.end)
        elif waiting is not None:
            assert now - waiting.since <= MAX_WAIT
            part = waiting.part().records
            assert len(part) <= MAX_PART
            heard.append(waiting.batch.worker)
            backlog.took(waiting, max(min(most, len(part)), 1))
            taken += min(most, len(part))

    for number, (what, count, size) in enumerate(steps, 1):
        if what == "records":
            backlog.put_records(Records(number, "a", [RECORD] * count), size, now)
            sent += count
        elif what == "tick":
            backlog.put_tick(number, Tick(0, "a", number, 1))
            ticks += 1
        elif what == "work":
            work(count)
        else:
            now += count * MAX_WAIT / 2
        assert backlog._bytes == sum(getattr(each, "size", 0) for each in backlog._queue) <= 1000
    while backlog:
        work(MAX_PART)
    assert heard == sorted(heard)
    assert sent == taken + sum(backlog.take_shed().values())
    assert ticks == len({each for each in heard if steps[each - 1][0] == "tick"})
    assert backlog._bytes == 0


def test_the_oldest_batch_makes_room_and_ticks_stay() -> None:
    backlog: Backlog[str] = Backlog(max_bytes=10)
    backlog.put_records(Records(0, "a", [RECORD] * 3), 6, 0.0)
    backlog.put_tick("first", Tick(0, "a", 1, 1))
    backlog.put_records(Records(0, "a", [RECORD] * 2), 6, 0.0)
    assert backlog.take_shed() == {"backlog_full": 3}
    waiting = backlog.next(0.0)
    assert isinstance(waiting, WaitingTick) and waiting.end == "first"
    assert backlog.next(2 * MAX_WAIT) is None
    assert backlog.take_shed() == {"backlog_late": 2} and not backlog.take_shed()
