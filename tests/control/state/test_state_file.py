"""The state file on its disk: which file it is, whether it is still there, and what it may be."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy import files
from proxy.contracts.release import RouteState
from proxy.control.state.state_file import (
    TABLES,
    DamagedFileError,
    StoreError,
    bears_our_mark,
    ids_of,
    locked,
    opened,
)
from proxy.control.state.store import Store
from proxy.release.audit import Change, verify

CHANGE = Change("ops", "split", "r", "because")


def state(percent: float) -> RouteState:
    return RouteState("r", "steady", "v1", split={"v2": percent})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "p.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(str(path))
    made.save([state(1.0)], [CHANGE], 1, 0.0)
    yield made
    made.close()


def beside(path: Path, *endings: str) -> None:
    for ending in endings:
        Path(f"{path}{ending}").unlink()


def moved_and_new(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.mkdir()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: beside(path, ""),
        lambda path: beside(path, "", "-wal", "-shm", ".lock"),
        lambda path: beside(path, "-wal"),
        lambda path: beside(path, "-shm"),
        lambda path: beside(path, "-wal", "-shm"),
        moved_and_new,
        os.utime,
    ],
)
def test_a_file_that_vanished_is_written_anew_with_all_of_it(
    path: Path, store: Store, harm: Callable[[Path], None]
) -> None:
    harm(path)
    store.save([state(2.0)], [CHANGE], 2, 0.0)
    with closing(sqlite3.connect(path)) as db:  # as another program finds it
        assert db.execute("SELECT count, revision FROM head").fetchone() == (2, 2)
    with closing(Store(str(path), write=False)) as other:
        assert other.states() == {"r": state(2.0)}
        assert verify(other.chain(), other.head.count, other.head.hash) is None
    assert store.renewed == (harm is not os.utime)
    with pytest.raises(StoreError, match="in use"):
        Store(str(path))


def copied_over(path: Path) -> None:
    shutil.copy(path, f"{path}.copy")
    os.replace(f"{path}.copy", path)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (copied_over, "another file stands in its place"),
        (emptied, "another program has written into it"),
        (lambda path: path.parent.rename(path.parent.with_name("moved")), "cannot be"),
    ],
)
def test_what_cannot_be_proved_stored_is_refused_until_it_can(
    path: Path, store: Store, harm: Callable[[Path], None], said: str
) -> None:
    harm(path)
    with pytest.raises(StoreError, match=said):
        store.save([state(2.0)], [CHANGE], 2, 0.0)
    if path.exists():
        path.unlink()
    path.parent.mkdir(exist_ok=True)
    store.save([state(3.0)], [CHANGE], 3, 0.0)
    with closing(Store(str(path), write=False)) as other:
        assert other.states() == {"r": state(3.0)}


def test_a_change_that_was_refused_after_it_was_written_is_taken_back(path: Path, store: Store) -> None:
    def vanishes() -> None:
        raise StoreError("gone in the meantime")

    store._prove = vanishes  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="meantime"):
        store.save([state(2.0)], [CHANGE], 2, 0.0)
    assert store.states() == {"r": state(1.0)}
    assert verify(store.chain(), store.head.count, store.head.hash) is None


def test_a_lock_is_of_one_process(tmp_path: Path) -> None:
    lock = locked(str(tmp_path / "p.db"))
    with pytest.raises(StoreError, match="in use"):
        locked(str(tmp_path / "p.db"))
    os.close(lock)


def test_a_lock_that_was_removed_lets_no_two_write(path: Path, store: Store) -> None:
    Path(f"{path}.lock").unlink()
    other = Store(str(path))
    with pytest.raises(StoreError, match="in use by another"):
        store.save([state(2.0)], [CHANGE], 2, 0.0)
    other.save([state(3.0)], [CHANGE], 2, 0.0)
    assert other.states() == {"r": state(3.0)}
    other.close()


def test_files_are_known_by_device_and_inode(path: Path, store: Store) -> None:
    ids = ids_of(str(path))
    assert ids.main == (path.stat().st_dev, path.stat().st_ino)
    assert all(ids.beside)
    assert ids_of(str(path.with_name("none"))).main is None


def test_values_in_rows_are_no_damage_to_the_file(path: Path, store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE head SET count = 'x', revision = NULL")
        db.commit()
    opened(str(path), False).close()
    assert bears_our_mark(str(path))
    assert not bears_our_mark(str(path.with_name("none")))


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_that_is_gone_is_damage_and_the_others_are_salvaged(path: Path, store: Store, table: str) -> None:
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"DROP TABLE {table}")
    with pytest.raises(DamagedFileError, match=f"no table {table}"):
        opened(str(path), False)
    with closing(Store(str(path))) as again:
        assert again.salvaged
        assert again.states() == ({} if table == "states" else {"r": state(1.0)})
        assert len(again.audit()) == (table != "audit")
        again.save([state(2.0)], [CHANGE], 2, 0.0)


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_what_is_no_file_is_refused_beside_the_state_file_too(path: Path, ending: str) -> None:
    Path(f"{path}{ending}").mkdir()
    with pytest.raises(StoreError, match="a directory; allowed: a regular file"):
        Store(str(path))


def test_a_head_without_room_is_begun_anew(path: Path, store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE head SET revision = 1 << 53")
        db.commit()
    with closing(Store(str(path))) as again:
        again.save([state(2.0)], [CHANGE], again.head.revision + 1, 0.0)
        assert verify(again.chain(), again.head.count, again.head.hash) is None


@pytest.mark.parametrize("name", ["state.db.lock", "state.db"])
def test_a_file_that_may_not_be_written_says_whose_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    create = files.create

    def refused(each: str, mode: int = 0o600) -> None:
        if each == str(tmp_path / name):
            raise PermissionError(13, "Permission denied", each)
        create(each, mode)

    monkeypatch.setattr(files, "create", refused)
    with pytest.raises(
        StoreError, match=r"Permission denied: .* mode 0\d+; this runs as user \d+ with groups"
    ) as caught:
        Store(str(path))
    assert str(tmp_path) in str(caught.value)


def test_the_files_of_a_folder_of_a_group_are_its_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    Store(str(tmp_path / "state.db")).close()
    assert all(path.stat().st_mode & 0o060 == 0o060 for path in tmp_path.iterdir())
