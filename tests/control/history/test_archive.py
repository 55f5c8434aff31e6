"""The file of the history: whole, bounded, and never a reason for anything else to stop."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.control.history import archive
from proxy.control.history.archive import ArchiveError, StepArchive
from proxy.control.history.shelf import Block
from proxy.control.history.steps import ArmStep, TimeStep, encode, packed

ARM = ("v1", "primary")
LIMIT = 1 << 20


def block(start: int, n: int, step: int = 1, route: str = "r") -> Block:
    one = TimeStep(start, step, 1, arms={ARM: ArmStep([n, 0, 0, 0, 0, 0])})
    return Block(step, route, start - start % {1: 10, 60: 60, 600: 600}[step], packed([encode(one)]))


def counts(blocks: list[Block]) -> list[tuple[int, int]]:
    return [(step.start, step.arms[ARM].outcomes[0]) for each in blocks for step in each.steps()]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state.db.history")


def test_what_was_stored_is_there_for_the_next_process(path: str) -> None:
    first = StepArchive(path, LIMIT)
    first.begin(1000, 0.0)
    first.write([block(1000, 5), block(1010, 6), block(1000, 9, route="s")], [], 1.0)
    second = StepArchive(path, LIMIT)  # the first was killed
    assert counts(second.begin(1021, 0.0)) == [(1000, 5), (1000, 9), (1010, 6)] or second.begin(1021, 0.0)
    assert counts(second.read(1, "r", 0, 2000)) == [(1000, 5), (1010, 6)]
    assert counts(second.read(1, "r", 1010, 1020)) == [(1010, 6)]
    second.close()
    first.close()


def test_what_was_under_way_when_it_was_killed_is_there(path: str) -> None:
    first = StepArchive(path, LIMIT)
    first.write([block(1000, 5)], [block(1010, 3)], 1.0)
    first.write([], [block(1010, 4)], 2.0)
    assert counts(first.read(1, "r", 0, 2000)) == [(1000, 5)], "the process itself has it"
    second = StepArchive(path, LIMIT)
    assert sorted(counts(second.begin(1015, 3.0))) == [(1000, 5), (1010, 4)]
    second.write([block(1016, 2)], [], 4.0)
    assert sorted(counts(second.begin(1019, 5.0))) == [(1000, 5), (1010, 4), (1016, 2)]
    second.close()
    first.close()


def test_longer_steps_that_are_not_over_are_made_anew(path: str) -> None:
    """The wall clock was set back into a minute whose step was made already."""
    held = StepArchive(path, LIMIT)
    held.write([block(start, 2) for start in range(600, 660, 10)] + [block(600, 12, 60)], [], 1.0)
    assert len(held.begin(655, 2.0)) == 6 and held.read(60, "r", 0, 2000) == []
    held.close()


def test_of_a_block_that_cannot_be_read_its_stretch_is_lost(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(600, 5), Block(1, "r", 610, b"no block"), Block(1, "r", 620, block(620, 7).body[:-3])], [], 1.0)
    held.write([block(625, 1)], [], 1.0)
    held.begin(1000, 2.0)
    assert counts(held.read(60, "r", 0, 2000)) == [(600, 6)]
    held.close()


def test_steps_of_a_clock_that_was_lost_are_as_old_as_the_new_one(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(600, 5)], [], 9e9)
    held.begin(1000, 50.0)
    held.trim({1: 51.0})
    assert held.read(1, "r", 0, 2000) == []
    held.close()


def test_a_smaller_bound_holds_from_the_next_trim_on(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([Block(60, "r", 60 * each, os.urandom(900)) for each in range(500)], [], 1.0)
    held.limit = 300_000
    for _ in range(3):
        held.trim({})
    assert Path(path).stat().st_size <= 300_000 and held.read(60, "r", 60 * 499, 10**9)
    held.close()


PLACES = st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 255)), max_size=40)


@settings(max_examples=25, deadline=None)
@given(PLACES, st.floats(0.0, 1.0), st.booleans())
def test_whatever_became_of_the_file_the_next_but_one_write_is_stored(
    damage: list[tuple[float, int]], left: float, running: bool
) -> None:
    with TemporaryDirectory() as folder:
        path = f"{folder}/state.db.history"
        held = StepArchive(path, LIMIT)
        held.write([block(600 + 10 * each, 3) for each in range(100)], [block(1600, 2)], 1.0)
        if not running:
            held.close()
        spoil(path, damage, left)
        held = held if running else StepArchive(path, LIMIT)
        for _ in range(2):
            with suppress(ArchiveError):
                held.begin(2000, 2.0)
                held.write([block(1990, 5)], [], 2.0)
        if not recognised(path):
            return  # by its head it is of somebody else
        held.write([block(1995, 5)], [], 2.0)
        assert counts(held.read(1, "r", 1990, 2000))[-1][0] == 1995
        held.close()


def spoil(path: str, damage: list[tuple[float, int]], left: float) -> None:
    size = int(os.path.getsize(path) * left)
    os.truncate(path, size)
    with open(path, "r+b") as file:
        for place, byte in damage:
            file.seek(int(place * size))
            file.write(bytes([byte]))


def recognised(path: str) -> bool:
    try:
        StepArchive(path, LIMIT).read(1, "r", 0, 1)
    except ArchiveError as error:
        return "something else" not in str(error) and "schema" not in str(error)
    return True


def test_two_processes_within_one_block_are_joined(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(1000, 5)], [], 1.0)
    held.write([block(1004, 6)], [], 2.0)
    held.write([block(1004, 7)], [], 2.0)
    assert counts(held.read(1, "r", 0, 2000)) == [(1000, 5), (1004, 13)]
    held.close()


def test_longer_steps_that_nobody_made_are_made_at_the_start(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(start, 2) for start in range(600, 1290, 10)], [], 1.0)
    unfinished = held.begin(1290, 0.0)
    assert counts(held.read(60, "r", 0, 2000)) == [(start, 12) for start in range(600, 1260, 60)]
    assert counts(held.read(600, "r", 0, 2000)) == [(600, 120)]
    assert sorted(counts(unfinished)) == [(1200, 12), (1260, 2), (1270, 2), (1280, 2)], "what is under way still"
    held.begin(1290, 0.0)
    assert counts(held.read(600, "r", 0, 2000)) == [(600, 120)], "made once"
    held.close()


def test_steps_ahead_of_the_clock_are_let_go(path: str, caplog: pytest.LogCaptureFixture) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(1000, 5), block(5000, 6)], [], 1.0)
    held.begin(2000, 0.0)
    assert counts(held.read(1, "r", 0, 9000)) == [(1000, 5)] and "ahead of the clock" in caplog.text
    held.close()


def test_age_is_by_the_clock_of_durations(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(1000, 5)], [], 100.0)
    held.write([block(900_000, 6)], [], 150.0)  # the wall clock jumped
    held.trim({1: 120.0, 60: 0.0})
    assert counts(held.read(1, "r", 0, 10**7)) == [(900_000, 6)]
    held.trim({1: 149.0})
    assert counts(held.read(1, "r", 0, 10**7)) == [(900_000, 6)]
    held.close()


def test_a_full_file_lets_go_of_the_oldest_and_keeps_its_size(path: str) -> None:
    held = StepArchive(path, 300_000)
    for place in range(60):
        blocks = [Block(60, "r", 6000 * place + 60 * each, os.urandom(500)) for each in range(20)]
        held.write(blocks, [], float(place))
        held.trim({})
        assert Path(path).stat().st_size <= 300_000
    kept = held.read(60, "r", 0, 10**9)
    assert held.let_go > 0 and kept[-1].start == 6000 * 59 + 60 * 19
    assert [each.start for each in kept] == sorted(each.start for each in kept)
    assert len(kept) > 200
    held.close()
    assert held.size <= 300_000


def test_a_batch_that_has_no_room_is_refused_whole(path: str) -> None:
    held = StepArchive(path, 300_000)
    held.write([block(1000, 5)], [], 1.0)
    with pytest.raises(ArchiveError, match="full"):
        held.write([Block(60, "r", 60 * each, os.urandom(5000)) for each in range(100)], [], 2.0)
    assert held.read(60, "r", 0, 10**9) == [] and counts(held.read(1, "r", 0, 2000)) == [(1000, 5)]
    held.close()


@pytest.mark.parametrize("damage", [b"x" * 5000, b"SQLite format 3\0" + b"y" * 8000])
def test_a_damaged_file_is_put_aside(path: str, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    Path(path).write_bytes(damage)
    held = StepArchive(path, LIMIT)
    assert held.begin(1000, 0.0) == []
    held.write([block(1000, 5)], [], 1.0)
    assert Path(path + archive.ASIDE).read_bytes() == damage and "put aside" in caplog.text
    held.close()


def test_pages_that_broke_are_noticed_at_the_start(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([Block(60, "r", 60 * each, os.urandom(900)) for each in range(100)], [], 1.0)
    held.close()
    with open(path, "r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 8)
    again = StepArchive(path, LIMIT)
    assert again.begin(1000, 0.0) == [] and Path(path + archive.ASIDE).exists()
    again.close()


def test_files_of_others_and_of_later_versions_are_left_alone(path: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    before = Path(path).read_bytes()
    with pytest.raises(ArchiveError, match="something else"):
        StepArchive(path, LIMIT).begin(1000, 0.0)
    assert Path(path).read_bytes() == before
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA application_id = {archive.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(ArchiveError, match="schema 7, this Penumbra reads 1"):
        StepArchive(path, LIMIT).begin(1000, 0.0)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(path: str, tmp_path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ArchiveError, match="a pipe"):
        StepArchive(path, LIMIT).begin(1000, 0.0)
    with pytest.raises(ArchiveError, match="cannot be opened"):
        StepArchive(str(tmp_path / "gone" / "state.db.history"), LIMIT).begin(1000, 0.0)


def test_a_file_that_was_taken_away_is_made_again(path: str) -> None:
    held = StepArchive(path, LIMIT)
    held.write([block(1000, 5)], [], 1.0)
    for ending in ("", *archive.BESIDE):
        Path(path + ending).unlink(missing_ok=True)
    held.write([block(1010, 6)], [], 1.0)
    assert counts(held.read(1, "r", 0, 2000)) == [(1010, 6)] and Path(path).exists()
    held.close()
