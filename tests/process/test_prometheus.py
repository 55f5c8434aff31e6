"""A real Prometheus scrapes /metrics and answers for every metric of docs/metrics.md; promtool finds nothing to say."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.certificates import Authority, written
from tests.support.redis_server import RedisServer
from tests.support.running import PATIENCE, Running, call, eventually
from tests.support.upstream import Upstream

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(penumbra_\w+)` \| (\w+) \|", re.MULTILINE)

RARE = {
    "penumbra_arm_left": "needs an A/B test of which an arm is bad: test_ab_test.py has one",
    "penumbra_ejections_total": "needs a version with several endpoints: tests/dataplane has one",
    "penumbra_identities": "needs answers that name their model: test_identity.py has them",
    "penumbra_identity_changes_total": "needs another model in the place of one: test_identity.py has one",
    "penumbra_invalid_total": "needs answers that are none: test_outcomes_of_content.py has them",
    "penumbra_judge_budget_used_ratio": "needs a judge: tests/control has one",
    "penumbra_judge_request_duration_seconds": "needs a judge: tests/control has one",
    "penumbra_judge_requests_total": "needs a judge: tests/control has one",
    "penumbra_not_rescued_total": "needs a canary that breaks in the middle: tests/dataplane has one",
    "penumbra_not_retried_total": "needs a server that ends a connection without an answer: tests/dataplane has one",
    "penumbra_retries_total": "needs a server that closes just as a request is sent: tests/dataplane has one",
    "penumbra_stream_messages_total": "needs streams by gRPC: tests/control has them",
    "penumbra_tls_handshakes_total": "needs TLS: test_tls.py has it",
    "penumbra_tls_not_after_seconds": "needs TLS: test_rotation.py has it",
    "penumbra_tls_not_before_seconds": "needs TLS: test_rotation.py has it",
    "penumbra_tls_reload_failed": "needs TLS: test_rotation.py has it",
    "penumbra_unpaired_total": "needs a copy that never ends",
    "penumbra_unscored_predictions_total": "needs a label of another kind than the predictions",
}
"""Documented metrics that this test does not bring about, and why; Prometheus must know their type all the same."""


def documented() -> dict[str, str]:
    """Metric to type, as the table of the page says."""
    return dict(ROW.findall(PAGE.read_text(encoding="utf-8")))


def program(name: str) -> str:
    """The path of a program that Debian's package `prometheus` has."""
    found = shutil.which(name)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; .ci/system-packages does it")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: prometheus)")
    return found


CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
hang: 1m  # control is stopped for a while, and that is no fault here
analysis_cpu: 100
notify: [{{url: "{a}/hook"}}]
tracing: {{endpoint: "{a}/v1/traces"}}
versions:
  a: {{url: {a}}}
  c: {{url: {c}}}
  dead: {{url: "http://localhost:1"}}
  chat: {{url: {chat}, price: {{input: 1, output: 2}}}}
  nowhere: {{url: {chat}, price: {{input: 1, output: 2}}, rewrite: {{json: {{/no/place: 1}}}}}}
