"""What all tests share. Properties are about results, not speed: a slow machine must not fail them.

A property is tried with fifty examples, others in each run; where a rule is only met by more, its test says so.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("penumbra", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("penumbra")

os.environ.setdefault("PENUMBRA_OPTIMIZE", "1")  # how long compiling takes counts, how fast that runs does not

LONG = ("compiled/test_package.py", "e2e", "process/chaos", "compiled", "process", "demo", "dataplane")
"""Files and folders that take long, the longest first. Compiling comes long before what waits for it: four files of
`compiled` would each keep a process of pytest idle until there is a package."""


OF_THREADS: list[sqlite3.Connection] = []
"""Connections that other threads than the test's opened: such a thread may use one when the test has ended."""


@pytest.fixture(autouse=True)
def databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests drop stores as a killed process does; from 3.13 on, Python warns of a connection that nobody has closed."""
    connect, test = sqlite3.connect, threading.current_thread()
    opened: list[sqlite3.Connection] = []

    def connected(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **kwargs)
        (opened if threading.current_thread() is test else OF_THREADS).append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)
    yield
    close(opened)


def close(connections: list[sqlite3.Connection]) -> None:
    """Closes them all, those too that are closed."""
    for each in connections:
        with suppress(sqlite3.Error):
            each.close()


def pytest_sessionfinish() -> None:
    """No thread has anything left to do."""
    close(OF_THREADS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins first, so that several processes end at about the same time."""
    items.sort(key=lambda item: _rank(item.path.relative_to(config.rootpath / "tests")))


def _rank(path: Path) -> int:
    return next((rank for rank, name in enumerate(LONG) if path.is_relative_to(name)), len(LONG))
