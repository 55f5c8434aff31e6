"""The captured files before anything is sent."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from proxy.cli.replay.capture_facts import CaptureReader
from proxy.control.capture.format import LabelLine, UnreadableLineError, line_of
from proxy.control.replay.judge import ReplayJudge
from tests.support.replayed import capture, leg, trial


def test_files_are_hashed_and_counted(tmp_path: Path) -> None:
    paths = [capture(tmp_path / "a", 3), capture(tmp_path / "b", 2)]
    one, both = CaptureReader(paths[:1]), CaptureReader(paths)
    assert (one.lines, both.lines) == (3, 5)
    hashes = [sha256(path.read_bytes()).hexdigest() for path in paths]
    assert one.sha256 == hashes[0]
    assert both.sha256 == sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()


def test_files_without_a_seal_are_named(tmp_path: Path) -> None:
    reader = CaptureReader([capture(tmp_path / "a", 3)])
    assert [why.partition(":")[0] for why in reader.unsealed] == ["a is not sealed"]
    facts = reader.facts(ReplayJudge(trial()))
    assert (facts.files, facts.sealed, facts.weighted) == (("a",), False, False)


def test_only_exchanges_of_the_route_are_given(tmp_path: Path) -> None:
    reader = CaptureReader([capture(tmp_path / "a", 3), capture(tmp_path / "b", 2, route="other")])
    assert len(list(reader.exchanges("cancer"))) == 3
    assert reader.read == 5


def test_the_same_file_counts_once(tmp_path: Path) -> None:
    paths = [capture(tmp_path / name, 3) for name in ("a", "b")]
    for twice in (paths, paths[:1] * 2):
        with pytest.raises(UnreadableLineError, match="twice"):
            CaptureReader(twice)


def test_an_exchange_that_is_in_files_twice_counts_once(tmp_path: Path) -> None:
    """Files that overlap, as copies made at two times do; and one that has an exchange twice itself."""
    early, late = capture(tmp_path / "early", 5), capture(tmp_path / "late", 8)
    late.write_bytes(late.read_bytes() + line_of(leg(7)))
    reader = CaptureReader([early, late])
    for _ in range(2):
        assert [each.key[1] for each in reader.exchanges("cancer")] == list(range(1, 9))
        assert reader.twice == 6
    assert reader.repeated == ("6 records are in the files more than once, and counted once",)


def test_exchanges_of_two_sidecars_and_of_other_routes_are_told_apart(tmp_path: Path) -> None:
    legs = [leg(1), leg(1, route="other"), msgspec.structs.replace(leg(1), incarnation="of another sidecar")]
    (tmp_path / "a").write_bytes(b"".join(map(line_of, legs)))
    reader = CaptureReader([tmp_path / "a"])
    assert [each.key[0][1] for each in reader.exchanges("cancer")] == ["a", "of another sidecar"] and not reader.twice


def test_what_is_no_capture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no capture\n")
    with pytest.raises(UnreadableLineError):
        CaptureReader([tmp_path / "a"])
    with pytest.raises(OSError, match="gone"):
        CaptureReader([tmp_path / "gone"])


def test_files_whose_ends_may_be_missing_are_named(tmp_path: Path) -> None:
    whole, cut = capture(tmp_path / "a", 3), capture(tmp_path / "b", 3)
    cut.write_bytes(cut.read_bytes()[:-9])
    assert CaptureReader([whole]).unfinished == ""
    assert CaptureReader([whole, cut]).unfinished == "b"


def test_whether_there_are_labels_is_known(tmp_path: Path) -> None:
    path = capture(tmp_path / "a", 3)
    assert not CaptureReader([path]).labelled
    with path.open("ab") as file:
        file.write(line_of(LabelLine(label=1, request_id="request-1")))
    assert CaptureReader([path]).labelled
