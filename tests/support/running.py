"""A real `penumbra run` for tests: its processes, its log, its addresses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds until a test gives up on something that takes milliseconds: only a bug or a stuck machine takes them."""


def eventually(look: Callable[[], T], what: str) -> T:
    """The first true value of `look`; fails the test when there never is one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"never seen: {what}")


def alive(pid: int) -> bool:
    """Whether a process runs: one that ended and was not collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Answer:
    """What a client got: `version` is who answered according to the proxy."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status, self.body, self.headers = status, body, headers

    @property
    def version(self) -> str:
        return self.headers.get("x-penumbra-version", "")

    def json(self) -> Any:
        return json.loads(self.body)


def call(address: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """One request on a connection of its own. Raises OSError as the client library does."""
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)
    try:
        sent = {"Content-Type": "application/json"} | (headers or {})
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


class Running:
    """`penumbra run` on a configuration file. Leaving the context ends it, by force if need be.

    `files`: how many files each of its processes may open, 0: as many as this one. `within`: what a shell does before
    it becomes the program. `wrap`: a command that runs it.
    """

    def __init__(self, config: Path, files: int = 0, within: str = "", wrap: tuple[str, ...] = ()) -> None:
        within = within or (files and f"ulimit -n {files}") or ""
        self.config = config
        self.log: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [
                *(("sh", "-c", f'{within} && exec "$@"', "sh") if within else ()),
                *wrap,
                *(sys.executable, "-P", "-m", "proxy", "run", str(config)),
            ],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        try:
            found = self.event("listening")
            self.data, self.admin = (found[key].split(", ")[0] for key in ("data", "admin"))
            eventually(lambda: self._ready() or None, "readiness")
            self.event("control is up")  # a line that waits to be written would be lost with a process that is killed
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        return self._process.pid

    def child(self, name: str) -> int:
        """The pid of the newest process of a child: `control`, `worker-0` …"""
        return next(int(e["pid"]) for e in reversed(self.log) if e["event"] == "child started" and e["child"] == name)

    def children(self) -> list[int]:
        """The pids of all children that were ever started."""
        return [int(event["pid"]) for event in list(self.log) if event["event"] == "child started"]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines that begin with `name`."""
        return [event for event in list(self.log) if event["event"].startswith(name)]

    def event(self, name: str, number: int = 1) -> dict[str, Any]:
        """The `number`-th log line that begins with `name`, as soon as it is there."""

        def look() -> dict[str, Any] | None:
            found = self.events(name)
            return found[number - 1] if len(found) >= number else None

        try:
            return eventually(look, f"{name!r} in the log")
        except AssertionError as never:
            raise AssertionError(f"{never}: {self.log}") from None

    def get(self, path: str = "/predict") -> Answer:
        """One request through the proxy, on a new connection."""
        return call(self.data, "GET", path)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request to the admin API."""
        return call(self.admin, method, path, body)

    def route(self, name: str = "r") -> Any:
        """A route, as the admin API shows it."""
        return self.ask("GET", f"/v1/routes/{name}").json()

    def serving(self, version: str) -> None:
        """Returns when `version` answers."""
        eventually(lambda: self.get().version == version, f"an answer of {version}")

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        os.kill(pid, number)

    def wait(self) -> int:
        """The exit code, as soon as there is one."""
        code = self._process.wait(PATIENCE)
        self._reader.join()
        return code

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"ended with code {self._process.returncode}: {self.log}")
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"event": line.rstrip()})

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        eventually(lambda: not any(map(alive, self.children())), "the end of all children")
        assert self._process.stderr is not None
        self._process.stderr.close()


class Traffic:
    """Clients that send one request after the other while a test does something to the proxy.

    `answers` and `failures` are what they got; a `new` connection for each request, or one kept alive by each client;
    `pause`: seconds that each of them waits in between.
    """

    def __init__(
        self, address: str, *, clients: int = 4, new: bool = False, path: str = "/predict", pause: float = 0.0
    ) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._new, self._path, self._pause = new, path, pause
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.more(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int) -> None:
        """Returns after `count` more requests have been answered."""
        until = len(self.answers) + len(self.failures) + count
        eventually(lambda: len(self.answers) + len(self.failures) >= until, f"{count} more requests")

    def _send(self) -> None:
        connection = HTTPConnection(self._host, self._port, timeout=PATIENCE)
        while not self._over.wait(self._pause):
            try:
                connection.request("POST", self._path, b"{}", {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
                version = response.getheader("x-penumbra-version", "")
                (self.answers if response.status == 200 else self.failures).append(version or str(response.status))
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if self._new:
                connection.close()
        connection.close()
