"""Another model takes the place of one under judgement, through real processes."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.chaos import Servers
from tests.support.running import Running, call, eventually
from tests.support.scripted import Request, Script, Served, answer

JSON = "Content-Type: application/json\r\n"
SSE = "Content-Type: text/event-stream\r\n"
INFER = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [1.0]}]}
OUTPUT = {"name": "y", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}
ASKED = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def oip(build: str) -> bytes:
    return answer(json.dumps({"model_name": "m", "model_version": build, "outputs": [OUTPUT]}).encode(), fields=JSON)


def stream(build: str) -> bytes:
    chunk = {"model": f"chat-{build}", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    return answer(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n", fields=SSE)


def header(build: str) -> bytes:
    return answer(b'{"score":0.5}', fields=f"{JSON}X-Model-Build: {build}\r\n")


Kind = tuple[str, str, Any, Any, str]
KINDS: dict[str, Kind] = {
    "oip": ("protocol: oip", "/v2/models/m/infer", INFER, oip, "model_name=m, model_version={}"),
    "openai": ("protocol: openai", "/v1/chat/completions", ASKED, stream, "model=chat-{}"),
    "json": ("protocol: json, identity: 'header:x-model-build'", "/predict", [1], header, "x-model-build={}"),
    "opaque": ("protocol: opaque, identity: 'header:x-model-build'", "/predict", [1], header, "x-model-build={}"),
}


class Model:
    """A model server whose builds take turns in answering."""

    def __init__(self, says: Any, *builds: str) -> None:
        self.builds, self.says, self.answered = builds, says, 0

    @property
    def script(self) -> Script:
        async def script(served: Served, request: Request) -> bool:
            self.answered += 1
            served.writer.write(self.says(self.builds[self.answered % len(self.builds)]))
            return True

        return script


def configured(folder: Path, servers: Servers, route: str, stage: str, more: str = "") -> Path:
    path = folder / "penumbra.yaml"
    path.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {folder}/state.db\nanalysis_cpu: 100\n"
        f"versions: {{v1: {{url: {servers.url('v1')}}}, v2: {{url: {servers.url('v2')}}}}}\n"
        f"routes: {{r: {{match: {{path: /}}, {route}, primary: v1, "
        f"release: {{candidate: v2, strategy: canary, stages: [{stage}]{more}}}}}}}\n"
    )
    return path


def asked(running: Running, kind: Kind, times: int = 40) -> None:
    for _ in range(times):
        assert call(running.data, "POST", kind[1], kind[2]).status == 200


def answering(running: Running, version: str) -> list[str]:
    return [row["identity"] for row in running.route()["identities"] if row["version"] == version]


def by_identity(running: Running) -> list[Any]:
    entries = running.ask("GET", "/v1/audit").json()["entries"]
    return [entry for entry in reversed(entries) if entry["who"] == "identity"]


def requests(running: Running) -> int:
    return int(running.route()["release"]["requests"])


CANARY = "{canary: 50, requests: 100000}"
SHADOW = "{shadow: 100, requests: 100000}"


@pytest.mark.parametrize(
    ("name", "stage", "version"),
    [("oip", CANARY, "v2"), ("oip", SHADOW, "v2"), ("oip", CANARY, "v1"), ("openai", CANARY, "v2"),
     ("openai", SHADOW, "v2"), ("json", CANARY, "v2"), ("opaque", CANARY, "v2"), ("opaque", SHADOW, "v1")],
)  # fmt: skip
def test_evidence_and_stage_begin_anew(name: str, stage: str, version: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    models = {each: Model(kind[3], "1") for each in ("v1", "v2")}
    first, second = kind[4].format(1), kind[4].format(2)
    with (
        Servers({each: model.script for each, model in models.items()}) as servers,
        Running(configured(tmp_path, servers, kind[0], stage)) as running,
    ):

        def known() -> bool:
            asked(running, kind)
            return answering(running, version) == [first] and requests(running) > 60

        eventually(known, "the first model")
        before = requests(running)
        assert not by_identity(running)
        models[version].builds = ("2",)

        def changed() -> bool:
            asked(running, kind, 10)
            return bool(by_identity(running))

        eventually(changed, "an entry of the audit")
        assert requests(running) < before
        (entry,) = by_identity(running)
        assert entry["action"] == "restart"
        assert entry["identity"] == {"version": version, "before": [first], "after": [second]}
        assert (entry["after"]["stage"], entry["after"]["phase"]) == (
            entry["before"]["stage"],
            entry["before"]["phase"],
        )
        assert answering(running, version)[0] == second
        asked(running, kind, 100)
        assert len(by_identity(running)) == 1
        metrics = running.ask("GET", "/metrics").body.decode()
        assert f'penumbra_identity_changes_total{{action="restart",route="r",version="{version}"}} 1.0' in metrics
        assert len(running.events("r: restart: another model answers")) == 1


def test_by_option_it_ends_the_release(tmp_path: Path) -> None:
    kind = KINDS["oip"]
    models = {each: Model(kind[3], "1") for each in ("v1", "v2")}
    with (
        Servers({each: model.script for each, model in models.items()}) as servers,
        Running(configured(tmp_path, servers, kind[0], CANARY, ", on_identity_change: rollback")) as running,
    ):

        def known() -> bool:
            asked(running, kind)
            return bool(answering(running, "v2"))

        eventually(known, "the first model")
        asked(running, kind)
        models["v2"].builds = ("2",)

        def ended() -> bool:
            asked(running, kind)
            return bool(running.route()["phase"] == "rolled_back")

        eventually(ended, "a rollback")
        assert "model_version=2 in place of model_name=m, model_version=1" in running.route()["reason"]


def test_replicas_of_two_builds_are_one_change_and_a_warning(tmp_path: Path) -> None:
    kind = KINDS["oip"]
    models = {each: Model(kind[3], "1") for each in ("v1", "v2")}
    with (
        Servers({each: model.script for each, model in models.items()}) as servers,
        Running(configured(tmp_path, servers, kind[0], CANARY)) as running,
    ):

        def known() -> bool:
            asked(running, kind)
            return bool(answering(running, "v2"))

        eventually(known, "the first model")
        models["v2"].builds = ("1", "2")

        def warned() -> bool:
            asked(running, kind)
            return any(re.match("2 models answer under the name of v2", each) for each in running.route()["warnings"])

        eventually(warned, "a warning")
        assert [entry["action"] for entry in by_identity(running)] == ["restart"]


def stored(path: Path) -> bytes:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return b"".join(row[0] for row in db.execute("SELECT body FROM memory"))


def test_a_change_while_control_was_gone_is_noticed(tmp_path: Path) -> None:
    kind = KINDS["json"]
    models = {"v1": Model(kind[3], "1"), "v2": Model(kind[3], "7")}
    with (
        Servers({each: model.script for each, model in models.items()}) as servers,
        Running(configured(tmp_path, servers, kind[0], CANARY)) as running,
    ):

        def kept() -> bool:
            asked(running, kind)
            return answering(running, "v2") == ["x-model-build=7"] and requests(running) > 300

        eventually(kept, "evidence")
        earlier = stored(tmp_path / "state.db")

        def on_disk() -> bool:
            asked(running, kind, 4)
            now = stored(tmp_path / "state.db")
            return now != earlier and b"x-model-build=7" in now

        eventually(on_disk, "that evidence in the state file")
        running.kill(running.child("control"))
        models["v2"].builds = ("2",)

        def changed() -> bool:
            asked(running, kind)
            return bool(by_identity(running))

        eventually(changed, "an entry of the audit")
        assert by_identity(running)[0]["identity"]["before"] == ["x-model-build=7"]
