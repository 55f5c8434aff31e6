"""The model servers of the demo, without MLServer: where its Python is looked for, what it is told, what it learnt."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.demo import servers
from proxy.demo.processes import ProcessFailed


def test_an_environment_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(servers.ModelsVenvMissing, match="make demo"):
        servers.models_python(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert servers.models_python(tmp_path) == tmp_path / "bin" / "python"


def test_a_server_gets_free_ports_and_the_trained_model(tmp_path: Path) -> None:
    home = tmp_path / "cancer-v1"
    home.mkdir()
    server = servers.serve(Path(sys.executable), tmp_path, "cancer-v1")
    asyncio.run(servers.stop([server]))
    settings = json.loads((home / "settings.json").read_text())
    model = json.loads((home / "model-settings.json").read_text())
    assert (settings["http_port"], settings["grpc_port"], settings["metrics_endpoint"]) == (0, 0, None)
    assert model["parameters"] == {"uri": str(home / "model.joblib"), "version": "cancer-v1"}
    assert not server.child.running


def trained(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> list[dict[str, Any]]:
    """The progress reports of a training script."""
    (folder / "train.py").write_text(script)
    monkeypatch.setattr(servers, "__file__", str(folder / "servers.py"))

    async def reports() -> list[dict[str, Any]]:
        return [report async for report in servers.train(Path(sys.executable), folder)]

    return asyncio.run(reports())


def test_progress_is_read_as_it_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = 'print(\'a warning\')\nprint(\'{"step": "data"}\')\nprint(\'{"step": "trained"}\')\n'
    assert trained(monkeypatch, tmp_path, script) == [{"step": "data"}, {"step": "trained"}]


def test_a_training_that_fails_shows_the_end_of_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="no such data"):
        trained(monkeypatch, tmp_path, "raise SystemExit('no such data')")


def test_rows_are_those_that_no_version_was_trained_on(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"features": ["a"], "rows": [[1.0], [2.0]], "labels": [0, 1]}')
    assert servers.load_rows(tmp_path) == [[1.0], [2.0]]
