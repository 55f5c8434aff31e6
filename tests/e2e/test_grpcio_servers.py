"""Servers of grpcio as versions: by `grpcs://` behind a route of REST, and with errors that stand in the messages of
streams which end well."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.demo.admin import Metrics, read_metrics
from tests.e2e.test_grpc_streams import streaming
from tests.support.certificates import Authority, written
from tests.support.running import Running, call, eventually

SERVER = Path(__file__).with_name("oip_server.py")
SERVICE = "inference.GRPCInferenceService"
PATH = "/v2/models/m/infer"
ASKED = {"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1.5, 2.0]}]}


@contextmanager
def serving(python: Path, *arguments: str) -> Iterator[list[int]]:
    """The ports of a server that runs meanwhile."""
    argv = [str(python), str(SERVER), *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def configured(folder: Path, versions: dict[str, Any], route: dict[str, Any]) -> Path:
    content = {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "state": str(folder / "state.db"),
        "drain": "5s",
        "versions": versions,
        "routes": {"r": route},
    }
    config = folder / "penumbra.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    return config


def metrics(running: Running) -> Metrics:
    return read_metrics(running.ask("GET", "/metrics").body.decode())


def test_a_route_of_rest_asks_a_server_by_grpcs_and_none_whose_certificate_it_does_not_trust(
    models_python: Path, tmp_path: Path
) -> None:
    trusted, other = Authority(), Authority()
    own = written(tmp_path / "own", trusted.issue("ip:127.0.0.1"), trusted)
    foreign = written(tmp_path / "foreign", other.issue("ip:127.0.0.1"), other)
    with serving(models_python, "well", own.certificate, own.key) as (_, port):
        url = f"grpcs://127.0.0.1:{port}"
        versions = {"a": {"url": url, "tls": {"ca": own.ca}}, "b": {"url": url, "tls": {"ca": foreign.ca}}}
        route: dict[str, Any] = {"match": {"path": "/v2"}, "protocol": "oip", "primary": "a"}
        route["shadows"] = [{"version": "b", "percent": 100}]
        with Running(configured(tmp_path, versions, route)) as running:
            answer = call(running.data, "POST", PATH, ASKED)
            eventually(lambda: metrics(running).total("penumbra_requests_total", role="shadow"), "the copy")
            seen = metrics(running)
    assert answer.status == 200 and answer.version == "a"
    assert answer.json()["outputs"] == [{"name": "y", "datatype": "FP64", "shape": [1], "data": [3.5]}]
    assert seen.total("penumbra_requests_total", version="a", code="grpc:0") == 1
    assert seen.total("penumbra_requests_total", version="b", code="tls_failed") == 1


@pytest.mark.parametrize("stage", [{"shadow": 100}, {"canary": 50}])
def test_a_release_whose_streams_fail_in_their_messages_is_rolled_back(
    stage: dict[str, int], models_python: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(models_python, each))[0] for each in ("well", "failing")]
        versions = {name: {"url": f"http://127.0.0.1:{port}"} for name, port in zip("ab", ports, strict=True)}
        release = {"candidate": "b", "strategy": "canary", "stages": [stage | {"requests": 1_000_000}]}
        route = {"match": {"grpc": SERVICE}, "protocol": "grpc", "primary": "a", "release": release}
        running = stack.enter_context(Running(configured(tmp_path, versions, route)))
        client = stack.enter_context(streaming(models_python, running))
        eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
        seen = metrics(running)
        statuses = {code for _, _, code in client.ended()}
    assert statuses == {0}
    assert seen.total("penumbra_invalid_total", version="b", reason="error_in_stream") > 0
    assert seen.total("penumbra_invalid_total", version="a") == 0
    assert seen.total("penumbra_requests_total", version="b") == seen.total(
        "penumbra_requests_total", code="grpc:0", version="b"
    )
