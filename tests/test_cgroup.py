"""The limits of the control group, as each version and each kind of container shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cgroup import cpu_quota, memory_limit

V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup rw"
V1_MOUNT = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
NONE_IN_V1 = "9223372036854771712"


def host(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/self/mountinfo").write_text(mounts)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "limit"),
    [
        ("0::/", V2_MOUNT, {"memory.max": "536870912"}, 536870912),  # a namespace of its own
        ("0::/a.slice/b", V2_MOUNT, {"a.slice/b/memory.max": "max", "a.slice/memory.max": "1000"}, 1000),
        ("0::/a/b", V2_MOUNT, {"a/b/memory.max": "700", "a/memory.max": "1000"}, 700),
        ("0::/a/b", V2_MOUNT, {"a/b/memory.max": "max"}, None),
        ("4:memory:/a", V1_MOUNT, {"memory/a/memory.limit_in_bytes": "900"}, 900),
        ("4:cpu,memory:/a", V1_MOUNT, {"memory/a/memory.limit_in_bytes": NONE_IN_V1}, None),
        (  # version 1 in a container without a namespace: the mount's root is its own group
            "4:memory:/docker/x",
            V1_MOUNT.replace("0:32 / ", "0:32 /docker/x "),
            {"memory/memory.limit_in_bytes": "800"},
            800,
        ),
        (  # both: version 2 is there, and has no memory controller
            "4:memory:/\n0::/u",
            f"{V1_MOUNT}\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
            {"memory/memory.limit_in_bytes": "600", "unified/u/cgroup.procs": "1"},
            600,
        ),
        ("0::/../up", V2_MOUNT, {"up/memory.max": "5", "memory.max": "7"}, 5),
        ("", V2_MOUNT, {"memory.max": "1"}, None),
        ("0::/", "nonsense", {"memory.max": "1"}, None),
        ("0::/", V2_MOUNT, {"memory.max": "what?"}, None),
    ],
)
def test_the_least_limit_upwards(tmp_path: Path, groups: str, mounts: str, files: dict[str, str], limit: int) -> None:
    assert memory_limit(host(tmp_path, groups, mounts, files)) == limit


CPU_V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct"


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "quota"),
    [
        ("0::/", V2_MOUNT, {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", V2_MOUNT, {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/a/b", V2_MOUNT, {"a/b/cpu.max": "200000 100000", "a/cpu.max": "400000 100000"}, 2.0),
        ("0::/a/b", V2_MOUNT, {"a/b/cpu.max": "max 100000"}, None),
        (
            "1:cpu,cpuacct:/k/pod",
            CPU_V1,
            {"cpu,cpuacct/k/pod/cpu.cfs_quota_us": "25000", "cpu,cpuacct/k/pod/cpu.cfs_period_us": "100000"},
            0.25,
        ),
        (
            "1:cpu,cpuacct:/k",
            CPU_V1,
            {"cpu,cpuacct/k/cpu.cfs_quota_us": "-1", "cpu,cpuacct/k/cpu.cfs_period_us": "100000"},
            None,
        ),
        ("", "nonsense", {"cpu.max": "100000 100000"}, 1.0),  # a sandbox whose mounts are not shown
        ("", "", {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3.0),
        ("0::/", V2_MOUNT, {"cpu.max": "100000 0"}, None),
        ("0::/", V2_MOUNT, {"cpu.max": "what?"}, None),
    ],
)
def test_the_least_quota_upwards(tmp_path: Path, groups: str, mounts: str, files: dict[str, str], quota: float) -> None:
    assert cpu_quota(host(tmp_path, groups, mounts, files)) == quota


def test_a_host_without_groups_limits_nothing(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None
    assert cpu_quota(tmp_path) is None


def test_this_host_can_be_read() -> None:
    assert (memory_limit() or 1) > 0
    assert (cpu_quota() or 1) > 0
