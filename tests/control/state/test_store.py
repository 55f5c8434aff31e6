"""The state file: what it keeps, what it refuses, and that a kill at any point loses nothing that was acknowledged."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.contracts.release import RouteState
from proxy.control.state.state_file import APPLICATION_ID, StoreError
from proxy.control.state.store import Store
from proxy.release.audit import GENESIS, Change, entry_of, verify


def state(name: str = "cancer", **changes: object) -> RouteState:
    return RouteState(**({"route": name, "phase": "steady", "primary": "v1"} | changes))  # type: ignore[arg-type]


def change(why: str = "because") -> Change:
    return Change("ops", "split", "cancer", why, before=None, after=state())


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    path = str(tmp_path / "p.db")
    store = Store(path)
    store.save([state(split={"v2": 25.0}), state("other")], [change("one"), change("two")], 7, 12.5)
    store.close()
    again = Store(path)
    assert again.states() == {"cancer": state(split={"v2": 25.0}), "other": state("other")}
    assert (again.head.revision, again.head.count) == (7, 2)
    first, second = [entry_of(link) for link in again.chain()]
    assert (first.why, second.why, first.previous, first.at) == ("one", "two", GENESIS, 12.5)
    assert verify(again.chain(), again.head.count, again.head.hash) is None
    again.close()


def test_audit_is_read_in_pages_and_by_route() -> None:
    store = Store(":memory:")
    store.save([], [change(str(n)) for n in range(5)], 1, 0.0)
    store.save([], [Change("ops", "split", "other", "x")], 2, 0.0)
    assert [entry_of(link).seq for link in store.audit(after=2, limit=2)] == [3, 4]
    assert [entry_of(link).seq for link in store.newest(2)] == [6, 5]
    assert [entry_of(link).seq for link in store.newest(9, "other")] == [6]
    assert [entry_of(link).seq for link in store.audit(0, 9, "other")] == [6]
    store.close()


def test_the_audit_cannot_be_changed_through_sql(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "p.db"))
    store.save([], [change()], 1, 0.0)
    store.close()
    db = sqlite3.connect(tmp_path / "p.db")
    for statement in ("UPDATE audit SET body = ''", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
    db.close()


def test_a_failed_save_writes_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "p.db"))
    store.save([state()], [change()], 1, 0.0)
    other = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    other.execute("CREATE TRIGGER full BEFORE UPDATE ON head BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    other.close()
    with pytest.raises(StoreError, match="disk full"):
        store.save([state(split={"v2": 1.0})], [change()], 2, 0.0)
    assert store.states() == {"cancer": state()}
    assert (store.head.count, len(store.audit())) == (1, 1)
    store.close()


def test_a_full_disk_is_a_sentence_and_nothing_is_half_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "p.db"))
    store.save([state()], [change()], 1, 0.0)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="disk is full"):
        store.save([state(reason="x" * 50_000)], [change("y" * 50_000)], 2, 0.0)
    assert (store.states(), store.head.count) == ({"cancer": state()}, 1)
    store._db.execute("PRAGMA max_page_count = 100000")
    store.save([state(reason="later")], [change()], 2, 0.0)
    assert verify(store.chain(), store.head.count, store.head.hash) is None
    store.close()


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "p.db")
    store = Store(path)
    store.save([state()], [change()], 1, 0.0)
    with pytest.raises(StoreError, match="in use by another penumbra"):
        Store(path)
    reader = Store(path, write=False)
    assert reader.states() == {"cancer": state()}
    with pytest.raises(StoreError, match="readonly"):
        reader.save([state()], [change()], 2, 0.0)
    reader.close()
    store.close()


def foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.close()


def newer(path: Path) -> None:
    Store(str(path)).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def no_sqlite(path: Path) -> None:
    path.write_bytes(b"this is a text about something else " * 100)


def damaged(path: Path) -> None:
    store = Store(str(path))
    store.save([state(str(n)) for n in range(200)], [change("x" * 500) for _ in range(200)], 1, 0.0)
    store.close()
    content = bytearray(path.read_bytes())
    for at in range(8192, len(content), 4096):
        content[at : at + 512] = bytes(512)
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    store = Store(str(path))
    store.save([], [change(), change()], 1, 0.0)
    store.close()
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER audit_no_delete")
    db.execute("DELETE FROM audit WHERE seq = 2")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (foreign, "something else"),
        (newer, "schema 99"),
        (no_sqlite, "not a database"),
        (damaged, "no state or audit can be read"),
    ],
)
def test_files_that_cannot_be_trusted_are_refused_and_left_as_they_are(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "p.db"
    make(path)  # type: ignore[operator]
    before = path.read_bytes()
    with pytest.raises(StoreError, match=said):
        Store(str(path))
    assert path.read_bytes() == before


def test_damaged_pages_are_salvaged_and_the_damaged_file_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "p.db"
    Store(str(path)).close()
    store = Store(str(path))
    store.save([state(str(n)) for n in range(200)], [change("x" * 500) for _ in range(200)], 1, 0.0)
    store.close()
    content = bytearray(path.read_bytes())
    content[-4096:] = bytes(4096)
    path.write_bytes(content)
    before = path.read_bytes()
    store = Store(str(path))
    assert "could be read" in store.faults[0] and store.salvaged
    assert "what can be read goes into a new file" in caplog.text and "backup" not in caplog.text
    assert (tmp_path / "p.db.damaged-1").read_bytes() == before
    store.save([state("later")], [change()], 2, 0.0)
    store.close()
    again = Store(str(path))
    assert "later" in again.states()
    again.close()


def test_an_end_that_was_cut_off_is_said_and_the_gap_stays_visible(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    cut_off(path)
    store = Store(str(path))
    assert "end of the audit chain" in store.faults[0]
    store.save([state()], [change()], 2, 0.0)
    assert verify(store.chain(), store.head.count, store.head.hash) is not None
    store.close()


def test_a_path_that_cannot_be_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        Store(str(tmp_path / "no" / "p.db"))
    with pytest.raises(StoreError, match="no such file"):
        Store(str(tmp_path / "absent.db"), write=False)


def test_our_files_carry_our_mark(tmp_path: Path) -> None:
    Store(str(tmp_path / "p.db")).close()
    db = sqlite3.connect(tmp_path / "p.db")
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    db.close()


WRITER = """
import sys
from proxy.contracts.release import RouteState
from proxy.control.state.store import Store
from proxy.release.audit import Change
store = Store(sys.argv[1])
number = store.head.count
while True:
    number += 1
    state = RouteState("cancer", "steady", "v1", split={"v2": number / 1000})
    store.save([state], [Change("ops", "split", "cancer", str(number), after=state)], number, 0.0)
    print(number, flush=True)
"""


def test_killed_at_any_point_the_state_is_the_last_acknowledged_or_the_one_under_way(tmp_path: Path) -> None:
    path = str(tmp_path / "p.db")
    for patience in range(1, 13):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(patience):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        store = Store(path)
        last = store.head.count
        assert last >= max(acknowledged, default=0)
        assert store.states()["cancer"].split == {"v2": last / 1000}
        assert verify(store.chain(), store.head.count, store.head.hash) is None
        store.close()


@pytest.mark.parametrize("write", [True, False])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, write: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, found in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a directory")):
        with pytest.raises(StoreError, match=f"{path}: .*{found}; allowed: a regular file"):
            Store(str(path), write=write)


def test_what_keeps_nothing_cannot_be_read_by_another(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="state is :memory:, nothing is kept"):
        Store(":memory:", write=False)
    with pytest.raises(StoreError, match=r"p\.db: no such file; a sidecar makes it"):
        Store(str(tmp_path / "p.db"), write=False)
