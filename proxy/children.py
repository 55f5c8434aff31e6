"""The processes below the supervisor: how one is started, when it is started again, what it leaves behind.

Children lead process groups of their own, so that a signal to the terminal's group is the supervisor's alone, and are
born with their signals held (`proxy.signals`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from json import dumps
from typing import Literal

from proxy.last_words import LastWords
from proxy.signals import held

QUICK_DEATH_SECONDS = 5.0
"""Seconds. A child that lived shorter than this died of something that may still be there."""

MAX_RESTART_DELAY = 5.0
"""Seconds between two starts of a child that keeps dying: slow enough for the log, quick enough to recover."""

ProcessKind = Literal["control", "worker"]

MIB = 1024 * 1024
ALLOCATOR: dict[ProcessKind, dict[str, str]] = {
    "control": {"MALLOC_MMAP_THRESHOLD_": str(MIB)},
    "worker": {"MALLOC_MMAP_THRESHOLD_": str(8 * MIB), "MALLOC_TRIM_THRESHOLD_": str(32 * MIB)},
}
"""Variables of the C library's allocator (mallopt(3)); what the environment says itself comes first.

Control takes in bodies of up to 4 MiB, and what is read of them. glibc would learn from the first ones to keep such
blocks in its heap, which then has holes: 148 MiB after 16 s of such bodies, and growing, in place of 64. From a fixed
size on, blocks come from the kernel and go back to it.

Workers carry large bodies all the time, in pieces of up to 256 KiB. By default the heap gives its end back to the
kernel as soon as half a megabyte of it is free, and has each page of it cleared anew for the next body: half of the
processor time of a body of 1 MB, and a fifth of one of 64 KB, by luck more or less. So it keeps 32 MiB, if ever there
was a moment that needed them."""


def restart_delay(lived: float, quick_deaths: int) -> tuple[float, int]:
    """(seconds to wait, quick deaths in a row) after a child lived `lived` seconds; none for the first two."""
    if lived >= QUICK_DEATH_SECONDS:
        return 0.0, 0
    if quick_deaths < 2:
        return 0.0, quick_deaths + 1
    return min(MAX_RESTART_DELAY, 0.1 * 2.0 ** min(quick_deaths - 2, 10)), quick_deaths + 1


class Child:
    """A place for a process: `pid` while one runs, `due` (monotonic) while the next start is awaited; `hung` once it
    was told to abort because it was silent."""

    __slots__ = ("due", "hung", "index", "kind", "last_words", "pid", "quick_deaths", "started")

    def __init__(self, kind: ProcessKind, index: int = 0, words_fd: int | None = None) -> None:
        self.kind = kind
        self.index = index
        self.pid: int | None = None
        self.started = 0.0
        self.quick_deaths = 0
        self.due: float | None = 0.0
        self.hung = False
        self.last_words = LastWords(words_fd)

    @property
    def name(self) -> str:
        return f"worker-{self.index}" if self.kind == "worker" else self.kind

    @property
    def place(self) -> int:
        """Its place in the page of pulses."""
        return self.index + 1 if self.kind == "worker" else 0

    def running(self, pid: int, now: float) -> None:
        """The process was started."""
        self.pid, self.started, self.due, self.hung = pid, now, None, False

    def gone(self, now: float, *, again: bool) -> float | None:
        """The process ended, or could not be started; returns the seconds until the next start, None for never."""
        self.pid, self.due = None, None
        if not again:
            return None
        delay, self.quick_deaths = restart_delay(now - self.started, self.quick_deaths)
        self.due = now + delay
        return delay

    def signal(self, number: int) -> None:
        """Sends a signal to the process, if there is one."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def abort(self) -> None:
        """Ends the process in a way that leaves its stacks; a stopped one has to go on for that."""
        self.hung = True
        self.signal(signal.SIGABRT)
        self.signal(signal.SIGCONT)


def processor_time(pid: int) -> int:
    """Processor time that a process has used so far, in ticks of the kernel; 0 where that cannot be read."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def spawn(kind: ProcessKind, arguments: dict[str, object]) -> int:
    """Starts `python -m proxy KIND JSON` with its file descriptors; returns the pid. Raises OSError."""
    inherited = [value for key, value in arguments.items() if key.endswith("_fd") and isinstance(value, int)]
    inherited += [
        fd for key, value in arguments.items() if key.endswith("_fds") and isinstance(value, list) for fd in value
    ]
    with held():
        process = subprocess.Popen(
            command(kind, dumps(arguments)),
            stdin=subprocess.DEVNULL,
            pass_fds=inherited,
            process_group=0,
            env=ALLOCATOR[kind] | os.environ,
        )
    process.returncode = 0  # reaped by the supervisor; Popen must not try
    return process.pid


def command(kind: str, argument: str) -> list[str]:
    """The command line of a process; -P keeps what lies in the working directory from being imported."""
    return [sys.executable, "-P", "-m", "proxy", kind, argument]
