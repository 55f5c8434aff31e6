"""A real Redis on loopback that a test can stop, pause, start again empty, and configure."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

PATIENCE = 60.0
"""Seconds until a test gives up on a server that starts in milliseconds."""


class RedisServer:
    """A server on a free port that keeps nothing on disk. `options`: further ones of the command line."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._folder = tempfile.mkdtemp()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address as a fleet names it."""
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, *options: str) -> None:
        """Starts it, empty; with these `options` in place of its own, if there are any."""
        plain = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", self._folder)
        command = ["redis-server", "--port", str(self.port), *plain, *(options or self._options)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        """Kills it at once; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stops it as a machine without time does: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
