"""DemoProcess processes that write to a log file, say when they are ready, and cannot outlive the demo.

Each child leads its own session: Ctrl-C in the terminal reaches the demo alone, which then ends its children in the
right order. On Linux the kernel also ends a child whose parent was killed and could not do so.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

POLL_SECONDS = 0.02
SHOWN_LOG_LINES = 12
"""Lines of a child's log that an error shows."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ProcessFailed(Exception):
    """A child did not do what the demo needs; the message carries the end of its log."""


class DemoProcess:
    """One running child process. `log` holds its stdout and stderr."""

    __slots__ = ("log", "name", "process")

    def __init__(self, name: str, argv: Sequence[str], log: Path, cwd: Path) -> None:
        self.name, self.log = name, log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    async def expect(self, pattern: re.Pattern[str], seconds: float) -> re.Match[str]:
        """The first match of `pattern` in the log. Raises ProcessFailed when the child ends or the time is up."""
        waited = 0.0
        while True:
            ended = not self.running
            match = pattern.search(self.log.read_text(encoding="utf-8", errors="replace"))
            if match:
                return match
            if ended:
                raise self.failed(f"ended with code {self.process.returncode} before it was ready")
            if waited >= seconds:
                raise self.failed(f"was not ready after {seconds:g} s")
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def failed(self, what: str) -> ProcessFailed:
        """An error about this child, with the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN_LOG_LINES:]
        return ProcessFailed("\n".join([f"{self.name} {what}; the end of its log:", *lines]))

    def kill(self) -> None:
        """Ends the child at once, as a crash would, with everything in its session."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    async def stop(self, grace: float = 5.0) -> None:
        """Asks the child to end; after `grace` seconds it is killed."""
        if self.running:
            self.process.terminate()
        waited = 0.0
        while self.running and waited < grace:
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS
        self.kill()


async def until_ok(child: DemoProcess, url: str, seconds: float) -> None:
    """Waits until `url` of a child answers 200. Raises ProcessFailed when the child ends or the time is up."""
    waited = 0.0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while not await _is_ok(session, url):
            if not child.running or waited >= seconds:
                raise child.failed(f"did not become ready at {url}")
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS


async def until_open(child: DemoProcess, port: int, seconds: float) -> None:
    """Waits until a child takes connections at `port` of this machine. Raises ProcessFailed as `until_ok`."""
    waited = 0.0
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        if not child.running or waited >= seconds:
            raise child.failed(f"did not open port {port}")
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS


async def _is_ok(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
