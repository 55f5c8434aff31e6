"""A thread that a file is used in: a disk that hangs holds this thread, and those who wait for it for `PATIENCE`.

Calls are made one after the other. Who waits for one gets `DiskHangsError` once its time is over; as long as the call
hangs no other is begun, so nothing queues up, and whoever asks then hears so at once. What a call has done before it
was given up it has done: who must not have that says what is to be done when it comes back (`late`), before anything
else is. The thread keeps no process from its end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any, TypeVar, cast

from proxy.contracts.durations import in_units

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds that one may wait for the disk: what is read or written at once takes it milliseconds."""

GLANCE = 0.05
"""Seconds that are waited for what nobody needs now."""


class DiskHangsError(Exception):
    """A call has not come back."""


class DiskCall:
    """One call. It has come back, or was given up before it did: never both."""

    def __init__(self, work: Callable[[], Any], late: Callable[[], object] | None) -> None:
        self.work, self._late = work, late
        self.began = monotonic()
        self.back = threading.Event()
        self.told: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._given_up = self._come_back = False
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Does it, in the thread."""
        try:
            self._value = self.work()
        except BaseException as error:  # noqa: BLE001  it is the caller's
            self._error = error
        with self._lock:
            self._come_back, late = True, self._late if self._given_up and self._error is None else None
        if late is not None:
            with suppress(Exception):
                late()
        self.back.set()
        self.told()

    def give_up(self) -> bool:
        """Whether it was given up; False: it has come back at the last moment, but for what is done late."""
        with self._lock:
            self._given_up = not self._come_back
            return self._given_up

    def result(self) -> Any:
        """What it returns or raises."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._value


class DiskThread:
    """`call`, `waited` and `glance` run something in the thread, which begins with the first one."""

    def __init__(self, patience: float = PATIENCE, name: str = "history") -> None:
        self._patience, self._name = patience, name
        self._calls: SimpleQueue[DiskCall] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: DiskCall | None = None

    @property
    def hangs(self) -> bool:
        """Whether a call that was given up has still not come back."""
        return self._last is not None and not self._last.back.is_set()

    def is_here(self) -> bool:
        """Whether the caller is in the thread itself."""
        return threading.current_thread() is self._thread

    def look(self) -> None:
        """To be asked before what a call is given is put together: one that was given up may change it until it comes
        back. Raises DiskHangsError."""
        if self.hangs:
            raise DiskHangsError("the disk still does not answer")

    async def call(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. One caller at a time. Raises DiskHangsError."""
        self.look()
        answered, loop = asyncio.Event(), asyncio.get_running_loop()
        call = self._begun(work, told=lambda: _tell(loop, answered))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await answered.wait()
        return cast("T", self._result(call))

    def waited(self, work: Callable[[], T], late: Callable[[], object] | None = None) -> T:
        """The same for who is no coroutine, and waits with all that runs beside: at most twice `PATIENCE`, and once
        that was so not at all. `late`: done where `work` comes back in order after it was given up. Raises
        DiskHangsError."""
        self._wait_for_last()
        call = self._begun(work, late)
        call.back.wait(self._patience)
        return cast("T", self._result(call))

    def glance(self, work: Callable[[], object]) -> bool:
        """Begins what nobody waits for, unless something is under way. False: it was not begun, or has not come back
        yet; what it raises later goes nowhere, and the next one will tell. Raises DiskHangsError, and what `work`
        raises at once."""
        last = self._last
        if last is not None and not last.back.is_set():
            if monotonic() - last.began > self._patience:
                self.look()
            return False
        call = self._begun(work)
        if call.back.wait(min(GLANCE, self._patience)):
            call.result()
            return True
        return False

    def done(self, work: Callable[[], object], wait: bool) -> bool:
        """As `waited`, or as `glance`; whether it has come back."""
        if wait:
            self.waited(work)
            return True
        return self.glance(work)

    def _wait_for_last(self) -> None:
        last = self._last
        if last is not None and not last.back.is_set():
            last.back.wait(max(last.began + self._patience - monotonic(), 0.0))
            self.look()

    def _begun(
        self,
        work: Callable[[], Any],
        late: Callable[[], object] | None = None,
        told: Callable[[], object] = lambda: None,
    ) -> DiskCall:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # a limit of processes
                raise DiskHangsError(f"nobody can wait for the disk: {error}") from error
            self._thread = thread
        self._last = call = DiskCall(work, late)
        call.told = told
        self._calls.put(call)
        return call

    def _result(self, call: DiskCall) -> Any:
        if not call.back.is_set() and call.give_up():
            raise DiskHangsError(f"the disk does not answer within {in_units(self._patience)}")
        call.back.wait()  # it came back as its time was over
        return call.result()

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            call.run()
            del call


def _tell(loop: asyncio.AbstractEventLoop, answered: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(answered.set)
