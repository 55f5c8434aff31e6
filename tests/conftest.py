"""What all tests share. Properties are about results, not speed: a slow machine must not fail them.

A property is tried with fifty examples, others in each run; where a rule is only met by more, its test says so.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("penumbra", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("penumbra")

os.environ.setdefault("PENUMBRA_OPTIMIZE", "1")  # how long compiling takes counts, how fast that runs does not

LONG = ("compiled/test_package.py", "e2e", "compiled", "process", "demo", "dataplane")
"""Files and folders that take long, the longest first. Compiling comes before what waits for it."""


@pytest.fixture(autouse=True)
def databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests drop stores as a killed process does; from 3.13 on, Python warns of a connection that nobody has closed."""
    connect = sqlite3.connect
    opened: list[sqlite3.Connection] = []

    def connected(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connected)
    yield
    for each in opened:
        with suppress(sqlite3.Error):
            each.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins first, so that several processes end at about the same time."""
    items.sort(key=lambda item: _rank(item.path.relative_to(config.rootpath / "tests")))


def _rank(path: Path) -> int:
    return next((rank for rank, name in enumerate(LONG) if path.is_relative_to(name)), len(LONG))
