"""The two files of a capture: bounds of size and age, kills, full disks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.capture.format import FORMAT, Header
from proxy.control.capture.reading import CaptureFiles, facts_of, legs_in
from proxy.control.capture.sealed_file import SealedFile
from tests.control.capture.test_seal import legs

HEADER = Header(penumbra_capture=FORMAT, made="0.2.0", began=0.0)


def file(folder: Path, max_bytes: int = 100_000, max_age: float = 0.0) -> SealedFile:
    return SealedFile(str(folder / "records"), max_bytes, max_age, HEADER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(st.lists(st.sampled_from(["line", "lines", "close", "kill", "cut"]), max_size=40), st.integers(2_500, 6_000))
def test_whatever_happens_the_files_are_readable_and_within_their_bytes(
    folder: Path, acts: list[str], size: int
) -> None:
    for each in folder.iterdir():
        each.unlink()
    written, made = file(folder, size), legs(1)
    for act in acts:
        if act in ("line", "lines"):
            written.append(made * (1 + 2 * (act == "lines")), 1000.0)
        elif act == "close":
            written.close()
        else:
            written.leave()
            if act == "cut" and (folder / "records").exists():
                with (folder / "records").open("ab") as partial:
                    partial.write(made[0][:60])
            written = file(folder, size)
        paths = [path for path in (folder / "records.1", folder / "records") if path.exists()]
        assert sum(path.stat().st_size for path in paths) <= size + 60
        assert all(leg.exchange == 0 for leg in legs_in(paths))
    written.close()


def test_segments_name_the_one_before(tmp_path: Path) -> None:
    written = file(tmp_path)
    for _ in range(2):
        written.append(legs(2), 1000.0)
        written.close()
    facts = facts_of(tmp_path / "records")
    assert [bool(header.after) for header in facts.headers] == [False, True]
    assert (facts.sealed, facts.unsealed) == (6, "")


def test_a_full_file_is_sealed_and_makes_room(tmp_path: Path) -> None:
    written = file(tmp_path, 6_000)
    for line in legs(60):
        written.append([line], 1000.0)
    assert written.replaced > 1
    older, newer = CaptureFiles([tmp_path / "records.1", tmp_path / "records"]).files
    assert older.unsealed == "" and newer.open > 0
    written.close()
    assert facts_of(tmp_path / "records").unsealed == ""


def test_lines_grow_old(tmp_path: Path) -> None:
    written = file(tmp_path, max_age=100.0)
    written.append(legs(1), 1000.0)
    written.look(1049.0)
    assert not (tmp_path / "records.1").exists()
    written.look(1050.0)
    assert (tmp_path / "records.1").exists() and not (tmp_path / "records").exists()
    os.utime(tmp_path / "records.1", (1050.0, 1050.0))
    written.look(1149.0)
    assert (tmp_path / "records.1").exists()
    written.look(1150.0)
    assert not (tmp_path / "records.1").exists() and written.aged == 2


def test_age_is_that_of_the_first_line_also_after_a_restart(tmp_path: Path) -> None:
    for now in (1000.0, 1040.0):
        written = file(tmp_path, max_age=100.0)
        written.append(legs(1), now)
        written.close()
    written = file(tmp_path, max_age=100.0)
    written.append(legs(1), 1045.0)
    written.look(1051.0)
    assert written.aged == 1


def test_what_an_earlier_process_left_grows_old_though_nobody_writes(tmp_path: Path) -> None:
    written = file(tmp_path, max_age=100.0)
    written.append(legs(1), 1000.0)
    written.close()
    later = file(tmp_path, max_age=100.0)
    later.look(1049.0)
    assert later.aged == 0
    later.look(1051.0)
    assert later.aged == 1 and not (tmp_path / "records").exists()


def test_a_part_of_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = file(tmp_path)
    written.append(legs(1), 1000.0)
    whole, write = (tmp_path / "records").stat().st_size, os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    with pytest.raises(OSError, match="No space left"):
        written.append(legs(1), 1000.0)
    monkeypatch.undo()
    assert (tmp_path / "records").stat().st_size == whole
