"""What the targets of the Makefile install and hold: the needs of tests, and the floors of coverage."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def needs(*arguments: str) -> list[str]:
    """What `make test` installs for these arguments of pytest."""
    argv = [sys.executable, ".ci/needs.py", *arguments]
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


@pytest.mark.parametrize("arguments", [["tests/routing"], ["tests/test_logs.py", "-k", "tests/e2e or x"]])
def test_a_room_without_needs_installs_nothing(arguments: list[str]) -> None:
    assert needs(*arguments) == []


def test_needs_are_those_of_the_folder_and_of_what_is_within() -> None:
    assert needs("tests/deploy/test_grafana.py::test_a", "tests/http1") == ["prometheus"]
    assert set(needs()) == set(needs("tests")) == set(needs("-x")) > set(needs("tests/e2e")) > {"models", "servers"}


def test_every_need_can_be_installed() -> None:
    environments = {"models", "servers"}
    known = {*re.findall(r"[\w-]+:([\w-]+)", Path(".ci/system-packages").read_text()), "python3-dev"}
    assert set(needs()) - environments <= known


def test_whoever_needs_something_exists() -> None:
    systems = needs("--systems")
    assert systems and all((ROOT / path).exists() for path in systems)
    assert needs("--units") == [f"--ignore={path}" for path in systems]


def test_everything_is_run_once_and_side_by_side() -> None:
    """`make check` is what CI runs: no room may fall between its parts."""
    planned = run({}, "make", "--dry-run", "lint", "coverage", "system-tests").stdout
    units = " ".join(needs("--units"))
    assert "mypy --strict" in planned and "-p tests.support.measured" in planned
    assert "needs.py --units" in planned and "needs.py --systems" in planned
    assert units.replace("--ignore=", "").split() == needs("--systems")
    told = run({}, "make", "--dry-run", "check").stdout
    assert "--jobs=3 lint coverage system-tests" in told


def interpreter(path: Path, script: str = "exit 0") -> str:
    """A program in the place of a Python: it says by its status whether it is what was looked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def run(environment: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    """A script of .ci where no manager of interpreters is set up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYENV", "UV_", "PYTHON"))}
    return subprocess.run(argv, cwd=ROOT, env=kept | environment, capture_output=True, text=True)


def python(environment: dict[str, str], *versions: str) -> str:
    """The interpreter that `.ci/python` finds."""
    done = run(environment, ".ci/python", *versions)
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize(("root", "below"), [("PYENV_ROOT", "versions/"), ("UV_PYTHON_INSTALL_DIR", "cpython-")])
def test_an_interpreter_that_a_manager_keeps_is_found_behind_a_shim_that_has_none(
    tmp_path: Path, root: str, below: str
) -> None:
    """No real Python has the version 3.42."""
    interpreter(tmp_path / "shims" / "python3", "echo 'python3: command not found' >&2; exit 127")
    path = {"PATH": f"{tmp_path / 'shims'}:/usr/bin:/bin"}
    assert "No Python from 3.42" in python(path, "3.42", "3.42")
    kept = [interpreter(tmp_path / f"{below}3.42.{patch}" / "bin" / "python3") for patch in (9, 10)]
    assert python(path | {root: str(tmp_path)}, "3.42", "3.42") == kept[1]
    manager, words = ("pyenv", "root") if root == "PYENV_ROOT" else ("uv", "python dir")
    interpreter(tmp_path / "shims" / manager, f'[ "$*" = "{words}" ] && echo {tmp_path}')
    assert python(path, "3.42", "3.42") == kept[1]


def test_all_of_a_name_on_the_path_are_tried(tmp_path: Path) -> None:
    interpreter(tmp_path / "shims" / "python3", "exit 127")
    other = interpreter(tmp_path / "system" / "python3")
    assert python({"PATH": f"{tmp_path / 'shims'}:{tmp_path / 'system'}:/usr/bin:/bin"}, "3.42") == other


def test_a_version_that_was_asked_for_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    kept = interpreter(
        tmp_path / "versions" / "3.42.0" / "bin" / "python3", 'case "$2" in *"(42 <="*) ;; *) exit 1; esac'
    )
    environment = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(tmp_path)}
    done = run(environment, ".ci/each-python", "echo", "3.42")
    assert (done.returncode, done.stdout) == (0, f"3.42 {kept}\n")
    done = run(environment, ".ci/each-python", "echo", "3.42", "3.43")
    assert (done.returncode, done.stdout) == (1, f"3.42 {kept}\n")
    assert "3.43 is not on this machine" in done.stderr


def test_a_room_below_its_floor_fails(tmp_path: Path) -> None:
    """What any process ran was run: of ten statements and two branches, six."""
    for at, (lines, branches) in enumerate((([1, 2, 3], [[1, 2]]), ([3, 4, 5], []))):
        file = {
            "executed_lines": lines,
            "missing_lines": [line for line in range(1, 11) if line not in lines],
            "executed_branches": branches,
            "missing_branches": [way for way in ([1, 2], [1, 5]) if way not in branches],
        }
        (tmp_path / f"{at}.json").write_text(json.dumps({"files": {"proxy/routing/split.py": file}}))
    argv = [sys.executable, ".ci/coverage_by_room.py", *map(str, tmp_path.iterdir())]
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert re.search(r"^routing +10 +2 +50.0%", done.stdout, re.MULTILINE)
    assert "routing is below its floor" in done.stdout
    assert "stats has a floor, and nothing was measured" in done.stdout
