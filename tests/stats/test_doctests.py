"""The examples in the docstrings of the statistics give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STATS = ROOT / "proxy" / "stats"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in STATS.rglob("*.py")
    if path.name != "__init__.py" and ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert not failed
    assert tried


@pytest.mark.parametrize("folder", ["sequential", "counts", "drift", "agreement", "quality"])
def test_each_room_of_statistics_has_examples(folder: str) -> None:
    assert [module for module in MODULES if module.startswith(f"proxy.stats.{folder}.")]
