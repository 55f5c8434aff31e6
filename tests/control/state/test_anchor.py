"""The anchor: lines with each change, what is beyond the chain, and files that cannot be written or read."""

from __future__ import annotations

from pathlib import Path

from proxy.contracts.release import RouteState
from proxy.control.state.anchor import Anchor, lines_of
from proxy.control.state.rows import ChainHead

STATE = RouteState("r", "rolled_back", "v1", rolled_back=("v2",))
HEADS = [ChainHead(1, number, f"{number:064d}") for number in range(4)]


def test_each_change_is_a_line_and_nothing_twice(tmp_path: Path) -> None:
    anchor = Anchor(str(tmp_path / "anchor"))
    for head in (HEADS[0], HEADS[1], HEADS[1], HEADS[2]):
        anchor.note(head, [STATE], 5.0)
    lines = list(lines_of(anchor.path))
    assert [line and (line.count, line.hash, line.at) for line in lines] == [
        (1, HEADS[1].hash, 5.0),
        (2, HEADS[2].hash, 5.0),
    ]
    assert lines[0] is not None
    assert lines[0].rolled_back == {"r": ("v2",)}


def test_what_is_beyond_the_chain(tmp_path: Path) -> None:
    anchor = Anchor(str(tmp_path / "anchor"))
    for head in HEADS[1:]:
        anchor.note(head, [STATE], 5.0)
    chain = {head.count: head.hash for head in HEADS[1:]}
    assert anchor.beyond(chain) == []
    assert [line.count for line in anchor.beyond({1: chain[1]})] == [2, 3]
    assert [line.count for line in anchor.beyond({1: "other", 2: "other", 3: "other"})] == [1, 2, 3]
    assert Anchor(str(tmp_path / "none")).beyond(chain) == []


def test_a_line_that_was_torn_or_damaged_is_none_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    anchor = Anchor(str(tmp_path / "anchor"))
    anchor.note(HEADS[1], [STATE], 5.0)
    with open(anchor.path, "ab") as file:
        file.write(b'\xff\x00 garbage\n{"count": 2, "ha')
    assert [line is None for line in lines_of(anchor.path)] == [False, True]
    anchor.note(HEADS[2], [STATE], 6.0)
    assert [line and line.count for line in lines_of(anchor.path)] == [1, None, None, 2]


def test_one_that_cannot_be_written_is_counted_and_works_again(tmp_path: Path) -> None:
    anchor = Anchor(str(tmp_path / "folder" / "anchor"))
    anchor.note(HEADS[1], [STATE], 5.0)
    assert anchor.errors == 1 and "cannot be written: No such file or directory" in anchor.fault
    (tmp_path / "folder").mkdir()
    anchor.note(HEADS[2], [STATE], 5.0)
    assert (anchor.errors, anchor.fault) == (1, "")
    Anchor("").note(HEADS[2], [STATE], 5.0)
