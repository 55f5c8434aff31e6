"""The configuration that the demo writes is one that `penumbra run` takes, with ports left to the kernel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from proxy.config import load
from proxy.contracts.address import Address
from proxy.contracts.table import Share, Sticky
from proxy.demo import calls, front
from proxy.demo.processes import DemoProcess
from proxy.demo.servers import ModelServer


@pytest.fixture
def servers(tmp_path: Path) -> list[ModelServer]:
    child = DemoProcess("nothing", [sys.executable, "-c", ""], tmp_path / "log", tmp_path)
    child.process.wait()
    return [ModelServer(f"cancer-v{n}", child, f"http://127.0.0.1:{8080 + n}") for n in (1, 2, 3)]


def test_the_configuration_loads(servers: list[ModelServer], tmp_path: Path) -> None:
    path = tmp_path / "penumbra.yaml"
    path.write_text(yaml.safe_dump(front.configuration(servers, tmp_path / "state.db")), encoding="utf-8")
    settings = load.load(path)
    (route,) = settings.routes
    assert settings.listen == settings.admin.listen == (Address("127.0.0.1", 0),)
    assert (route.primary, route.shadows) == ("cancer-v1", (Share("cancer-v2", 100.0),))
    assert route.sticky == Sticky("header", "x-user-id")
    assert not any(share.percent for share in route.split)
    assert set(settings.versions) == {"cancer-v1", "cancer-v2", "cancer-v3"}


def test_by_grpc_versions_are_asked_by_http2_at_ports_of_their_own(servers: list[ModelServer], tmp_path: Path) -> None:
    for number, server in enumerate(servers):
        server.grpc_port = 9000 + number
    path = tmp_path / "penumbra.yaml"
    path.write_text(yaml.safe_dump(front.configuration(servers, tmp_path / "state.db")), encoding="utf-8")
    settings = load.load(path)
    assert [(version.http, version.port) for version in settings.versions.values()] == [(2, 9000), (2, 9001), (2, 9002)]
    (route,) = settings.routes
    assert (route.protocol, route.match.grpc) == ("grpc", calls.SERVICE)


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"listening","data":"127.0.0.1:41001","admin":"127.0.0.1:41002"}',
        '{"time": "2026", "event": "listening", "data": "127.0.0.1:41001", "admin": "127.0.0.1:41002", "workers": 1}',
    ],
)
def test_the_addresses_are_read_from_the_log(line: str) -> None:
    match = front.LISTENING.search(f"something else\n{line}\n")
    assert match
    assert (match["data"], match["admin"]) == ("127.0.0.1:41001", "127.0.0.1:41002")
