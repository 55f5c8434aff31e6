"""One MLServer process that has two versions of a model, and clients that see one: canary, shadow, rollback."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.demo import servers
from proxy.demo.processes import DemoProcess
from proxy.demo.servers import MLSERVER_SETTINGS, ModelServer
from tests.e2e.conftest import Models
from tests.support.running import Running, call, eventually

ASKED = {"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": [0.0] * 30}]}


@pytest.fixture
def both(models: Models, tmp_path: Path) -> Iterator[ModelServer]:
    """MLServer with versions v1 and v2 of `cancer` in one process."""
    home = tmp_path / "both"
    for version in ("v1", "v2"):
        shutil.copytree(models.folder / f"cancer-{version}", home / version)
        settings = json.loads((home / version / "model-settings.json").read_text())
        settings["parameters"] = {"uri": str(home / version / "model.joblib"), "version": version}
        (home / version / "model-settings.json").write_text(json.dumps(settings))
        (home / version / "settings.json").unlink()
    (home / "settings.json").write_text(json.dumps(MLSERVER_SETTINGS))
    argv = [str(models.python), "-m", "mlserver.cli.main", "start", str(home)]
    server = ModelServer("both", DemoProcess("MLServer of both", argv, home / "server.log", home))
    try:
        asyncio.run(_until_ready(server))
        yield server
    finally:
        asyncio.run(servers.stop([server]))


async def _until_ready(server: ModelServer) -> None:
    async for _ in servers.ready([server]):
        pass


def test_two_versions_of_one_server_are_one_model_to_its_clients(both: ModelServer, tmp_path: Path) -> None:
    config = tmp_path / "penumbra.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path}/state.db\n"
        "versions:\n"
        f"  cancer-1: {{url: '{both.url}', rewrite: {{model_version: v1}}}}\n"
        f"  cancer-2: {{url: '{both.url}', rewrite: {{model_version: v2}}}}\n"
        f"  broken: {{url: '{both.url}', rewrite: {{model_version: v9}}}}\n"
        "routes: {cancer: {match: {path: /v2/models/cancer}, protocol: oip, primary: cancer-1,\n"
        "  canary: {version: cancer-2, percent: 50}, shadows: [{version: cancer-2, percent: 100}]}}\n"
    )

    def ask(running: Running, path: str = "/v2/models/cancer/infer") -> Any:
        return call(running.data, "POST", path, ASKED)

    with Running(config) as running:
        answers = [ask(running) for _ in range(30)]
        assert {answer.status for answer in answers} == {200}
        said = {(answer.version, answer.json()["model_name"], answer.json()["model_version"]) for answer in answers}
        assert said == {("cancer-1", "cancer", "v1"), ("cancer-2", "cancer", "v2")}
        named = [ask(running, "/v2/models/cancer/versions/v1/infer").json()["model_version"] for _ in range(10)]
        assert set(named) == {"v1"}, "who names a version hears of that one"
        assert call(running.data, "GET", "/v2/models/cancer/ready").status == 200
        compared = eventually(
            lambda: [row for row in _versions(running) if row["version"] == "cancer-2" and row["pairs"] >= 10],
            "pairs of answers",
        )
        assert compared[0]["disagreements"] < compared[0]["pairs"]
        config.write_text(config.read_text().replace("version: cancer-2, percent: 50", "version: broken, percent: 50"))
        eventually(lambda: ask(running) and running.route("cancer")["phase"] == "rolled_back", "a rollback")
        assert {ask(running).version for _ in range(10)} == {"cancer-1"}


def _versions(running: Running) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = running.ask("GET", "/v1/routes/cancer/disagreements").json()["versions"]
    return rows
