"""A real Redis on loopback that a test can stop, pause, slow down, fail over, start again, and configure."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, Self

from redis import Redis

from tests.support.running import PATIENCE, eventually

PORTS = range(20_000, 32_000)
"""Where servers are put that go and come again at their port: the kernel gives none of these to a connection."""


class RedisServer:
    """A server on a free port that keeps nothing on disk. `options`: further ones of the command line, which may have
    it keep something."""

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
        """Starts it, empty where it kept nothing; with these `options` in place of its own, if there are any."""
        plain = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", self._folder)
        command = ["redis-server", "--port", str(self.port), *plain, *(options or self._options)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._listens, "a Redis that listens")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"redis-server ended with code {self._process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Kills it at once."""
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

    def ask(self, *words: str | int, user: str | None = None) -> Any:
        """The answer to a command, which a `user` without a password may ask."""
        with closing(Redis(port=self.port, socket_timeout=PATIENCE, username=user, password=user and "any")) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call, unused-ignore]

    def hang_up(self, user: str | None = None) -> None:
        """Closes the connections of all clients, so that they come again as new ones."""
        self.ask("CLIENT", "KILL", "TYPE", "normal", user=user)

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Within it the server stands still for so long again and again, and answers in between."""
        over = threading.Event()

        def stand_still() -> None:
            with closing(Redis(port=self.port, socket_timeout=PATIENCE)) as client:
                while not over.is_set():
                    client.execute_command("CLIENT", "PAUSE", int(1000 * seconds))  # type: ignore[no-untyped-call, unused-ignore]

        thread = threading.Thread(target=stand_still)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextmanager
    def replica(self) -> Iterator[RedisServer]:
        """Another server, a replica of this one; it has all that this one has."""
        self.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)
        with RedisServer("--replicaof", f"127.0.0.1 {self.port}") as other:
            eventually(lambda: other.ask("INFO", "replication")["master_link_status"] == "up", "a replica")
            yield other

    def fail_over_to(self, other: RedisServer) -> None:
        """Kills it, and puts a server that is no replica any more at its address."""
        self.kill()
        other.ask("CONFIG", "SET", "port", self.port)
        self._process, other._process = other._process, None
        eventually(self._listens, "the new primary at the old address")


def free_port() -> int:
    """A port that nobody listens at."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
