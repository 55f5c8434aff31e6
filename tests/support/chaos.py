"""Scripted model servers on a loop of their own thread, for tests that talk to a real `penumbra run`."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

from tests.support.scripted import Script, Scripted


class Servers:
    """One scripted server for each name. `dead` ones have a port that nobody listens on."""

    def __init__(self, scripts: dict[str, Script], dead: tuple[str, ...] = ()) -> None:
        self.by_name = {name: Scripted(name, script) for name, script in scripts.items()}
        self._dead = dead
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for server in self.by_name.values():
            self._run(server.start())
        for name in self._dead:
            self._run(self.by_name[name].stop())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, server in self.by_name.items():
            if name not in self._dead:
                self._run(server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.by_name[name].port}"

    def _run(self, coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)  # type: ignore[arg-type]
