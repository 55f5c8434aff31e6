"""Start, stop and weigh process trees. All figures come from /proc, so they hold for any peer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 5.0
"""How long a process may take to end after SIGTERM before it is killed."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat that matter here; CPU in seconds, threads and reaped children included."""

    pid: int
    parent: int
    cpu: float


def program(name: str) -> str:
    """The path of a program; Debian keeps servers where only root looks. The bare name when there is none."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or name


def read_stat(pid: int) -> Stat | None:
    """None when the process is gone. The command name stands in brackets and may itself hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(pid, int(fields[1]), sum(map(int, fields[11:15])) / TICKS)


def tree(root: int) -> list[Stat]:
    """`root` and all its living descendants, parents first."""
    children: dict[int, list[Stat]] = {}
    found: list[Stat] = []
    for entry in os.listdir("/proc"):
        stat = read_stat(int(entry)) if entry.isdigit() else None
        if stat is None:
            continue
        children.setdefault(stat.parent, []).append(stat)
        if stat.pid == root:
            found.append(stat)
    for stat in found:
        found.extend(children.get(stat.pid, ()))
    return found


def label(pid: int) -> str:
    """What a process does: one of our kinds (worker, control, supervisor), nginx's title, or a program's name."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    if "proxy" in words:
        kind = words[words.index("proxy") + 1]
        return "supervisor" if kind == "run" else kind
    return words[0].split(" process")[0] if ": " in words[0] else os.path.basename(words[0])


def cpu_by_label(root: int) -> dict[str, float]:
    """CPU seconds (user + system) of a process tree so far, by `label`."""
    totals: dict[str, float] = {}
    for stat in tree(root):
        name = label(stat.pid)
        totals[name] = totals.get(name, 0.0) + stat.cpu
    return totals


def pss_by_label(root: int) -> dict[str, int]:
    """Proportional set size in bytes of a process tree, by `label`: pages shared by k processes count 1/k for each."""
    totals: dict[str, int] = {}
    for stat in tree(root):
        try:
            lines = Path(f"/proc/{stat.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
        totals[label(stat.pid)] = totals.get(label(stat.pid), 0) + kib * 1024
    return totals


def descriptors(root: int) -> int:
    """Open file descriptors of a process tree."""
    total = 0
    for stat in tree(root):
        try:
            total += len(os.listdir(f"/proc/{stat.pid}/fd"))
        except OSError:
            continue
    return total


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports that were free on loopback a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


@contextmanager
def running(
    command: list[str], log: Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` as a child whose output goes to `log`; stopped by its own pid, with all that it started."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, env=env)
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL for whoever of the tree is left after STOP_SECONDS."""
    family = [stat.pid for stat in tree(process.pid)]
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in family:
            with _gone_is_fine():
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        return


class NotReady(Exception):
    """A process did not come up; the message holds the end of its log."""


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    seconds: float = 30.0,
    every: float = 0.05,
) -> None:
    """Polls `ready` each `every` seconds. Raises NotReady when `process` ends or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(every)
    tail = log.read_text(errors="replace")[-2000:]
    raise NotReady(f"{process.args!r} is not ready (exit code {process.poll()}); the end of its log:\n{tail}")


def accepts(port: int) -> bool:
    """Whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
