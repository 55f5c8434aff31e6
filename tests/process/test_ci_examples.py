"""deploy/ci, carried out: the steps of each example in their order, as far as they need no platform, beside a real
sidecar in production. What the platform gives (secrets, its variables, the package manager) is made up; what the team
gives (a model, how it is built and served) is a small server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.running import PATIENCE, Running, eventually

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "ci"
REQUESTS = 700
SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

shift = float(open(sys.argv[2]).read())

class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self): self.say(b"{}")
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        income = asked["features"]["income"]
        self.say(json.dumps({"prediction": min(1.0, max(0.0, income + (shift if income > 0.5 else 0.0)))}).encode())
    def say(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass

server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
require_package: passed
package_keys: [{folder}/ci.pub]
capture: {{percent: 100, path: {folder}/captures/records, max_bytes: 64MiB, bodies: true}}
versions:
  loans-v1: {{url: "http://127.0.0.1:{port}"}}
  loans-v2: {{url: "http://127.0.0.1:1", package: {folder}/packages/loans-v2.json}}
routes:
  loans:
    match: {{path: /predict}}
    protocol: json
    primary: loans-v1
    analysis: {{features: /features, prediction: /prediction}}
    scorecard: {{error_rate: {{max_ratio: 1.5}}, disagreement: {{max: 0.05}}}}
"""


class Step(NamedTuple):
    """A part of a job: a script, its own variables, and whether it runs after a failure too."""

    script: str
    env: dict[str, str]
    always: bool = False


def of_github(tree: Any) -> Iterator[Step]:
    for step in tree["jobs"]["candidate"]["steps"]:
        if "run" in step:
            yield Step(step["run"], step.get("env", {}), "if" in step)


def of_gitlab(tree: Any) -> Iterator[Step]:
    for stage in tree["stages"]:
        (job,) = [job for name, job in tree.items() if isinstance(job, dict) and job.get("stage") == stage]
        yield Step("\n".join((*tree["default"]["before_script"], *job["script"])), {})
        yield Step("\n".join(job.get("after_script", ())), {}, True)


PLATFORMS: dict[str, tuple[Callable[[Any], Iterator[Step]], Callable[[Any], dict[str, str]]]] = {
    "github-actions.yml": (of_github, lambda tree: tree["env"]),
    "gitlab-ci.yml": (of_gitlab, lambda tree: tree["variables"]),
}


@pytest.fixture
def model(tmp_path: Path) -> Iterator[int]:
    """The primary in production; its port."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "none").write_text("0")
    argv = [sys.executable, str(tmp_path / "server.py"), "0", str(tmp_path / "none")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


@pytest.fixture
def production(tmp_path: Path, model: int) -> Iterator[Running]:
    """A sidecar that has captured requests."""
    key = Ed25519PrivateKey.generate()
    (tmp_path / "ci.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "ci.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for folder in ("captures", "packages"):
        (tmp_path / folder).mkdir()
    config = tmp_path / "production.yaml"
    config.write_text(CONFIG.format(folder=tmp_path, port=model))
    with Running(config) as running:
        host, _, port = running.data.rpartition(":")
        client = HTTPConnection(host, int(port), timeout=PATIENCE)
        for number in range(REQUESTS):
            body = json.dumps({"features": {"income": number * 0.618034 % 1.0}})  # as good as at random, and even
            client.request("POST", "/predict", body, {"content-type": "application/json"})
            assert client.getresponse().read()
        client.close()
        records = tmp_path / "captures" / "records"
        eventually(
            lambda: records.exists() and records.read_bytes().count(b"/predict") >= REQUESTS, "the captured requests"
        )
        yield running


def repository(folder: Path, shift: float) -> Path:
    """A checkout of the team's repository: model/build.sh and model/serve.sh, the configuration, the plan."""
    place = folder / "repository"
    (place / "model").mkdir(parents=True)
    (place / "bin").mkdir()
    scripts = {
        "model/build.sh": f"echo {shift} > model/artifact",
        "model/serve.sh": f'exec {sys.executable} {folder}/server.py "$1" model/artifact',
        "bin/pip": 'echo "$@" > installed',
        "bin/penumbra": f'exec {sys.executable} -P -m proxy "$@"',
    }
    for name, script in scripts.items():
        (place / name).write_text(f"#!/bin/sh\n{script}\n")
        (place / name).chmod(0o755)
    shutil.copy(folder / "production.yaml", place / "penumbra.yaml")
    shutil.copy(EXAMPLES / "release.yaml", place / "release.yaml")
    return place


def carried_out(example: str, folder: Path, running: Running, shift: float) -> tuple[list[int], Path]:
    """The exit codes of the steps that ran, and the checkout."""
    place, tree = repository(folder, shift), yaml.safe_load((EXAMPLES / example).read_text())
    steps, variables = PLATFORMS[example]
    given = {
        **variables(tree),
        "CANDIDATE": f"http://127.0.0.1:{free_port()}",
        "CAPTURES": str(folder / "captures"),
        "PACKAGES": str(folder / "packages"),
        "PENUMBRA_ADMIN": f"http://{running.admin}",
        **dict.fromkeys(("GITHUB_SHA", "CI_COMMIT_SHA"), "4f2a91c"),
        "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
        "SIGNING_KEY": str(folder / "ci.pem"),
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
    }
    secrets = {"SIGNING_KEY": (folder / "ci.pem").read_text(), "PENUMBRA_ADMIN_TOKEN": ""}
    codes: list[int] = []
    for step in steps(tree):
        if any(codes) and not step.always:
            continue
        env = given | {name: secrets[name] for name in step.env}
        argv = ["bash", "-e", "-o", "pipefail", "-c", step.script]
        codes.append(
            subprocess.run(argv, cwd=place, env=env, stdin=subprocess.DEVNULL, timeout=PATIENCE * 2).returncode
        )
    return codes, place


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("example", sorted(PLATFORMS))
def test_a_good_candidate_gets_its_release(example: str, tmp_path: Path, production: Running) -> None:
    codes, place = carried_out(example, tmp_path, production, 0.001)
    assert set(codes) == {0}
    route = production.route("loans")
    assert (route["phase"], route["release"]["candidate"]) == ("shadowing", "loans-v2")
    assert "4f2a91c passed its replay" in route["reason"]
    assert {"report.json", "report.xml", "report.md", "report.html", "package.json"} <= set(os.listdir(place))
    package = json.loads((tmp_path / "packages" / "loans-v2.json").read_text())
    assert package["payloadType"] == "application/vnd.in-toto+json"


@pytest.mark.parametrize("example", sorted(PLATFORMS))
def test_a_bad_one_ends_the_job_and_opens_nothing(example: str, tmp_path: Path, production: Running) -> None:
    codes, place = carried_out(example, tmp_path, production, -0.4)
    assert 1 in codes and set(codes) == {0, 1}
    assert "❌" in (place / "report.md").read_text()
    assert not list((tmp_path / "packages").iterdir())
    assert production.route("loans")["phase"] == "steady"


def test_every_example_is_carried_out() -> None:
    assert {path.name for path in EXAMPLES.glob("*.yml")} == set(PLATFORMS)
