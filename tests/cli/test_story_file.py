"""The document of a story on disk: told from whatever else a file may be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.cli.story_file import story_at, write_story
from proxy.contracts.story import StoryFacts, Touched
from proxy.control.stories.told import facts_told
from proxy.release.story_export import fault_of, read_export
from tests.release.test_story_export import chain, export


def test_a_story_is_told_from_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    whole = msgspec.json.encode(export())
    for body in (whole, msgspec.json.format(whole), whole[:-30]):  # a damaged one is no configuration either
        path.write_bytes(body)
        assert story_at(path) == body


@pytest.mark.parametrize("body", ["", "{}", "listen: 127.0.0.1:1", '{"listen": "127.0.0.1:1"}', "# links previous"])
def test_what_is_none(tmp_path: Path, body: str) -> None:
    path = tmp_path / "penumbra.yaml"
    path.write_text(body)
    assert story_at(path) is None
    assert story_at(tmp_path / "gone") is None and story_at(tmp_path) is None


def test_what_is_kept_of_requests_is_in_the_document_and_on_the_page(tmp_path: Path) -> None:
    facts = StoryFacts("cancer", ("v2",), 3.0, touched=[Touched("v2", "canary", {"failed": 1234})], requests=5678)
    document, page = tmp_path / "release.json", tmp_path / "release.html"
    write_story(chain(), "cancer", document, page, (), (), lambda story: {"cancer": facts_told(facts)})
    export = read_export(document.read_bytes())
    assert export.facts["cancer"]["touched"]["live"]["bad"] == 1234
    assert fault_of(export) == ""
    assert "1,234 of the route&#x27;s 5,678 requests" in page.read_text()
