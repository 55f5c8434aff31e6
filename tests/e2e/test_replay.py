"""Captured requests of real clients, sent to real model servers that nobody uses yet."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from proxy.contracts.replay import ReplayReport, decode
from proxy.demo.front import ROUTE
from proxy.demo.servers import MODEL
from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Models, Penumbra

REQUESTS = 450


class Garbage(http.server.BaseHTTPRequestHandler):
    """A server that answers 200 with a page, whatever it is asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>")

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def garbage() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Garbage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def replay(folder: Path, url: str, *more: str) -> tuple[int, ReplayReport | None]:
    """Exit code, and the report if there is one."""
    place = folder / "report.json"
    place.unlink(missing_ok=True)
    command = [sys.executable, "-m", "proxy", "replay", str(folder / "records"), str(folder / "ci.yaml")]
    command += ["--route", ROUTE, "--against", url, "--json", str(place), "--unsealed", *more]
    code = subprocess.run(command, capture_output=True, timeout=120, check=False).returncode
    return code, decode(place.read_bytes()) if place.exists() else None


def configured(folder: Path) -> None:
    """What CI judges by."""
    stages = [{"shadow": 100, "requests": 200}, {"canary": 50, "requests": 200}]
    scorecard = {"disagreement": {"max": 0.05}, "latency_p99": {"max_ratio": 3}}
    release = {"candidate": "cancer-v2", "strategy": "canary", "stages": stages, "scorecard": scorecard}
    section = {"match": {"path": f"/v2/models/{MODEL}/"}, "protocol": "oip", "primary": "cancer-v1"}
    content = {
        "listen": "127.0.0.1:0",
        "state": ":memory:",
        "versions": {name: {"url": "http://127.0.0.1:1"} for name in ("cancer-v1", "cancer-v2")},
        "routes": {ROUTE: section | {"release": release}},
    }
    (folder / "ci.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def test_versions_are_judged_by_yesterdays_requests(
    models: Models, start: Callable[..., Penumbra], tmp_path: Path, garbage: str
) -> None:
    urls = {version: server.url for version, server in models.servers.items()}
    capture = {"path": str(tmp_path / "records"), "percent": 100, "bodies": True, "max_bytes": "64MiB"}
    penumbra = start({"cancer-v1": urls["cancer-v1"]}, primary="cancer-v1", capture=capture)
    models.exchanges(penumbra.address, count=REQUESTS, rate=400)
    penumbra.until(
        lambda _: penumbra.metrics().total("penumbra_captured_records_total") >= REQUESTS, "everything is captured"
    )
    configured(tmp_path)

    code, report = replay(tmp_path, urls["cancer-v2"])
    assert report is not None and (code, report.verdict, report.candidate) == (0, "pass", "cancer-v2")
    assert report.outcomes[1].outcomes == {"good": report.counts.sent}

    code, report = replay(tmp_path, urls["cancer-v3"], "--version", "cancer-v3")
    assert report is not None and (code, report.verdict) == (1, "fail") and "disagreement" in report.sentence
    assert len(report.agreement.worst) == 5 and report.agreement.worst[0].detail.keys() >= {"primary", "candidate"}

    beside = ("--primary", urls["cancer-v1"], "--requests", "60")
    code, report = replay(tmp_path, urls["cancer-v1"], "--version", "cancer-again", *beside)
    assert report is not None and code == 5 and report.agreement.disagreements == 0
    assert report.run is not None and {line.metric for line in report.run.lines} == {"latency_p99"}

    code, report = replay(tmp_path, urls["cancer-v1"], "--version", "cancer-again")
    assert report is not None and (code, report.agreement.disagreements) == (0, 0)

    code, report = replay(tmp_path, garbage)
    assert report is not None and (code, report.verdict) == (1, "fail")

    assert replay(tmp_path, "http://127.0.0.1:1") == (3, None)

    port = free_port()
    with models.another("cancer-v1", tmp_path, port):
        code, report = replay(tmp_path, f"grpc://127.0.0.1:{port}")
    assert report is not None and (code, report.verdict) == (0, "pass"), "the same model by another protocol"
    assert report.outcomes[1].codes == {"grpc:0": report.counts.sent} and report.agreement.disagreements == 0
