"""The document of a story on disk: told from whatever else a file may be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.cli.story_file import story_at
from tests.release.test_story_export import export


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
