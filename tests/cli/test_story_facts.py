"""What an export has beside the audit: the same by the API and from the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.cli import story_facts
from proxy.cli.access import Access
from proxy.cli.story_facts import facts_from_api, kept_facts
from proxy.contracts.story import StoryFacts, Touched
from proxy.control.stories.archive import Archive
from proxy.control.stories.told import facts_told
from proxy.release.history import Story
from proxy.release.story_export import story_in
from tests.release.test_story_export import export

STORY: Story = story_in(export())


def test_files_have_the_facts_of_the_release(tmp_path: Path) -> None:
    state = str(tmp_path / "state.db")
    assert kept_facts(state)(STORY) == {"cancer": facts_told(None)}
    known = StoryFacts("cancer", ("v2",), 3.0, touched=[Touched("v2", "canary", {"failed": 9})])
    Archive(state).put(known)
    Archive(state).put(StoryFacts("other", ("v2",), 3.0))
    assert kept_facts(state)(STORY) == {"cancer": facts_told(known, 3.0)}


@pytest.mark.parametrize("answer", [{}, {"route": "cancer"}])
def test_a_program_that_keeps_none_tells_none(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story_facts, "ask", lambda *args, **more: answer)
    assert facts_from_api(Access("http://127.0.0.1:1"))(STORY) == {}


def test_the_api_is_asked_for_each_route(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(access: Access, method: str, path: str, absent: object = None) -> dict[str, Any]:
        asked.append(path)
        return facts_told(None) | {"route": "cancer"}

    monkeypatch.setattr(story_facts, "ask", ask)
    assert facts_from_api(Access("http://127.0.0.1:1"))(STORY) == {"cancer": facts_told(None)}
    assert asked == ["/v1/routes/cancer/releases/cancer%403"]
