"""The control group of this process: what the kernel lets a container or a unit of systemd take.

A group's limits hold for its descendants as well, so they are read from the process's own group upwards to the root
that is visible here. Version 2 has one hierarchy (`0::/path`), version 1 one for each controller (`4:memory:/path`);
both may be mounted at once (cgroups(7)). In a container without a namespace of cgroups the path is that of the host,
while the mount shows the container's own group as its root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 1 << 60
"""Version 1 writes "no limit" as the largest number of pages, which is above this; no machine has so many bytes."""

ROOT = Path("/")


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes that the process and its siblings in the group may take; None: not limited, or not known.

    - `root`: where `proc` and the mounts are; another one in tests
    """
    limits = [int(text) for text in _settings("memory", "memory.max", "memory.limit_in_bytes", root) if text.isdigit()]
    return min((limit for limit in limits if limit < UNLIMITED), default=None)


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPUs that the processes of the group get at most, such as 0.5; None: not limited, or not known.

    - `root`: where `proc` and the mounts are; another one in tests
    """
    found = [_quota(folder, version) for folder, version in (*_folders("cpu", root), *_usual_folders(root))]
    return min((quota for quota in found if quota is not None), default=None)


def _quota(folder: Path, version: int) -> float | None:
    """Microseconds of CPU in a period, by the period (sched-bwc of version 1; version 2 has both in one file)."""
    names = ("cpu.max",) if version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    words = " ".join(_text(folder / name) for name in names).split()
    if len(words) != 2 or not all(word.isdigit() and len(word) < 16 and int(word) for word in words):
        return None  # `max` and -1 are no quota
    return int(words[0]) / int(words[1])


def _usual_folders(root: Path) -> Iterator[tuple[Path, int]]:
    """Where sandboxes show the container's own group whatever the table of mounts says of it."""
    mount = root / "sys/fs/cgroup"
    yield from ((mount, 2), (mount / "cpu", 1))


def _settings(controller: str, new: str, old: str, root: Path) -> Iterator[str]:
    """The texts of the file `new` of version 2, and `old` of version 1, in the process's group and in those above."""
    for folder, version in _folders(controller, root):
        if text := _text(folder / (old if version == 1 else new)):
            yield text


def _folders(controller: str, root: Path) -> Iterator[tuple[Path, int]]:
    """(folder, version) of the process's groups that may have the controller, and of those above."""
    for mount, inside, version in _mounts(controller, root):
        path = _group(controller if version == 1 else "", root)
        if path is not None:
            yield from ((folder, version) for folder in _upwards(mount, _within(path, inside)))


def _mounts(controller: str, root: Path) -> Iterator[tuple[Path, str, int]]:
    """(mount point, group that is its root, version) of the hierarchies that may have the controller (proc(5))."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        fields, _, kind = line.partition(" - ")
        words, kinds = fields.split(), kind.split()
        if len(words) < 5 or len(kinds) < 3:
            continue
        mount = root / words[4].lstrip("/")
        if kinds[0] == "cgroup2":
            yield mount, words[3], 2
        elif kinds[0] == "cgroup" and controller in kinds[2].split(","):
            yield mount, words[3], 1


def _group(controller: str, root: Path) -> str | None:
    """The process's group in the hierarchy of a controller; "" is that of version 2."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and controller in controllers.split(","):
            return path
    return None


def _within(path: str, inside: str) -> str:
    """The group as the mount shows it, whose root is the group `inside`."""
    if inside == "/":
        return path
    return path.removeprefix(inside) if path == inside or path.startswith(f"{inside}/") else "/"


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    parts = [part for part in path.split("/") if part and part != ".."]
    for length in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:length])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
