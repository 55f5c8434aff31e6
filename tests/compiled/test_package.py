"""The package with its data plane compiled, which is what the image runs: all of the rooms is, and it says so."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from loadtests.compiled import HOUSE, environment, package, possible

pytestmark = pytest.mark.skipif(not possible(), reason="needs a C compiler and Python's headers")


def loaded() -> dict[str, str]:
    """Every module of the compiled rooms that git knows, to the file that a fresh interpreter takes it from."""
    rooms = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["penumbra"]["compiled"]
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(f"proxy/{room}" for room in rooms)]
    files = subprocess.run(listed, cwd=HOUSE, capture_output=True, check=True, text=True).stdout.split()
    modules = [name.removesuffix(".py").replace("/", ".") for name in files if not name.endswith("__init__.py")]
    code = f"import importlib as i\nfor name in {modules}: print(name, i.import_module(name).__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment(), capture_output=True, check=True, text=True
    )
    return dict(line.split(" ") for line in done.stdout.splitlines())


def test_all_of_the_rooms_is_compiled() -> None:
    files = loaded()
    assert files
    assert all(name.endswith(".so") and str(package()) in name for name in files.values()), files


def test_it_says_that_it_is_compiled() -> None:
    argv = [sys.executable, "-P", "-m", "proxy", "--version"]
    done = subprocess.run(argv, env=environment(), capture_output=True, check=True, text=True)
    assert done.stdout.endswith(" (compiled)\n")
