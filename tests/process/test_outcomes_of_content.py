"""A version whose answers of status 200 are none is rolled back, through real processes: a canary and a shadow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.chaos import Servers
from tests.support.running import Running, call, eventually
from tests.support.scripted import Request, Script, Served, answer, says

JSON = "Content-Type: application/json\r\n"
SSE = "Content-Type: text/event-stream\r\n"
GOOD = b'{"predictions":[0.5]}'
CHUNK = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
PREDICT = ("kserve-v1", "/v1/models/m:predict", {"instances": [[1]]})
CHAT = ("openai", "/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "stream": True})


def every(bad: bytes, period: int) -> Script:
    """The `period`-th of the answers is `bad`, the others are good."""
    count = iter(range(10**9))

    async def script(served: Served, request: Request) -> bool:
        served.writer.write(answer(GOOD if next(count) % period else bad, fields=JSON))
        return True

    return script


def configured(folder: Path, servers: Servers, protocol: str, stage: str) -> Path:
    path = folder / "penumbra.yaml"
    path.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {folder}/state.db\nanalysis_cpu: 100\n"
        f"versions: {{v1: {{url: {servers.url('v1')}}}, v2: {{url: {servers.url('v2')}}}}}\n"
        f"routes: {{r: {{match: {{path: /}}, protocol: {protocol}, primary: v1, "
        f"release: {{candidate: v2, strategy: canary, stages: [{stage}]}}}}}}\n"
    )
    return path


def counted(running: Running, **labels: str) -> int:
    """The sum of `penumbra_invalid_total` of some labels."""
    text = running.ask("GET", "/metrics").body.decode()
    rows = [(dict(re.findall(r'(\w+)="([^"]*)"', row[1])), float(row[2])) for row in INVALID.finditer(text)]
    return int(sum(n for row, n in rows if labels.items() <= row.items()))


INVALID = re.compile(r"^penumbra_invalid_total\{(.*)\} (\S+)$", re.MULTILINE)

STAGES = {"canary": "{canary: 50, requests: 100000}", "shadow": "{shadow: 100, requests: 100000}"}

BAD: dict[str, tuple[tuple[str, str, Any], Script, str]] = {
    "all empty": (PREDICT, says(answer(b"{}", fields=JSON)), "empty_body"),
    "all NaN": (PREDICT, says(answer(b'{"predictions":[NaN]}', fields=JSON)), "not_a_number"),
    "errors": (PREDICT, says(answer(b'{"error":"out of memory"}', fields=JSON)), "error_in_body"),
    "9 % NaN": (PREDICT, every(b'{"predictions":[NaN]}', 11), "not_a_number"),
    "errors in streams": (
        CHAT,
        says(answer(CHUNK + b'data: {"error":{"message":"EngineDeadError"}}\n\n' + DONE, fields=SSE)),
        "error_in_stream",
    ),
    "cut streams": (CHAT, says(answer(CHUNK, fields=SSE)), "unfinished_stream"),
}


@pytest.mark.parametrize("stage", sorted(STAGES))
@pytest.mark.parametrize("kind", BAD)
def test_a_version_whose_answers_are_none_is_rolled_back(kind: str, stage: str, tmp_path: Path) -> None:
    (protocol, path, body), script, reason = BAD[kind]
    good = answer(CHUNK + DONE, fields=SSE) if protocol == "openai" else answer(GOOD, fields=JSON)
    with (
        Servers({"v1": says(good), "v2": script}) as servers,
        Running(configured(tmp_path, servers, protocol, STAGES[stage])) as running,
    ):

        def asked() -> bool:
            for _ in range(20):
                assert call(running.data, "POST", path, body).status == 200
            return bool(running.route()["phase"] == "rolled_back")

        eventually(asked, "a rollback")
        assert running.route()["primary"] == "v1"
        assert counted(running, version="v2", reason=reason) > 0
        assert counted(running, version="v1") == 0


DARK = {
    "a content coding that is not read": answer(b"garbage", fields=f"{JSON}Content-Encoding: made-up\r\n"),
    "too much to be read": answer(b'{"predictions":[' + b"{}," * 40_000 + b"garbage", fields=JSON),
}


@pytest.mark.parametrize("kind", DARK)
def test_a_version_whose_answers_nobody_can_look_at_is_not_promoted(kind: str, tmp_path: Path) -> None:
    """Those of the primary are plain, those of the version may be anything."""
    protocol, path, body = PREDICT
    with (
        Servers({"v1": says(answer(GOOD, fields=JSON)), "v2": says(DARK[kind])}) as servers,
        Running(configured(tmp_path, servers, protocol, "{canary: 50, requests: 20}")) as running,
    ):

        def held() -> bool:
            for _ in range(20):
                assert call(running.data, "POST", path, body).status == 200
            lines = running.ask("GET", "/v1/routes/r/scorecard").json()["metrics"]
            others = [line["proved"] for line in lines if line["metric"] != "invalid_rate"]
            (own,) = [line for line in lines if line["metric"] == "invalid_rate"]
            return all(others) and own["lost"] >= 300

        eventually(held, "all other lines to be proved")
        assert running.route()["primary"] == "v1"
        assert running.route()["phase"] == "ramping"


def test_a_shadow_that_breaks_a_promise_faster_than_the_primary_answers_is_rolled_back(tmp_path: Path) -> None:
    """Its answers come before those with which their requests are known."""

    def said(text: str) -> bytes:
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return answer(json.dumps({"choices": [choice]}).encode(), fields=JSON)

    schema = {"type": "object", "required": ["city"]}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    body = {"messages": [{"role": "user", "content": "Where?"}], "response_format": form}
    scripts = {"v1": says(said('{"city":"Ulm"}'), delay=0.02), "v2": says(said("Ulm"))}
    with (
        Servers(scripts) as servers,
        Running(configured(tmp_path, servers, "openai", STAGES["shadow"])) as running,
    ):

        def asked() -> bool:
            for _ in range(10):
                assert call(running.data, "POST", "/v1/chat/completions", body).status == 200
            return bool(running.route()["phase"] == "rolled_back")

        eventually(asked, "a rollback")
        assert counted(running, version="v2", reason="broken_schema") > 0