routes:
  main:
    match: {{path: /main/}}
    protocol: json
    primary: a
    canary: {{version: dead, percent: 50}}
    sticky: "header:x-user"
    shadows: [{{version: c, percent: 100}}]
    limits: {{mirror_inflight: 1}}
    analysis: {{prediction: /outputs/0/data, wait: 1s}}
  next:
    match: {{path: /next/}}
    protocol: oip
    primary: a
    release:
      candidate: c
      strategy: canary
      stages: [{{canary: 50, requests: 1000000}}]
      scorecard: {{error_rate: {{max_ratio: 1.5, max: 0.5}}, latency_p99: {{max: 10s}}}}
    analysis: {{reference: 100, wait: 1s}}
  chat:
    match: {{path: /v1/}}
    protocol: openai
    primary: chat
    shadows: [{{version: nowhere, percent: 100}}]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Penumbra to which everything has happened that metrics speak of."""
    folder = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        a, c, chat = (stack.enter_context(Upstream(name)) for name in ("a", "c", "chat"))
        a.body = c.body = json.dumps({"outputs": [tensor("y", [0.5])]}).encode()
        chat.stream = [*(json.dumps(token(word)).encode() for word in ("one", "two", "three")), USAGE, b"[DONE]"]
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(folder=folder, a=a.url, c=c.url, chat=chat.url))
        running = stack.enter_context(Running(config))
        happen(running, c)
        chat.stream = [*chat.stream[:3], b"[DONE]"]  # which tells no tokens
        assert call(running.data, "POST", "/v1/chat/completions", {"model": "m", "stream": True}).status == 200
        c.hold()
        call(running.data, "POST", "/main/predict", {})  # a copy that stays in flight
        yield running


USAGE = b'{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3}}'


def tensor(name: str, data: list[float]) -> dict[str, Any]:
    return {"name": name, "shape": [1, len(data)], "datatype": "FP64", "data": data}


def token(word: str) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word}}]}


def happen(running: Running, c: Upstream) -> None:
    eventually(lambda: rows(running, 0.0) and has(running, "penumbra_drift_psi"), "a reference that is learnt")
    eventually(lambda: rows(running, 1000.0) and has(running, "penumbra_contract_violations_total"), "broken rules")
    eventually(lambda: label(running) and has(running, "penumbra_quality"), "a prediction that met its label")
    assert call(running.data, "POST", "/v1/chat/completions", {"model": "m", "stream": True}).status == 200
    for number in range(60):
        assert call(running.data, "POST", "/main/predict", {"x": number}).status == 200
        assert call(running.data, "POST", "/next/predict", "no tensors").status == 200
    assert call(running.data, "GET", "/nowhere").status == 404
    host, _, port = running.data.rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        assert client.recv(99).startswith(b"HTTP/1.1 400 ")
    eventually(lambda: running.route("main")["phase"] == "rolled_back", "the rollback of a dead canary")
    c.hold()
    for _ in range(4):
        call(running.data, "POST", "/main/predict", {})
    c.release()
    lose_records(running)


def rows(running: Running, base: float) -> bool:
    """Twenty rows with x from `base` to `base` + 0.9."""
    for number in range(20):
        body = {"inputs": [tensor("x", [base + number % 10 / 10])]}
        assert call(running.data, "POST", "/next/predict", body).status == 200
    return True


def label(running: Running) -> bool:
    """A prediction whose truth is told afterwards."""
    name = secrets.token_hex(8)
    body = {"inputs": [tensor("x", [0.5])]}
    call(running.data, "POST", "/next/predict", body, {"X-Request-Id": name})
    return running.ask("POST", "/v1/feedback", {"request_id": name, "label": 1.0}).status == 200


def has(running: Running, metric: str) -> bool:
    """Whether /metrics has a sample of `metric`."""
    return f"\n{metric}{{".encode() in scrape(running)


def lose_records(running: Running) -> None:
    """More bodies than a worker keeps for a control that does not read."""
    control = running.child("control")
    running.kill(control, signal.SIGSTOP)
    body = "x" * 200_000
    for _ in range(250):
        call(running.data, "POST", "/main/predict", body)
    running.kill(control, signal.SIGCONT)
    eventually(lambda: b'penumbra_records_dropped_total{reason="outbox_full"}' in scrape(running), "counted drops")
    eventually(lambda: rows(running, 0.0) and has(running, "penumbra_unlabelled_requests_total"), "no label in time")


def scrape(running: Running) -> bytes:
    return running.ask("GET", "/metrics").body


OF_A_FLEET = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
tls: {{certificate: {tls.certificate}, key: {tls.key}}}
fleet: {{redis: "{redis}", name: fraud, instance: pod-1}}
versions: {{a: {{url: "http://localhost:1"}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sidecar that judges for its fleet, and has a certificate."""
    folder, authority = tmp_path_factory.mktemp("fleet"), Authority()
    tls = written(folder, authority.issue("ip:127.0.0.1"), authority)
    with RedisServer() as server:
        config = folder / "penumbra.yaml"
        config.write_text(OF_A_FLEET.format(folder=folder, redis=server.url, tls=tls))
        with Running(config) as running:
            eventually(lambda: b"\npenumbra_fleet_is_judge 1.0" in scrape(running), "a judge")
            yield running


@pytest.fixture(scope="module")
def prometheus(running: Running, sidecar: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped `running` and `sidecar`."""
    folder = tmp_path_factory.mktemp("tsdb")
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs: [{job_name: penumbra, static_configs: "
        f"[{{targets: ['{running.admin}', '{sidecar.admin}']}}]}}]\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--log.level=error",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: scraped(address), "a scrape")
            yield address
        finally:
            process.terminate()
            process.wait(PATIENCE)


def scraped(address: str) -> bool:
    try:
        return len(query(address, "up == 1")) == 2
    except (OSError, ValueError):
        return False


def ask(address: str, path: str) -> Any:
    return call(address, "GET", f"/api/v1/{path}").json()["data"]


def query(address: str, expression: str) -> list[Any]:
    found: list[Any] = ask(address, f"query?query={quote(expression)}")["result"]
    return found


def exposed(running: Running) -> dict[str, str]:
    """Metric to type, as /metrics says; gauges that go with a counter's creation time aside."""
    types = re.findall(r"^# TYPE (penumbra_\w+) (\w+)$", scrape(running).decode(), re.MULTILINE)
    return {name: kind for name, kind in types if not name.endswith("_created")}


def test_the_page_documents_what_is_exposed(running: Running, sidecar: Running) -> None:
    of_fleets = {name: kind for name, kind in exposed(sidecar).items() if name.startswith("penumbra_fleet_")}
    assert documented() == exposed(running) | of_fleets
    assert of_fleets and not of_fleets.keys() & exposed(running).keys(), "who is in no fleet says nothing of one"


@pytest.mark.parametrize("metric", documented())
def test_prometheus_answers_for_every_documented_metric(prometheus: str, metric: str) -> None:
    kind = documented()[metric]
    family = metric.removesuffix("_total")  # Prometheus asks for OpenMetrics, where a family has no suffix
    assert ask(prometheus, f"metadata?metric={family}")[family][0]["type"] == kind
    series = metric + "_bucket" if kind == "histogram" else metric
    if metric not in RARE:
        assert query(prometheus, f"count({series})"), f"no series of {metric}"


def test_quantiles_come_out_of_the_histograms(prometheus: str) -> None:
    expression = "histogram_quantile(0.99, sum by (le) (penumbra_request_duration_seconds_bucket))"
    assert 0.0 < float(query(prometheus, expression)[0]["value"][1]) < 100.0


@pytest.mark.parametrize("which", ["running", "sidecar"])
def test_promtool_has_nothing_to_say(which: str, request: pytest.FixtureRequest) -> None:
    text = scrape(request.getfixturevalue(which))
    said = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")
