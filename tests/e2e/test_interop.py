"""The interop cases of the gRPC project by grpcio and @grpc/grpc-js: through Penumbra they are what they are without.

One program stands between: in clear and by TLS with ALPN on both sides, with a split, and with a shadow that is well or
hangs. Every case is compared field by field: status, message, metadata, messages, and what the server saw.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority, written
from tests.support.running import PATIENCE, Running, eventually

HERE = Path(__file__).with_name("interop")
NODE_MODULES = Path(__file__).parents[2] / ".venv-node" / "node_modules"
CLIENTS = ("grpcio", "grpc-js")
OURS = ("x-request-id", "x-penumbra-version")
"""Fields of an answer that only Penumbra says."""

CONFIG = """
listeners:
  - {{listen: 127.0.0.1:0}}
  - {{listen: 127.0.0.1:0, tls: {{certificate: {own.certificate}, key: {own.key}, alpn: [h2, http/1.1]}}}}
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
drain: 5s
versions:
  a: {{url: "http://127.0.0.1:{a[0]}"}}
  b: {{url: "http://127.0.0.1:{b[0]}"}}
  by-tls: {{url: "https://127.0.0.1:{a[1]}", tls: {{ca: {own.ca}}}}}
routes:
  split:
    match: {{path: /, headers: {{x-lane: split}}}}
    protocol: grpc
    primary: a
    canary: {{version: b, percent: 50}}
  tls:
    match: {{path: /, headers: {{x-lane: tls}}}}
    protocol: grpc
    primary: by-tls
  mirror:
    match: {{path: /, headers: {{x-lane: mirror}}}}
    protocol: grpc
    primary: a
    shadows: [{{version: b, percent: 100}}]
"""

CODES = {
    "empty_unary": 0,
    "large_unary": 0,
    "client_streaming": 0,
    "server_streaming": 0,
    "ping_pong": 0,
    "empty_stream": 0,
    "special_status_message": 2,
    "unimplemented_method": 12,
    "unimplemented_service": 12,
    "server_compressed_unary": 0,
    "client_compressed_streaming": 0,
    "server_compressed_streaming": 0,
}
"""What the project's cases end with, where a case is one call."""

OTHERS = {
    "cancel_after_begin": [True, 1],
    "cancel_after_first_response": [31415, 1, True],
    "timeout_on_sleeping_server": [[9], 4, True],
}

Seen = dict[str, Any]


@dataclass
class Interop:
    """`shadow` is the process of version b; `direct` the address of version a."""

    python: Path
    running: Running
    shadow: subprocess.Popen[str]
    direct: str
    ca: str

    def ask(self, client: str, *lanes: str) -> list[Seen]:
        """What a client sees in each lane. In that named `direct` nobody stands between."""
        plain, by_tls = self.running.event("listening")["data"].split(", ")
        addresses = {"direct": self.direct, "tls": by_tls.replace("127.0.0.1", "localhost")}
        targets = json.dumps(
            [
                {"address": addresses.get(lane, plain), "lane": lane, "ca": self.ca if lane == "tls" else ""}
                for lane in lanes
            ]
        )
        if client == "grpcio":
            argv = [str(self.python), str(HERE / "client.py"), targets]
        else:
            argv = ["node", str(HERE / "client.js"), targets]
        environment = os.environ | {"NODE_PATH": str(NODE_MODULES)}
        done = subprocess.run(
            argv, env=environment, stdout=subprocess.PIPE, text=True, timeout=2 * PATIENCE, check=True
        )
        seen: list[Seen] = json.loads(done.stdout)
        return seen


@pytest.fixture(scope="module")
def interop(models_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interop]:
    folder = tmp_path_factory.mktemp("interop")
    authority = Authority()
    own = written(folder / "own", authority.issue("dns:localhost", "ip:127.0.0.1"), authority)
    argv = [str(models_python), str(HERE / "server.py"), own.certificate, own.key]
    with ExitStack() as stack:
        servers = []
        for _ in range(2):
            servers.append(stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)))
            stack.callback(servers[-1].kill)
        a, b = (json.loads(server.stdout.readline()) for server in servers)
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(folder=folder, own=own, a=a, b=b))
        running = stack.enter_context(Running(config))
        yield Interop(models_python, running, servers[1], f"127.0.0.1:{a[0]}", own.ca)


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "grpc-js" and not (shutil.which("node") and NODE_MODULES.is_dir()):
        pytest.skip("node or @grpc/grpc-js is not installed")
    return name


def bare(seen: Any) -> Any:
    """What a client saw but for the fields that only Penumbra says."""
    if isinstance(seen, dict):
        return {name: bare(each) for name, each in seen.items()}
    if isinstance(seen, list):
        return [bare(each) for each in seen if not (isinstance(each, list) and each and each[0] in OURS)]
    return seen


def different(seen: Seen, direct: Seen) -> dict[str, tuple[Any, Any]]:
    """The cases that are not as without us, both ways."""
    assert seen.keys() == direct.keys()
    return {name: (bare(seen[name]), direct[name]) for name in direct if bare(seen[name]) != direct[name]}


def versions(seen: Any) -> set[str]:
    """Those that have answered, by their fields."""
    if isinstance(seen, dict):
        return set().union(*map(versions, seen.values()))
    if isinstance(seen, list) and len(seen) == 2 and seen[0] == "x-penumbra-version":
        return {seen[1]}
    return set().union(*map(versions, seen)) if isinstance(seen, list) else set()


def test_what_a_client_sees_is_the_same_with_and_without_us(interop: Interop, client: str) -> None:
    direct, *through = interop.ask(client, "direct", "split", "tls", "mirror")
    assert {name: direct[name]["code"] for name in CODES} == CODES
    assert {name: direct[name] for name in OTHERS} == OTHERS
    for seen in through:
        assert different(seen, direct) == {}
    assert [versions(seen) for seen in through] == [{"a", "b"}, {"by-tls"}, {"a"}]


def test_a_shadow_that_hangs_is_seen_by_nobody(interop: Interop, client: str) -> None:
    mirrored = 'penumbra_shadow_requests_total{route="mirror",version="b"}'
    before = figure(interop, mirrored)
    interop.shadow.send_signal(signal.SIGSTOP)
    try:
        direct, through = interop.ask(client, "direct", "mirror")
    finally:
        interop.shadow.send_signal(signal.SIGCONT)
    assert different(through, direct) == {}
    assert versions(through) == {"a"}
    eventually(lambda: figure(interop, mirrored) > before + 20, "copies for a shadow that hangs")


def figure(interop: Interop, series: str) -> float:
    """A figure of /metrics, 0 while there is none."""
    lines = interop.running.ask("GET", "/metrics").body.decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(series)), 0.0)
