"""The plan of a release: read from YAML and JSON, and nothing else taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from proxy.cli.plan import planned

PLAN = {"candidate": "v2", "strategy": "canary", "stages": [{"canary": 5, "requests": 100}]}


@pytest.mark.parametrize(
    "text",
    [
        "candidate: v2\nstrategy: canary\nstages: [{canary: 5, requests: 100}]\n",
        '{"candidate": "v2", "strategy": "canary", "stages": [{"canary": 5, "requests": 100}]}',
    ],
)
def test_a_plan_is_what_the_file_says(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan"
    path.write_text(text)
    assert planned(path) == PLAN


@pytest.mark.parametrize("text", ["", "[]", "v2", "a: [", "a: !!python/object:os.system {}", "\x00"])
def test_what_is_no_plan_ends_the_command(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan"
    path.write_text(text)
    for each in (path, tmp_path / "gone", tmp_path):
        with pytest.raises(typer.Exit):
            planned(each)
        assert str(each) in capsys.readouterr().err


def test_durations_are_written_as_in_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan"
    path.write_text("rollback_window: 5m\nstages: [{duration: 60s}, {duration: 7}, {requests: 1}, 3]\n")
    assert planned(path) == {
        "rollback_window": 300.0,
        "stages": [{"duration": 60.0}, {"duration": 7}, {"requests": 1}, 3],
    }
    path.write_text("stages: [{duration: soon}]")
    with pytest.raises(typer.Exit):
        planned(path)
    assert "duration: found 'soon'" in capsys.readouterr().err
