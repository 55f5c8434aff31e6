"""Stories on disk: whole or not there, bounded, and no reason to fail."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from proxy.contracts.story import ArmAnswer, FailedRequest, Moment, StoryFacts, Touched
from proxy.control.disk_thread import DiskThread
from proxy.control.stories import archive
from proxy.control.stories.archive import Archive, name_of
from tests.support.plane import PATIENCE


def facts(began: float, route: str = "r") -> StoryFacts:
    answer = ArmAnswer("b", "canary", "500", "failed", 0.1)
    return StoryFacts(route, ("b",), began, keys=[1, 2**63], failed=[FailedRequest("id", 1.0, answer)])


@pytest.fixture
def kept(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "state.db"))


def test_what_was_put_is_read_by_the_next_process(kept: Archive, tmp_path: Path) -> None:
    assert kept.put(facts(1.0)) and kept.put(facts(2.0, "a/../b"))
    assert list(Archive(str(tmp_path / "state.db")).all()) == [facts(1.0), facts(2.0, "a/../b")]
    assert list(kept.of("r")) == [facts(1.0)]


def test_they_are_the_groups_where_the_state_file_is(kept: Archive, tmp_path: Path) -> None:
    """The next process may have another user id and the same group."""
    tmp_path.chmod(0o775)
    assert kept.put(facts(1.0))
    folder = tmp_path / "state.db.stories"
    (story,) = folder.iterdir()
    assert [path.stat().st_mode & 0o777 for path in (folder, story)] == [0o770, 0o660]


def test_the_oldest_go_when_there_are_too_many(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_STORIES", 3)
    for began in range(5):
        kept.put(facts(float(began)))
    assert [each.began for each in kept.all()] == [2.0, 3.0, 4.0]
    assert kept.removed == 2


def test_the_oldest_go_when_they_are_too_large(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.put(facts(0.0))
    monkeypatch.setattr(archive, "MAX_BYTES", 1)
    kept.put(facts(1.0))
    assert [each.began for each in kept.all()] == [1.0]


def test_a_damaged_story_is_left_out_and_counted(kept: Archive, tmp_path: Path) -> None:
    kept.put(facts(1.0))
    kept.put(facts(2.0))
    (tmp_path / "state.db.stories" / name_of(facts(1.0))).write_bytes(b'{"route": "r"')
    assert [each.began for each in kept.all()] == [2.0]
    assert kept.errors == 1


def test_a_disk_that_takes_nothing_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "state.db.stories").write_text("in the way")
    kept = Archive(str(tmp_path / "state.db"))
    assert not kept.put(facts(1.0))
    (tmp_path / "state.db.stories").unlink()
    assert kept.put(facts(1.0))
    assert list(kept.all()) == [facts(1.0)]


def test_a_state_in_memory_keeps_nothing() -> None:
    kept = Archive(":memory:")
    assert kept.put(facts(1.0))
    assert not list(kept.all())


def test_those_of_a_route_are_found_by_their_names_alone(kept: Archive, tmp_path: Path) -> None:
    for began in (1.0, 2.0005, 3.0):
        kept.put(facts(began))
        kept.put(facts(began, "other"))
    for path in (tmp_path / "state.db.stories").glob("*"):
        if json.loads(path.read_text())["route"] == "other":
            path.write_text("damaged")
    assert [each.began for each in kept.of("r")] == [1.0, 2.0005, 3.0]
    assert [each.began for each in kept.of("r", 1.5, 2.5)] == [2.0005]
    assert [each.began for each in kept.of("r", 2.0005)] == [2.0005, 3.0]
    latest = kept.latest("r", 2.9)
    assert latest and latest.began == 2.0005 and kept.latest("r", 0.5) is None
    assert kept.errors == 0, "what is damaged was not opened"


def test_a_story_that_is_too_large_keeps_its_counts(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_STORY_BYTES", 3000)
    large = facts(1.0)
    large.touched = [Touched("b", "canary", {"failed": 9})]
    large.moments = [Moment(float(n), "ramping", 1, n, []) for n in range(500)]
    large.disagreements = {"b": [{"detail": "x" * 2000}]}
    assert kept.put(large)
    (read,) = kept.of("r")
    assert 0 < len(read.moments) < 100 and read.moments[-1].at == 499.0
    large.disagreements = {"b": [{"detail": "x" * 3000}]}
    large.failed[0].detail = "x" * 3000
    assert kept.put(large)
    (read,) = kept.of("r")
    assert (read.moments, read.disagreements, read.failed) == ([], {}, [])
    assert read.touched == large.touched
    assert len(large.moments) == 500, "what is under way is kept whole"


def test_a_disk_that_hangs_holds_nobody_and_the_story_is_written_once_it_works(kept: Archive) -> None:
    disk, free = DiskThread(patience=PATIENCE), threading.Event()
    kept.use(disk)
    assert kept.put(facts(1.0))
    assert list(kept.of("r")) == [facts(1.0)]
    disk._patience = 0.01
    disk.glance(free.wait)
    assert not kept.put(facts(2.0), wait=False) and not kept.put(facts(2.0))
    assert list(kept.all()) == [] and kept.latest("r", 9.0) is None
    assert kept.errors > 0
    free.set()
    disk._patience = PATIENCE
    assert kept.put(facts(2.0))
    assert list(kept.all()) == [facts(1.0), facts(2.0)]
