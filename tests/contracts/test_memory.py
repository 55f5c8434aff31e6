"""The division of the memory: budgets and what processes take when idle are the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts import memory

WORKERS = st.integers(1, 256)


def idle(workers: int) -> int:
    return memory.IDLE_SUPERVISOR + memory.IDLE_CONTROL + workers * memory.IDLE_WORKER


@given(WORKERS, st.integers(0, 1 << 40))
def test_the_parts_are_the_whole(workers: int, beyond: int) -> None:
    total = memory.least(workers) + beyond
    control, worker = memory.control_budget(total, workers), memory.worker_budget(total, workers)
    assert min(control, worker) >= memory.LEAST_BUDGET
    assert 0 <= total - idle(workers) - control - workers * worker <= workers + 1


def test_less_than_the_least_is_no_negative_budget() -> None:
    assert memory.control_budget(0, 3) == memory.worker_budget(0, 3) == memory.LEAST_BUDGET


def test_512_mib_for_one_worker() -> None:
    total = 512 * memory.MIB
    assert memory.control_budget(total, 1) // memory.MIB == 146
    assert memory.worker_budget(total, 1) // memory.MIB == 261
