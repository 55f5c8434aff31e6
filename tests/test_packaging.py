"""Lock files hold what pyproject.toml asks for, pin everything, and leave the choice of an index to pip. Archives hold
the package with its types, and the steps of `make release-check` find what is not ready."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib
import venv
import zipfile
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import proxy

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)")

ASKED = {
    "runtime.txt": [*PROJECT["dependencies"], *EXTRAS["otel"], *EXTRAS["fleet"]],
    "dev.txt": [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["bench"], *EXTRAS["otel"], *EXTRAS["fleet"]],
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
    shown = set(re.findall(r"^# make ([\w-]+)", makefile, re.MULTILINE))
    assert shown == set(phony[1].split()) - {"help"}


RELEASE = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "release_check.py")))


def test_manifests_deploy_the_version_of_the_package() -> None:
    places = RELEASE.deployed(ROOT)
    assert len(places) >= 4
    assert set(places.values()) == {RELEASE.version_of(ROOT)} == {proxy.__version__}


def test_the_changelog_has_dated_versions_newest_first() -> None:
    sections = RELEASE.sections((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    sections.pop("Unreleased", None)
    dates = [date.fromisoformat(each) for each in sections.values()]
    assert dates == sorted(dates, reverse=True)
    numbers = [Version(each) for each in sections]
    assert numbers == sorted(numbers, reverse=True)
    assert next(iter(sections)) == proxy.__version__


def test_a_version_without_its_section_or_with_waiting_entries_is_not_ready(tmp_path: Path) -> None:
    for name in ("proxy/__init__.py", "deploy/helm/penumbra/Chart.yaml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"))
    changelog, version = tmp_path / "CHANGELOG.md", proxy.__version__
    changelog.write_text("# Changelog\n\n## 0.0.1 - 2026-01-01\n\n- x\n")
    with pytest.raises(RELEASE.NotReady, match="no section"):
        RELEASE.check_versions(tmp_path)
    changelog.write_text(f"# Changelog\n\n## Unreleased\n\n- y\n\n## {version} - 2026-01-01\n\n- x\n")
    with pytest.raises(RELEASE.NotReady, match="Unreleased: - y"):
        RELEASE.check_versions(tmp_path)
    changelog.write_text(f"# Changelog\n\n## {version} - 2026-01-01\n\n- x\n")
    assert RELEASE.check_versions(tmp_path).startswith(f"version {version} of 2026-01-01")
    (tmp_path / "proxy/__init__.py").write_text('__version__ = "9.9.9"\n')
    with pytest.raises(RELEASE.NotReady, match=r"the version is 9\.9\.9, but"):
        RELEASE.check_versions(tmp_path)


def test_what_nobody_committed_is_not_ready(tmp_path: Path) -> None:
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    (tmp_path / "x.py").write_text("1\n")
    for argv in (["init", "--quiet"], ["add", "x.py"], [*author, "commit", "--quiet", "--message", "x"]):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True)
    (tmp_path / "untracked").touch()
    assert RELEASE.check_committed(tmp_path).startswith("the commit is ")
    (tmp_path / "x.py").write_text("2\n")
    with pytest.raises(RELEASE.NotReady, match=r"^not committed: x\.py$"):
        RELEASE.check_committed(tmp_path)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An sdist of what git tracks, and a wheel of that sdist."""
    copy, dist = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    RELEASE.tracked(ROOT, copy)
    made: list[Path] = RELEASE.build(copy, dist)
    return made


def test_archives_are_whole_and_their_metadata_valid(archives: list[Path]) -> None:
    assert "is valid" in RELEASE.check_archives(*archives, proxy.__version__)


def test_an_installed_wheel_is_typed(archives: list[Path], tmp_path: Path) -> None:
    """mypy, run where this repository is not to be seen, reads the types of the installed package."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    with zipfile.ZipFile(archives[1]) as wheel:
        wheel.extractall(site)
    (tmp_path / "user.py").write_text("from proxy.contracts.build import build\n\nreveal_type(build())\nbuild(1)\n")
    argv = [sys.executable, "-m", "mypy", "--no-incremental", "--python-executable", str(tmp_path / "venv/bin/python")]
    done = subprocess.run([*argv, "user.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'Revealed type is "str"' in done.stdout.replace("builtins.", ""), done.stdout + done.stderr
    assert "Too many arguments" in done.stdout
