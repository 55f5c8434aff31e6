"""Streams both ways by gRPC with MLServer, and REST beside them on one port: a release that is rolled back by hand, and
one whose canary is killed.

A stream that has begun to answer cannot be sent to anybody else: where its server is killed it ends with UNAVAILABLE,
never as if it were complete. Every other one, also one that waits for its first answer, is complete.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.demo.processes import DemoProcess
from tests.e2e.third_party import free_port, mlserver_process
from tests.support.running import Running, Traffic, eventually

CLIENT = Path(__file__).with_name("stream_client.py")
THREADS, ANSWERS = 6, 10
UNAVAILABLE = 14
GRPC = "/inference.GRPCInferenceService"


@pytest.fixture(scope="module")
def servers(models_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """By version: its process, its address by REST, and its port by gRPC."""
    folder = tmp_path_factory.mktemp("streams")
    with ExitStack() as stack:
        found = {}
        for version in ("v1", "v2"):
            port = free_port()
            child, address = stack.enter_context(
                mlserver_process(models_python, folder / version, "answer", port, pause=0.02)
            )
            found[version] = child, address, port
        yield found


def configured(folder: Path, servers: dict[str, tuple[DemoProcess, str, int]]) -> Path:
    """One listener, a route by gRPC with a release, one by REST."""
    by_grpc = {name: {"url": f"http://127.0.0.1:{port}", "http": 2} for name, (_, _, port) in servers.items()}
    by_rest = {f"rest-{name}": {"url": f"http://{address}"} for name, (_, address, _) in servers.items()}
    stages = [{"canary": 50, "requests": 1_000_000}]
    content = {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "state": str(folder / "state.db"),
        "drain": "5s",
        "versions": by_grpc | by_rest,
        "routes": {
            "r": {
                "match": {"path": GRPC},
                "protocol": "oip",
                "primary": "v1",
                "release": {"candidate": "v2", "strategy": "canary", "stages": stages},
            },
            "rest": {"match": {"path": "/v2"}, "protocol": "oip", "primary": "rest-v1"},
        },
    }
    config = folder / "penumbra.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    return config


class Streams:
    """A client under way."""

    def __init__(self, python: Path, address: str) -> None:
        argv = [str(python), str(CLIENT), address, str(THREADS)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ended(self) -> list[tuple[str, int, int]]:
        """What it saw, once the streams that it has begun are over."""
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return [tuple(each) for each in json.loads(out)]


@contextmanager
def streaming(python: Path, running: Running) -> Iterator[Streams]:
    streams = Streams(python, running.data)
    try:
        yield streams
    finally:
        streams.process.kill()


def legs(running: Running, version: str, code: str = "grpc:0") -> int:
    """Legs of a version that ended so."""
    lines = running.ask("GET", "/metrics").body.decode().splitlines()
    wanted = (f'version="{version}"', f'code="{code}"', "penumbra_requests_total")
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if all(each in line for each in wanted)))


def warm(running: Running, *versions: str) -> None:
    """Returns once each version has answered some more streams."""
    wanted = {version: legs(running, version) + 10 for version in versions}
    eventually(lambda: all(legs(running, each) >= n for each, n in wanted.items()), f"streams of {versions}")


def test_a_release_of_streams_is_rolled_back_by_hand_and_by_a_kill(
    servers: dict[str, Any], models_python: Path, tmp_path: Path
) -> None:
    with (
        Running(configured(tmp_path, servers)) as running,
        Traffic(running.data, clients=1, path="/v2/repository/index", pause=0.01) as rest,
    ):
        with streaming(models_python, running) as streams:
            warm(running, "v1", "v2")
            assert running.ask("POST", "/v1/routes/r/rollback", {"reason": "a test"}).status == 200
            eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
            warm(running, "v1")
            seen = streams.ended()
        assert {each[1:] for each in seen} == {(ANSWERS, 0)}
        assert {version for version, _, _ in seen} == {"v1", "v2"}

        assert running.ask("POST", "/v1/routes/r/release", {"reason": "once more"}).status == 200
        with streaming(models_python, running) as streams:
            warm(running, "v1", "v2")
            servers["v2"][0].kill()
            eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
            warm(running, "v1")
            seen = streams.ended()
    cut = [each for each in seen if each[1:] != (ANSWERS, 0)]
    assert {(version, code) for version, _, code in cut} <= {("v2", UNAVAILABLE)}
    assert len(cut) <= THREADS and all(0 < answers <= ANSWERS for _, answers, _ in cut)
    assert set(rest.answers) == {"rest-v1"} and not rest.failures
