"""Tests mirror the code: what a module does is tested in the file of its name, `tests/ROOM/test_FILE.py`.

Themes stand beside twins (`test_isolation`, `test_simulation`): they are about more than one module.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "proxy"

THEMES = {
    "config/schema": "tests/config/schema: what the reader takes as one schema, described whole",
    "demo": "tests/e2e/test_demo.py: the story, told to its end with real model servers",
}
"""Folder to where its modules are tested, when it is not only in twins."""

EXCEPT = {
    "config/release.py": "tests/config/test_load.py",
    "control/api/endpoints.py": "tests/control/api/test_openapi.py",
    "control/api/page/static.py": "tests/process/test_page.py",
    "control/process.py": "tests/process/test_releases.py",
    "control/telemetry/spans.py": "tests/control/telemetry/test_tracing.py",
    "dataplane/ports.py": "tests/dataplane/test_exchange.py",
    "dataplane/timings.py": "tests/dataplane/test_edges.py",
    "dataplane/worker.py": "tests/dataplane/test_journey.py",
    "payload/oip_tensors.py": "tests/payload/test_oip.py",
    "stats/state.py": "tests/stats/test_snapshot.py",
}
"""Module to the file that tests it in place of a twin. The list only gets shorter: a new module has a twin."""


def with_logic() -> list[Path]:
    """Modules that have a function or a method."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    modules = [path for path in sorted(HOUSE.rglob("*.py")) if not path.name.startswith("__")]
    return [
        path
        for path in modules
        if any(isinstance(node, functions) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    ]


def twin_of(module: Path) -> Path:
    """Where the tests of a module are, if it has a twin."""
    place = module.relative_to(HOUSE)
    return ROOT / "tests" / place.parent / f"test_{place.name}"


def excused(module: Path) -> bool:
    """Whether a module is in one of the tables."""
    name = str(module.relative_to(HOUSE))
    return name in EXCEPT or any(name.startswith(f"{folder}/") for folder in THEMES)


@pytest.mark.parametrize("module", with_logic(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_module_has_a_twin_or_a_reason(module: Path) -> None:
    assert twin_of(module).exists() or excused(module), f"{twin_of(module).relative_to(ROOT)} is not there"


def test_what_is_excused_is_there_and_has_no_twin() -> None:
    for module, tests in EXCEPT.items():
        assert (HOUSE / module).exists(), f"{module} is gone: its row too"
        assert not twin_of(HOUSE / module).exists(), f"{module} has a twin: its row goes"
        assert (ROOT / tests).exists(), f"{tests} is not there"
