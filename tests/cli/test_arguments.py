"""The configuration that a command names: read, or all of its mistakes told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from proxy.cli.arguments import checked
from proxy.cli.exit_codes import EXIT_NO

FILE = """
listen: 127.0.0.1:1
versions: {a: {url: "http://h"}}
routes: {r: {match: {path: /}, protocol: json, primary: %s}}
"""


def test_a_file_without_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "penumbra.yaml"
    path.write_text(FILE % "a")
    assert list(checked(path).versions) == ["a"]


def test_mistakes_end_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "penumbra.yaml"
    path.write_text(FILE % "b")
    for as_json in (False, True):
        with pytest.raises(typer.Exit) as ended:
            checked(path, as_json)
        assert ended.value.exit_code == EXIT_NO
    told = capsys.readouterr()
    assert "routes.r.primary" in told.err
    assert json.loads(told.out)["problems"][0]["path"] == "routes.r.primary"
