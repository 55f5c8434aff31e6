"""What is charged to a process tree: threads, children, and children that are gone."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from loadtests.processes import (
    NotReady,
    accepts,
    cpu_by_label,
    descriptors,
    free_ports,
    label,
    pss_by_label,
    read_stat,
    running,
    tree,
    wait_until,
)

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
HOLD = "import time; print('ready', flush=True); time.sleep(60)\n"


def start(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


def ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_cpu_of_a_child_that_is_gone_stays_with_the_tree() -> None:
    process = start(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN.format(seconds=0.3)!r}])\n{HOLD}"
    )
    try:
        ready(process)
        assert sum(cpu_by_label(process.pid).values()) >= 0.25
        assert len(tree(process.pid)) == 1
    finally:
        end(process)


def test_cpu_of_threads_is_counted() -> None:
    burn = textwrap.indent(BURN.format(seconds=0.3), "    ")
    process = start(
        f"import threading\ndef burn():\n{burn}\nt = threading.Thread(target=burn); t.start(); t.join()\n{HOLD}"
    )
    try:
        ready(process)
        assert sum(cpu_by_label(process.pid).values()) >= 0.25
    finally:
        end(process)


def test_a_tree_has_living_descendants_and_their_memory() -> None:
    process = start(f"import subprocess, sys\np = subprocess.Popen([sys.executable, '-c', {HOLD!r}])\np.wait()")
    try:
        ready(process)
        child = tree(process.pid)[-1].pid
        assert len(tree(process.pid)) == 2
        assert sum(pss_by_label(process.pid).values()) > sum(pss_by_label(child).values()) > 1_000_000
        assert descriptors(process.pid) > descriptors(child) >= 3
    finally:
        subprocess.run(["kill", str(child)], check=True)
        end(process)


def test_no_such_process() -> None:
    assert read_stat(2**22 + 1) is None
    assert label(2**22 + 1) == "gone"
    assert cpu_by_label(2**22 + 1) == {}


def test_running_stops_what_it_started(tmp_path: Path) -> None:
    with running([sys.executable, "-c", HOLD], tmp_path / "log") as process:
        wait_until(lambda: (tmp_path / "log").read_text() == "ready\n", process, tmp_path / "log")
        assert process.poll() is None
    assert process.returncode == -15


def test_running_kills_who_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtests.processes.STOP_SECONDS", 0.2)
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{HOLD}"
    with running([sys.executable, "-c", deaf], tmp_path / "log") as process:
        wait_until(lambda: (tmp_path / "log").read_text() == "ready\n", process, tmp_path / "log")
    assert process.returncode == -9


def test_a_process_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    with (
        running([sys.executable, "-c", "raise SystemExit('no such port')"], tmp_path / "log") as process,
        pytest.raises(NotReady, match="no such port"),
    ):
        wait_until(lambda: False, process, tmp_path / "log", seconds=5.0)


def test_free_ports_are_distinct_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert not any(map(accepts, ports))
