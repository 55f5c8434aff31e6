"""Limits of a real program: memory, CPU, disk and open files; each with a fallback where it may not be set.

| limit | where it may be set | elsewhere |
|---|---|---|
| memory of all processes | a cgroup, of version 1 or 2 | RLIMIT_DATA of each process |
| CPU of all processes | a cgroup, of version 1 or 2 | SIGSTOP and SIGCONT by turns |
| a small disk | a tmpfs of its own | RLIMIT_FSIZE of control, while the disk shall be full |
| open files | prlimit(2), which needs no right of its own over processes of the same user | |

Which of the two it is, is said by `Limits.told`: a run prints it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 100_000
DISK_MIB = 8
TURN_SECONDS = 0.1
"""One turn of a CPU quota without a cgroup."""
_NUMBERS = itertools.count()


class Group:
    """A cgroup of its own for one controller. Raises OSError where none can be made or the limit cannot be set."""

    def __init__(self, controller: str) -> None:
        self._new = (ROOT / "cgroup.controllers").exists()
        if self._new and controller not in (ROOT / "cgroup.subtree_control").read_text().split():
            (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
        parent = ROOT if self._new else ROOT / controller
        self.path = parent / f"penumbra-chaos-{os.getpid()}-{next(_NUMBERS)}"
        self.path.mkdir()

    @property
    def enter(self) -> str:
        """A shell's command that moves the shell into the group."""
        return f"echo $$ > {self.path}/cgroup.procs"

    def memory(self, limit: int) -> None:
        """Limits the memory of all within, in bytes."""
        (self.path / ("memory.max" if self._new else "memory.limit_in_bytes")).write_text(str(limit))

    def quota(self, percent: int) -> None:
        """Limits the CPU of all within, in percent of one; 0: as much as there is."""
        quota = PERIOD_MICROSECONDS * percent // 100
        if self._new:
            (self.path / "cpu.max").write_text(f"{quota or 'max'} {PERIOD_MICROSECONDS}")
        else:
            (self.path / "cpu.cfs_quota_us").write_text(str(quota or -1))

    @property
    def killed(self) -> int:
        """Processes that the kernel ended for want of memory."""
        told = (self.path / ("memory.events" if self._new else "memory.oom_control")).read_text().split()
        return int(told[told.index("oom_kill") + 1]) if "oom_kill" in told else 0

    @property
    def most(self) -> int:
        """The most bytes that were in use at once; 0 where that is not known."""
        peak = self.path / ("memory.peak" if self._new else "memory.max_usage_in_bytes")
        return int(peak.read_text()) if peak.exists() else 0

    def close(self) -> None:
        """Removes it; its processes have ended, which the kernel may see a moment later."""
        for _ in range(100):
            try:
                self.path.rmdir()
                break
            except OSError:
                time.sleep(0.05)


class Limits:
    """The limits of one program; `shell` is run before it begins. `memory`: bytes of all its processes."""

    def __init__(self, home: Path, memory: int) -> None:
        self.disk = home / "disk"
        self.disk.mkdir()
        self.told: list[str] = []
        self._shell: list[str] = []
        self.memory = self._memory(memory)
        self.cpu = self._cpu()
        self.mounted = self._mount()

    @property
    def shell(self) -> str:
        """What a shell does before it becomes the program."""
        return " && ".join(self._shell) or "true"

    def _memory(self, limit: int) -> Group | None:
        try:
            group = Group("memory")
            group.memory(limit)
        except OSError as error:
            self.told.append(f"memory: RLIMIT_DATA of each process, no cgroup ({error.strerror})")
            self._shell.append(f"ulimit -d {limit >> 10}")
            return None
        self.told.append(f"memory: {limit >> 20} MiB by a cgroup")
        self._shell.append(group.enter)
        return group

    def _cpu(self) -> Group | None:
        try:
            group = Group("cpu")
            group.quota(0)
        except OSError as error:
            self.told.append(f"CPU: SIGSTOP by turns, no cgroup ({error.strerror})")
            return None
        self.told.append("CPU: quota of a cgroup")
        self._shell.append(group.enter)
        return group

    def _mount(self) -> bool:
        options = ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "penumbra-chaos", str(self.disk)]
        try:
            mounted = subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
        except OSError:  # a machine without the command
            mounted = False
        self.told.append("disk: a tmpfs" if mounted else "disk: RLIMIT_FSIZE of control, no tmpfs")
        return mounted

    def fill(self, control: int) -> None:
        """The disk is full from now on."""
        if not self.mounted:
            resource.prlimit(control, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        with contextlib.suppress(OSError), (self.disk / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(b"\0" * 4096):
                pass

    def empty(self, control: int) -> None:
        """It has room again."""
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(control, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        (self.disk / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        """Takes everything back."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)
        for group in (self.memory, self.cpu):
            if group is not None:
                group.close()


async def turns(pids: Iterable[int], part: float) -> None:
    """Stops processes and lets them go on by turns, so that they run for `part` of the time, until it is cancelled."""
    chosen = list(pids)
    try:
        while True:
            for number, share in ((signal.SIGSTOP, 1.0 - part), (signal.SIGCONT, part)):
                _tell(chosen, number)
                await asyncio.sleep(TURN_SECONDS * share)
    finally:
        _tell(chosen, signal.SIGCONT)


def _tell(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def files(pid: int, more: int) -> tuple[int, int]:
    """Lets a process open only `more` files beside those that it has; returns the limits before."""
    used = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(used + more, before[1]), before[1]))
