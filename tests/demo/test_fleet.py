"""The fleet of the demo: without a Redis to start it says so before anything else is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.demo import fleet, story
from proxy.demo.fleet import RedisMissing


def test_a_missing_redis_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedisMissing, match=r"redis-server is not installed.*Debian: redis-server"):
        fleet.redis_server()


def test_the_demo_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    assert story.main(hold=False, models=tmp_path, fleet=True) == 1
    said = capsys.readouterr().out
    assert "The demo could not go on: redis-server is not installed" in said
    assert "Training" not in said


def test_a_fleet_is_not_kept_up() -> None:
    ended = CliRunner().invoke(app, ["demo", "--fleet", "--hold"])
    assert ended.exit_code == 2
