"""What outlives a process of what was told."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from proxy.control.disk_thread import DiskThread
from proxy.control.messages import kept as room
from proxy.control.messages.kept import KeptMessages, Remains, ToldWarning
from tests.control.messages.notes import MESSAGE, RESOLVED
from tests.support.plane import PATIENCE

KEPT = Remains({MESSAGE.key: MESSAGE}, {"warning/x": ToldWarning(MESSAGE, 2)}, {"ops": [MESSAGE, RESOLVED]})


def test_what_was_kept_is_read_by_the_next(tmp_path: Path) -> None:
    state = str(tmp_path / "state.db")
    assert KeptMessages(state).read() == Remains()
    KeptMessages(state).keep(KEPT)
    assert KeptMessages(state).read() == KEPT
    file = tmp_path / "state.db.messages"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_it_is_written_only_where_it_is_another_one(tmp_path: Path) -> None:
    keeping = KeptMessages(str(tmp_path / "state.db"))
    keeping.keep(KEPT)
    (tmp_path / "state.db.messages").unlink()
    keeping.keep(KEPT)
    assert not [*tmp_path.iterdir()]


def test_without_a_file_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keeping = KeptMessages(":memory:")
    keeping.keep(KEPT)
    assert keeping.read() == Remains()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("content", [b"", b"{", b'{"open": 1}', b"\xff\xfe", b"[]"])
def test_a_damaged_file_costs_a_second_message_and_nothing_else(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "state.db.messages").write_bytes(content)
    keeping = KeptMessages(str(tmp_path / "state.db"))
    assert keeping.read() == Remains()
    assert keeping.errors == 1
    keeping.keep(KEPT)
    assert KeptMessages(str(tmp_path / "state.db")).read() == KEPT


def test_a_disk_that_takes_nothing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeping = KeptMessages(str(tmp_path / "gone" / "state.db"))
    keeping.keep(KEPT)
    keeping.keep(Remains())
    keeping.keep(KEPT)
    assert keeping.errors == 2, "nothing is no other than what is there"
    assert len(caplog.records) == 1


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_KEPT_BYTES", 100)
    KeptMessages(str(tmp_path / "state.db")).keep(KEPT)
    monkeypatch.undo()
    assert KeptMessages(str(tmp_path / "state.db")).read() == Remains(KEPT.open, KEPT.warned)


def test_a_disk_that_hangs_holds_nobody(tmp_path: Path) -> None:
    keeping, disk, free = KeptMessages(str(tmp_path / "state.db")), DiskThread(patience=0.01), threading.Event()
    keeping.use(disk)
    disk.glance(free.wait)
    keeping.keep(KEPT)
    keeping.keep(KEPT, True)
    assert keeping.errors > 0 and not [*tmp_path.iterdir()]
    free.set()
    disk._patience = PATIENCE
    keeping.keep(KEPT, True)
    assert KeptMessages(str(tmp_path / "state.db")).read() == KEPT
