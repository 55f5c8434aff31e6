"""Limits where there is no cgroup and no mount: the fallback is set, and said."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process.chaos import limits
from tests.process.chaos.limits import Limits


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Limits on a machine that lets nobody set any."""

    def refuses(*command: Any, **how: Any) -> None:
        raise FileNotFoundError(command)

    monkeypatch.setattr(limits, "ROOT", tmp_path / "no-cgroups")
    with monkeypatch.context() as within:
        within.setattr(subprocess, "run", refuses)
        return Limits(tmp_path, 512 << 20)


def test_without_cgroups_and_mounts_the_fallback_is_said(bare: Limits) -> None:
    assert (bare.memory, bare.cpu, bare.mounted) == (None, None, False)
    assert [line.partition(":")[0] for line in bare.told] == ["memory", "CPU", "disk"]
    assert all(" no " in line for line in bare.told)


def test_the_memory_of_each_process_is_limited_by_the_shell(bare: Limits) -> None:
    look = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    command = ["sh", "-c", f'{bare.shell} && exec "$@"', "sh", sys.executable, "-c", look]
    assert int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) == 512 << 20


def test_a_full_disk_is_a_limit_of_the_writer(bare: Limits) -> None:
    with subprocess.Popen(["sleep", "60"]) as writer:
        bare.fill(writer.pid)
        assert resource.prlimit(writer.pid, resource.RLIMIT_FSIZE)[0] == 0
        bare.empty(writer.pid)
        assert resource.prlimit(writer.pid, resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
        writer.kill()
