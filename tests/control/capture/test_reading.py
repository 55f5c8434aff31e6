"""Capture files as they are read: whole, cut anywhere, altered, foreign."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.control.capture.format import LabelLine, UnreadableLineError, captured, line_of
from proxy.control.capture.reading import CaptureFiles, facts_of, legs_in
from tests.control.capture.test_seal import legs, segment
from tests.support.records import record

WHOLE = b"".join(segment(6))


def written(folder: Path, data: bytes) -> Path:
    path = folder / "records"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures")


def test_a_sealed_file_is_vouched_for(tmp_path: Path) -> None:
    facts = facts_of(written(tmp_path, WHOLE))
    assert (facts.lines, facts.sealed, facts.unsealed, facts.cut) == (8, 7, "", 0)
    assert facts.sha256 == sha256(WHOLE).hexdigest()


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_was_cut_anywhere_is_read_up_to_its_last_whole_line_and_says_so(folder: Path, size: int) -> None:
    path = written(folder, WHOLE[:size])
    facts = facts_of(path)
    whole = (WHOLE[:size] + WHOLE[size : size + 1].replace(b"{", b"")).count(b"\n")  # also one that lacks but its end
    assert facts.lines == whole and facts.cut == (size - WHOLE[:size].rfind(b"\n") - 1) * (WHOLE[size] != 10)
    assert len(list(legs_in([path]))) == max(min(whole - 1, 6), 0)
    assert bool(facts.unsealed) == (whole < 8)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 40))
def test_a_file_that_lost_its_middle_is_refused(folder: Path, at: int, count: int) -> None:
    damaged = WHOLE[:at] + WHOLE[at + count :]
    if len(damaged) <= at:
        return  # cut at its end
    path = written(folder, damaged)
    try:
        facts = facts_of(path)
    except UnreadableLineError as error:
        assert str(error).startswith(f"{path}, line ")
    else:
        assert facts.unsealed


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x1f\x8b\x08\x00" + bytes(50), "line 1: this is packed by gzip, and no capture: unpack it first"),
        (b"time,route\n1,2\n", "line 1: no line of a capture"),
        (b'{"a": 1}\n', "line 1: no line of a capture"),
        (b"\n# ours\nlisten: 127.0.0.1:8080\n", "line 2: this is YAML, as a configuration is, and no capture"),
        (b"listen: 127.0.0.1:8080\n", "line 1: this is YAML"),
        (b"---\n", "line 1: this is YAML"),
        (b'{"a": 1', "line 1: "),
        (WHOLE + legs(1)[0], "line 9: a line behind the seal"),
        (WHOLE[WHOLE.index(b"\n") + 1 :], "line 7: a seal without a header"),
    ],
)
def test_what_is_none_is_refused_with_the_line(tmp_path: Path, data: bytes, why: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UnreadableLineError, match=f"{path}, {why}"):
        facts_of(path)


def test_nothing_is_given_of_a_file_that_is_altered_at_its_end(tmp_path: Path) -> None:
    lines = segment(6)
    path = written(tmp_path, b"".join([*lines[:6], lines[6].replace(b'"id"', b'"ie"'), lines[7]]))
    with pytest.raises(UnreadableLineError, match=r"line 8: the sha256 of the seal .* between lines 1 and 7"):
        next(legs_in([path]))


def test_a_file_that_grows_is_read_up_to_where_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(segment(3)))
    files = CaptureFiles([path])
    with path.open("ab") as more:
        more.write(b"".join(segment(4)))
    assert len(list(files.legs())) == 3


def test_a_leg_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join([*legs(2), legs(1)[0].replace(b'"id"', b"3"), legs(1)[0]]))
    with pytest.raises(UnreadableLineError, match=rf"^{path}, line 3: .*request_id"):
        list(CaptureFiles([path]).batches())


def test_files_that_overlap_give_each_leg_once(tmp_path: Path) -> None:
    """Copies of a file made at two times; and a file behind itself, as `cat` makes it."""
    early, late, both = tmp_path / "early", tmp_path / "late", tmp_path / "both"
    early.write_bytes(b"".join(segment(6)[:4]))
    late.write_bytes(WHOLE)
    both.write_bytes(WHOLE * 2)
    for paths, twice in (([early, late], 3), ([both], 6), ([late], 0)):
        files = CaptureFiles(paths)
        assert [leg.exchange for leg in files.legs()] == list(range(6))
        assert files.twice == twice and bool(files.repeated) == bool(twice)


def test_files_of_before_are_read_and_say_so(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(legs(3)))
    facts = facts_of(path)
    assert (facts.bare, facts.headers) == (3, ()) and "no header" in facts.unsealed
    assert len(list(legs_in([path]))) == 3


def test_labels_are_read_apart(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(legs(2)) + line_of(LabelLine(label=[1, 2], request_id="id", at=5.0)))
    files = CaptureFiles([path])
    assert files.files[0].labels == 1
    assert [(line.request_id, line.label) for line in files.labels()] == [("id", [1, 2])]
    assert len(list(files.legs())) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"started": 1.79e12}, "started is 1.79e+12: no Unix time in seconds"),
        ({"started": -1.0}, "started is -1"),
        ({"total": -1.0}, "total is -1"),
        ({"weight": 0.0}, "weight is 0"),
    ],
)
def test_what_no_exchange_can_have_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, float], why: str
) -> None:
    wrong = line_of(replace(captured(record(exchange=9), (0, "a"), False), **changes))
    for lines in ((*legs(2), wrong), (segment(0)[0], *legs(1), wrong)):
        with pytest.raises(UnreadableLineError, match=r"line 3: " + re.escape(why)):
            list(legs_in([written(tmp_path, b"".join(lines))]))
