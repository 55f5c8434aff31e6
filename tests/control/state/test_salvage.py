"""Salvage: what is read of a damaged file, and what is left as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.control.state.salvage import salvaged
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release.audit import verify
from tests.control.state.damage import ROUTES, made, started


def test_a_first_page_that_is_gone_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    states = made(path)
    with open(path, "r+b") as file:
        file.seek(16)
        file.write(bytes(50))
        file.seek(100)
        file.write(os.urandom(3900))
    sentence = salvaged(str(path))
    assert "3 live states and 6 audit entries" in sentence
    store = Store(str(path))
    assert store.states() == states
    assert verify(store.chain(), store.head.count, store.head.hash) is None
    store.close()


def test_nothing_that_can_be_read_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    path.write_bytes(b"SQLite format 3\0" + os.urandom(20_000))
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no state or audit can be read"):
        salvaged(str(path))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["p.db"]


def test_each_damaged_file_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    made(path)
    assert salvaged(str(path)).endswith("p.db.damaged-1")
    assert salvaged(str(path)).endswith("p.db.damaged-2")


def test_half_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    states = made(path)
    os.truncate(path, path.stat().st_size // 2)
    house = started(path)
    assert "could be read" in house.store.faults[0]
    assert house.split("rolled-back") == {}
    assert all(house.engine.state(route) == states[route] or house.split(route) == {} for route in ROUTES)
    house.store.close()


def test_a_folder_that_takes_no_copy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.db"
    made(path)

    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(StoreError, match=r"cannot be copied to be read: .*No space left"):
        salvaged(str(path))
