"""The thread that the file of the history is used in: a disk that hangs holds this thread, and nobody who waits for it.

Calls are made one after the other. Who waits for one gets `DiskHangsError` after `PATIENCE`; as long as the call hangs
no other is begun, so nothing queues up, and what one of them has done before it was given up it has done. The thread
keeps no process from its end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from proxy.contracts.durations import in_units

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds that one may wait for the disk: what is read or written at once takes it milliseconds."""


class DiskHangsError(Exception):
    """A call has not come back."""


class DiskThread:
    """`call` runs something in the thread, which begins with the first one."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: Future[Any] | None = None

    @property
    def hangs(self) -> bool:
        """Whether a call that was given up has still not come back."""
        return self._last is not None and not self._last.done()

    def look(self) -> None:
        """To be asked before what a call is given is put together: one that was given up may change it until it comes
        back. Raises DiskHangsError."""
        if self.hangs:
            raise DiskHangsError("the disk still does not answer")

    async def call(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. One caller at a time. Raises DiskHangsError."""
        self.look()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="history", daemon=True)
            self._thread.start()
        self._last = future = Future[T]()
        self._calls.put((future, work))
        answered = asyncio.Event()
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _tell(loop, answered))
        try:
            async with asyncio.timeout(self._patience):
                await answered.wait()
        except TimeoutError:
            raise DiskHangsError(f"the disk does not answer within {in_units(self._patience)}") from None
        return future.result()

    def _work(self) -> None:
        while True:
            future, work = self._calls.get()
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  it is the caller's
                future.set_exception(error)
            del future, work


def _tell(loop: asyncio.AbstractEventLoop, answered: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(answered.set)
