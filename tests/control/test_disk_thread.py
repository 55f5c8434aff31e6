"""The thread of a file: who waits for a disk waits for so long and no longer, and nothing is done twice."""

from __future__ import annotations

import asyncio
import threading

import pytest

from proxy.control.disk_thread import DiskHangsError, DiskThread


def test_a_call_returns_and_raises_as_its_work_does() -> None:
    async def story() -> None:
        disk = DiskThread()
        assert await disk.call(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await disk.call(lambda: 1 // 0)
        names = {await disk.call(lambda: threading.current_thread().name) for _ in range(3)}
        assert names == {"history"} and not disk.hangs

    asyncio.run(story())


def test_a_call_that_hangs_is_given_up_and_no_other_is_begun_until_it_has_come_back() -> None:
    async def story() -> None:
        disk, released, done = DiskThread(patience=0.05), threading.Event(), list[int]()

        def hanging() -> None:
            released.wait()
            done.append(1)

        with pytest.raises(DiskHangsError, match="within 50 ms"):
            await disk.call(hanging)
        for _ in range(3):
            with pytest.raises(DiskHangsError, match="still"):
                await disk.call(lambda: done.append(2))
        assert disk.hangs and done == []
        released.set()
        while disk.hangs:  # noqa: ASYNC110  a thread's work is no event of this loop
            await asyncio.sleep(0.001)
        await disk.call(lambda: done.append(3))
        assert done == [1, 3], "what was given up was done, what was refused was not"

    asyncio.run(story())


def test_a_call_that_comes_back_when_nobody_is_left_harms_nothing() -> None:
    released = threading.Event()
    disk = DiskThread(patience=0.01)

    async def story() -> None:
        with pytest.raises(DiskHangsError):
            await disk.call(released.wait)

    asyncio.run(story())
    released.set()
    while disk.hangs:
        threading.Event().wait(0.001)


def test_where_no_thread_can_begin_the_call_is_refused_and_the_next_one_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    disk = DiskThread()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        with pytest.raises(DiskHangsError, match="can't start new thread"):
            disk.waited(lambda: 7)
    assert not disk.hangs and disk.waited(lambda: 7) == 7
