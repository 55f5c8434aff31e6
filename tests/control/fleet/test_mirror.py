"""The mirror: it grows as the fleet's chain does, keeps what it had of another, and hinders nobody when it cannot."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st

from proxy.cli.audit import verify_copy
from proxy.control.disk_thread import DiskThread
from proxy.control.fleet.mirror import Mirror, mirror_of
from proxy.control.state.state_file import StoreError, connected
from proxy.control.state.store import Store
from proxy.release.audit import GENESIS, Change, Link, seal, verify
from tests.support.plane import PATIENCE


def chain(count: int, before: tuple[Link, ...] = (), who: str = "ada") -> tuple[Link, ...]:
    """So many entries, which go on from some."""
    made = list(before)
    for number in range(len(before) + 1, count + 1):
        made.append(seal(Change(who, "split", "r", f"{number}"), number, made[-1].hash if made else GENESIS, 1.0))
    return tuple(made)


ONE, OTHER = chain(8), chain(9, chain(2), "bob")


def take(mirror: Mirror, of: tuple[Link, ...], most: int = 1000) -> None:
    """What a table with the newest entries brings, behind those that are known."""
    mirror.take(of[mirror.count :][:most], len(of), of[-1].hash if of else "")


def kept(mirror: Mirror) -> tuple[Link, ...]:
    return tuple(mirror.store.chain())


def test_it_grows_with_the_chain_and_takes_an_entry_once() -> None:
    mirror = Mirror(":memory:")
    mirror.take(ONE[:3], 3, ONE[2].hash)
    mirror.take(ONE[:5], 5, ONE[4].hash)
    mirror.take((), 5, ONE[4].hash)
    assert kept(mirror) == ONE[:5]
    head = mirror.store.head
    assert verify(mirror.store.chain(), head.count, head.hash) is None
    assert mirror.fault == ""
    mirror.close()


@given(st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.integers(0, 9), st.integers(1, 4)), max_size=12))
@of_hypothesis(deadline=None)
def test_it_is_always_one_chain_and_comes_to_that_in_force(tables: list[tuple[tuple[Link, ...], int, int]]) -> None:
    """Tables of two chains with a common past, each of some length, with some of the entries behind what is known."""
    mirror = Mirror(":memory:")
    for of, count, most in tables:
        take(mirror, of[:count], most)
        head = mirror.store.head
        assert verify(mirror.store.chain(), head.count, head.hash) is None
        assert kept(mirror) in {each[: mirror.count] for each in (ONE, OTHER)}
    for _ in range(20):
        take(mirror, OTHER, 2)
    assert kept(mirror) == OTHER
    mirror.close()


def test_another_chain_begins_another_copy_and_the_first_is_kept(tmp_path: Path) -> None:
    path = mirror_of(str(tmp_path / "state"))
    mirror = Mirror(path)
    take(mirror, ONE)
    take(mirror, OTHER[:4])
    take(mirror, OTHER)
    assert kept(mirror) == OTHER
    mirror.close()
    assert Mirror(path).count == len(OTHER)
    aside = Store(f"{path}.1", write=False)
    assert tuple(aside.chain()) == ONE
    aside.close()


def test_each_copy_that_was_left_has_a_name_of_its_own(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "f"))
    for of in (ONE, OTHER, ONE, OTHER):
        for _ in range(2):
            take(mirror, of)
    mirror.close()
    assert {path.name for path in tmp_path.iterdir() if path.name[-1].isdecimal()} == {"f.1", "f.2", "f.3"}


def test_a_disk_that_fails_is_told_and_raises_nothing(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "f"))
    take(mirror, ONE[:3])
    os.mkdir(tmp_path / "elsewhere")
    for path in tmp_path.glob("f*"):
        path.rename(tmp_path / "elsewhere" / path.name)
    os.symlink(tmp_path / "nowhere" / "f", tmp_path / "f")
    take(mirror, ONE)
    assert mirror.fault
    mirror.close()


def test_another_chain_on_a_disk_that_fails_is_told_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = Mirror(str(tmp_path / "f"))
    take(mirror, ONE)

    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        take(mirror, OTHER[:4])
        assert "No space left" in mirror.fault
        assert mirror.count == len(ONE)
        take(mirror, OTHER[:4])
    for _ in range(2):
        take(mirror, OTHER)
    assert (mirror.fault, kept(mirror)) == ("", OTHER)
    mirror.close()


def test_a_copy_begins_with_the_first_entry_that_the_store_has_and_says_so(tmp_path: Path) -> None:
    """A sidecar with an empty disk, in a fleet whose store keeps the newest entries alone."""
    mirror = Mirror(mirror_of(str(tmp_path / "s")))
    mirror.take(ONE[5:7], len(ONE), ONE[-1].hash)
    assert (kept(mirror), mirror.lacks) == (ONE[5:7], True)
    take(mirror, ONE)
    assert (kept(mirror), mirror.lacks, mirror.fault) == (ONE[5:], False, "")
    mirror.close()
    faulty, sentence = verify_copy(str(tmp_path / "s"))
    assert not faulty
    assert "it begins with entry 6" in sentence


def test_a_copy_whose_next_entries_the_store_has_dropped_is_kept_and_another_one_begins(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path / "f"))
    mirror.take(ONE[:3], 3, ONE[2].hash)
    for _ in range(2):
        mirror.take(ONE[5:], len(ONE), ONE[-1].hash)
    assert kept(mirror) == ONE[5:]
    mirror.close()
    aside = Store(f"{tmp_path}/f.1", write=False)
    assert tuple(aside.chain()) == ONE[:3]
    aside.close()


def test_what_was_rolled_back_is_known_at_the_next_start_and_in_another_chain(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    noted = {"r": ((3, 7, "x"), ("v2",)), "q": ((1, 1, "y"), ("v3", "v4"))}
    mirror = Mirror(path)
    assert mirror.learnt() == {}
    mirror.note(noted)
    mirror.close()
    mirror = Mirror(path)
    take(mirror, ONE)
    for _ in range(2):
        take(mirror, OTHER)
    assert (kept(mirror), mirror.learnt()) == (OTHER, noted)
    mirror.note({})
    mirror.store.remember({"r": b"\xc1 of another program"})
    mirror.close()
    mirror = Mirror(path)
    assert mirror.learnt() == {}
    mirror.close()


def test_what_is_noted_while_the_disk_is_busy_or_hangs_is_written_and_nobody_waits_to_know_it(tmp_path: Path) -> None:
    """A rollback that was asked for while a story was on its way to a slow disk would be forgotten by a restart."""
    path, free = str(tmp_path / "f"), threading.Event()
    mirror, disk = Mirror(path), DiskThread(patience=0.05, name="state")
    mirror.use(disk)
    disk.glance(free.wait)
    mirror.note({}, {"1": b"rollback"})
    assert (mirror.asked(), "does not answer" in mirror.fault) == ({"1": b"rollback"}, True)
    free.set()
    disk._patience = PATIENCE
    mirror.look()
    with closing(connected(path, False)) as db:
        assert db.execute("SELECT route, body FROM memory").fetchall() == [("\n1", b"rollback")]
    disk.glance(lambda: time.sleep(0.1))
    mirror.note({}, {"2": b"rollback"})
    assert mirror.store.remembered() == {"\n2": b"rollback"}
    mirror.close()


def test_a_file_that_cannot_be_opened_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(StoreError):
        Mirror(str(tmp_path / "f"))


def test_the_copy_stands_beside_the_state() -> None:
    assert mirror_of("/var/penumbra/state") == "/var/penumbra/state.fleet"
    assert mirror_of(":memory:") == ":memory:"


def test_an_entry_that_cannot_be_read_is_a_fault_and_hinders_nobody() -> None:
    mirror = Mirror(":memory:")
    take(mirror, ONE[:3])
    mirror.take((Link("{ no entry", "0" * 64),), 4, "0" * 64)
    assert mirror.fault
    assert kept(mirror) == ONE[:3]
    take(mirror, ONE)
    assert (kept(mirror), mirror.fault) == (ONE, "")
