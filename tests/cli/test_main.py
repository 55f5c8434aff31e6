"""The command line: exit codes, what is printed, what is sent to the admin API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proxy import __version__
from proxy.cli import main
from proxy.contracts.build import build
from proxy.contracts.settings import ASSUMED
from proxy.control.state.store import Store
from proxy.release.audit import Change

CONFIG = """
listen: 127.0.0.1:0
state: {state}
versions: {{a: {{url: http://127.0.0.1:1}}, b: {{url: http://127.0.0.1:2}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""
ROUTE = {
    "route": "r", "phase": "ramping", "primary": "a", "split": {"a": 75, "b": 25}, "shadows": {},
    "verdict": "undecided", "sentence": "undecided: [about] 400 more",
    "rolled_back": ["c"], "warnings": ["b gets no copies"], "reason": "why not",
}  # fmt: skip


class Api(HTTPServer):
    """An admin API that remembers what it was asked and answers what the test says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Any, str | None]] = []
        self.answer: tuple[int, Any] = (200, ROUTE)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization")
        self.server.asked.append((self.command, self.path, json.loads(body or b"null"), token))
        status, value = self.server.answer
        answer = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = _handle  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "penumbra.yaml"
    path.write_text(CONFIG.format(state=tmp_path / "state.db"))
    return path


def penumbra(*arguments: object) -> Result:
    return CliRunner().invoke(main.app, [str(argument) for argument in arguments], env={"PENUMBRA_ADMIN_TOKEN": ""})


def test_version() -> None:
    assert penumbra("--version").output == f"penumbra {__version__} ({build()})\n"


def test_check_a_good_file(config: Path) -> None:
    result = penumbra("check", config)
    assert (result.exit_code, result.output) == (0, f"{config}: fine (1 route, 2 versions)\n")
    assert json.loads(penumbra("check", config, "--json").output) == {
        "ok": True,
        "problems": [],
        "warnings": [],
        "assumed": {},
    }


def test_check_says_what_lines_nobody_named(config: Path) -> None:
    canary = config.read_text().replace("primary: a", "primary: a, canary: {version: b, percent: 5}")
    config.write_text(canary)
    lines = (
        "refusal_rate: {max_increase: 0.05}, abandonment_rate: {max_increase: 0.05}, invalid_rate: {max_increase: 0.02}"
    )
    said = f"route r is held to {{error_rate: {{max_ratio: 1.5}}, {lines}}} by default"
    assert penumbra("check", config).output.splitlines()[1:] == [
        f"{said}; its scorecard may say else, or `error_rate: off`"
    ]
    config.write_text(canary.replace("percent: 5}", "percent: 5}, scorecard: {latency: {max_ratio: 1.1}}"))
    assert list(json.loads(penumbra("check", config, "--json").output)["assumed"]["r"]) == list(ASSUMED)
    card = "{error_rate: {max_ratio: 2}, abandonment_rate: off}"
    config.write_text(canary.replace("json", "opaque").replace("percent: 5}", f"percent: 5}}, scorecard: {card}"))
    assert json.loads(penumbra("check", config, "--json").output)["assumed"] == {
        "r": {"refusal_rate": {"max_increase": 0.05}}
    }


def test_check_says_which_versions_are_asked_by_http2(config: Path) -> None:
    config.write_text(
        "listen: 127.0.0.1:0\nversions: {a: {url: 'http://h:1'}}\n"
        "routes: {r: {match: {grpc: a.B/C}, protocol: grpc, primary: a}}\n"
    )
    assert penumbra("check", config).output.splitlines()[1:] == ["route r takes calls of a.B/C; by HTTP/2: a"]


def test_check_says_all_problems(config: Path) -> None:
    config.write_text(config.read_text() + "workers: no\nadmn: {}\n")
    result = penumbra("check", config)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert all(word in result.stderr for word in ("2 problems", "workers", "'no'", "admn", "did you mean admin?"))
    found = json.loads(penumbra("check", config, "--json").stdout)
    assert [problem["path"] for problem in found["problems"]] == ["workers", "admn"]


def test_run_refuses_a_broken_file_before_it_starts_anything(tmp_path: Path) -> None:
    result = penumbra("run", tmp_path / "none.yaml")
    assert result.exit_code == 1
    assert "No such file" in result.stderr


def test_run_becomes_the_supervisor(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Path] = []
    monkeypatch.setattr("proxy.cli.serve.serve", lambda path: served.append(path) or 3)
    assert penumbra("run", config).exit_code == 3
    assert served == [config]


def test_wrong_usage() -> None:
    assert penumbra("run").exit_code == 2
    assert penumbra("split", "r", "a").exit_code == 2
    assert penumbra("split", "r", "a=1", "a=2").exit_code == 2
    assert penumbra("promote", "r").exit_code == 2  # a reason is required


def test_status_of_all_routes(api: Api) -> None:
    problem = {"path": "workers", "found": "'no'", "allowed": "auto"}
    api.answer = (
        200,
        {
            "routes": [ROUTE],
            "configuration": {"problems": [problem]},
            "workers": [{"worker": 1, "up": False}],
        },
    )
    result = penumbra("status", "--admin", api.address)
    assert result.exit_code == 0
    assert all(word in result.output for word in ("ramping", "a 75 %, b 25 %", "undecided", "workers: found 'no'"))
    assert "workers not up: 1" in result.output
    assert api.asked == [("GET", "/v1/routes", None, None)]


def test_status_of_one_route(api: Api) -> None:
    result = penumbra("status", "r", "--admin", f"http://{api.address}/")
    assert all(word in result.output for word in ("[about] 400 more", "b gets no copies", "rolled back", "why not"))
    assert json.loads(penumbra("status", "r", "--json", "--admin", api.address).output) == ROUTE


@pytest.mark.parametrize("command", ["split", "shadows"])
def test_shares_by_hand(api: Api, command: str) -> None:
    result = penumbra(command, "r", "b=25", "c=0.5", "--reason", "try", "--admin", api.address, "--token", "s3cret")
    assert result.exit_code == 0
    body = {command: {"b": 25.0, "c": 0.5}, "reason": "try"}
    assert api.asked == [("PUT", f"/v1/routes/r/{command}", body, "Bearer s3cret")]


@pytest.mark.parametrize("command", ["release", "promote", "rollback", "pause", "resume"])
def test_actions(api: Api, command: str) -> None:
    result = penumbra(command, "r", "--reason", "because", "--admin", api.address)
    assert result.exit_code == 0
    assert "ramping" in result.output
    assert api.asked == [("POST", f"/v1/routes/r/{command}", {"reason": "because"}, None)]


def test_a_release_that_a_file_describes(api: Api, tmp_path: Path) -> None:
    plan = tmp_path / "release.yaml"
    plan.write_text("candidate: v2\nstrategy: canary\nstages: [{canary: 5, requests: 100, duration: 1m}]\n")
    result = penumbra("release", "r", "--plan", str(plan), "--reason", "ci", "--admin", api.address)
    assert result.exit_code == 0
    stages = [{"canary": 5, "requests": 100, "duration": 60.0}]
    body = {"candidate": "v2", "strategy": "canary", "stages": stages, "reason": "ci"}
    assert api.asked == [("POST", "/v1/routes/r/release", body, None)]


def test_a_refusal_is_a_sentence_and_an_exit_code(api: Api) -> None:
    api.answer = 409, {"type": "/problems/x", "title": "Not possible now", "detail": "steady: nothing to resume"}
    result = penumbra("resume", "r", "--reason", "x", "--admin", api.address)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Not possible now: steady: nothing to resume\n"


def test_an_admin_api_that_is_not_there() -> None:
    result = penumbra("status", "--admin", "127.0.0.1:1")
    assert result.exit_code == 3
    why = "the admin API at http://127.0.0.1:1 cannot be reached (--admin says where it is): Connection refused\n"
    assert result.stderr == why


def test_audit_verify(config: Path, tmp_path: Path) -> None:
    assert penumbra("audit", "verify", config).exit_code == 1  # there is no state file yet
    store = Store(str(tmp_path / "state.db"))
    store.save((), (Change("me", "split", "r", "try"), Change("me", "rollback", "r", "slow")), 1, 1.0)
    store.close()
    result = penumbra("audit", "verify", config)
    assert result.exit_code == 0
    assert "2 entries holds" in result.output
    assert json.loads(penumbra("audit", "verify", config, "--json").output)["ok"] is True


def test_audit_verify_finds_an_edit(config: Path, tmp_path: Path) -> None:
    import sqlite3

    store = Store(str(tmp_path / "state.db"))
    store.save((), (Change("me", "split", "r", "try"),), 1, 1.0)
    store.close()
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("DROP TRIGGER audit_no_update")
        database.execute("UPDATE audit SET body = replace(body, 'try', 'dry')")
    database.close()
    result = penumbra("audit", "verify", config)
    assert result.exit_code == 1
    assert "entry 1 was edited" in result.output


def test_the_demo_gets_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr("proxy.demo.story.main", lambda *options: told.append(options) or 0)
    assert penumbra("demo", "--hold", "--seconds", "3", "--models", "venv", "--rate", "50").exit_code == 0
    assert penumbra("demo", "--grpc").exit_code == penumbra("demo", "--ci").exit_code == 0
    assert told == [
        (True, Path("venv"), 3.0, 50.0, False, False, False),
        (False, None, 8.0, 120.0, False, True, False),
        (False, None, 8.0, 120.0, False, False, True),
    ]
    assert penumbra("demo", "--grpc", "--fleet").exit_code == penumbra("demo", "--grpc", "--ci").exit_code == 2
