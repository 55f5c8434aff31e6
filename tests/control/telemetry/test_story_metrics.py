"""Stories in metrics: a disk that takes none, and those that made room."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.contracts.story import StoryFacts
from proxy.control.stories import archive
from proxy.control.stories.archive import Archive
from proxy.control.telemetry.story_metrics import StoryCollector


def samples(kept: Archive) -> dict[str, float]:
    return {family.name: family.samples[0].value for family in StoryCollector(kept).collect()}


def test_a_disk_that_takes_none_and_stories_that_made_room_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Archive(str(tmp_path / "later" / "state.db"))
    assert not kept.put(StoryFacts("r", ("v2",), 1.0))
    assert samples(kept) == {"penumbra_story_errors": 1.0, "penumbra_stories_removed": 0.0}
    (tmp_path / "later").mkdir()
    monkeypatch.setattr(archive, "MAX_STORIES", 2)
    for began in range(3):
        assert kept.put(StoryFacts("r", ("v2",), float(began)))
    assert samples(kept) == {"penumbra_story_errors": 1.0, "penumbra_stories_removed": 1.0}
