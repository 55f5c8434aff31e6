"""Lock files hold what pyproject.toml asks for, pin everything, and leave the choice of an index to pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)")

ASKED = {
    "runtime.txt": [*PROJECT["dependencies"], *EXTRAS["otel"]],
    "dev.txt": [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["bench"], *EXTRAS["otel"]],
    "models.txt": [
        line for line in (ROOT / "requirements/models.in").read_text().splitlines() if not line.startswith("#")
    ],
}


def pins(name: str) -> dict[str, str]:
    """Package to version. Fails on any line that is neither a pin nor a comment."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    matches = [PIN.fullmatch(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    assert all(matches), f"{name}: `make lock` writes pins only"
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


@pytest.mark.parametrize("name", ASKED)
def test_the_lock_file_holds_what_is_asked_for(name: str) -> None:
    locked = pins(name)
    for asked in map(Requirement, ASKED[name]):
        found = locked.get(canonicalize_name(asked.name))
        assert found, f"{asked.name} is not in requirements/{name}: run `make lock`"
        assert asked.specifier.contains(found, prereleases=True), f"{asked.name}=={found}: run `make lock`"


def test_runtime_and_tests_use_the_same_versions() -> None:
    tested = pins("dev.txt")
    assert {name: tested.get(name) for name in pins("runtime.txt")} == pins("runtime.txt")


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    shown = set(re.findall(r"^# make (\w+)", makefile, re.MULTILINE))
    assert shown == set(phony[1].split()) - {"help", "lint", "system-packages"}
