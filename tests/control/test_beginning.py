"""What control does first: it opens its files, and promises workers a table where they have none."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.contracts.fleet import Fleet
from proxy.contracts.settings import ConfigError, Problem, Settings
from proxy.contracts.table import Table
from proxy.control import beginning
from proxy.control.beginning import EXIT_CONFIG, EXIT_STORE, Begun, begin
from proxy.link.slot import TableSlot
from tests.control.houses import settings


@pytest.fixture
def slot() -> Iterator[TableSlot]:
    with tempfile.TemporaryFile() as file:
        yield TableSlot(file.fileno())


def at(home: Path) -> Settings:
    return replace(settings(), state=str(home / "state.db"))


def test_the_first_control_promises_a_table(slot: TableSlot, tmp_path: Path) -> None:
    before = time.monotonic()
    begun = begin(lambda: at(tmp_path), slot)
    assert isinstance(begun, Begun) and begun.found is not None
    begun.close()
    table, promised = slot.promised()
    assert table is not None and table.revision == 0
    assert before <= promised <= time.monotonic()
    assert [share.version for share in table.routes[0].split] == ["v2"]


def test_a_later_control_promises_none(slot: TableSlot, tmp_path: Path) -> None:
    slot.write(Table(7, {}, ()))
    begun = begin(lambda: at(tmp_path), slot)
    assert isinstance(begun, Begun) and begun.found is None
    begun.close()
    assert slot.promised() == (Table(7, {}, ()), 0.0)


def test_in_a_fleet_the_judge_says_what_is_in_force(slot: TableSlot, tmp_path: Path) -> None:
    begun = begin(lambda: replace(at(tmp_path), fleet=Fleet("redis://unused", "f")), slot)
    assert isinstance(begun, Begun) and begun.mirror is not None
    begun.close()
    assert slot.read() is None


def test_what_cannot_be_used_is_an_exit_code(slot: TableSlot, tmp_path: Path) -> None:
    def unreadable() -> Settings:
        raise ConfigError((Problem("routes", "nothing", "a mapping"),))

    assert begin(unreadable, slot) == EXIT_CONFIG
    assert begin(lambda: replace(settings(), state=str(tmp_path / "not" / "there")), slot) == EXIT_STORE
    assert slot.read() is None


def test_workers_wait_where_the_table_cannot_be_promised(
    slot: TableSlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Table:
        raise RuntimeError("a bug")

    monkeypatch.setattr(beginning, "first_table", fails)
    begun = begin(lambda: at(tmp_path), slot)
    assert isinstance(begun, Begun) and slot.read() is None
    begun.close()


def test_it_needs_neither_statistics_nor_the_admin_api() -> None:
    code = "import sys, proxy.control.beginning; print({'numpy', 'aiohttp', 'prometheus_client'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
