"""Real processes for the end-to-end tests: MLServer with three trained versions, `penumbra run`, a real client library.

The models venv (MLServer, scikit-learn, tritonclient) is where PENUMBRA_MODELS_VENV says, else in ./.venv-models. These
tests fail without it: an end-to-end test that is skipped shows nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proxy.demo import front, servers
from proxy.demo.admin import Metrics, read_metrics
from proxy.demo.front import ROUTE, Front
from proxy.demo.servers import ModelServer, ModelsVenvMissing

VERSIONS = ("cancer-v1", "cancer-v2", "cancer-v3")
ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("oip_client.py")
PATIENCE = 30.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Loopback needs no proxy, whatever the environment says."""


@dataclass(frozen=True)
class Exchange:
    """One request of the client; `version` is what the model server calls itself."""

    user: str
    version: str
    probability: float | None
    seconds: float
    error: str


@dataclass
class Drive:
    """A client under way."""

    process: subprocess.Popen[str]

    def finish(self) -> list[Exchange]:
        """Lets it finish and returns what it saw."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        assert self.process.wait(PATIENCE) == 0, "the client failed; its traceback is above"
        answer = json.loads(text)
        assert answer["ready"], "the model is not ready through the proxy"
        return [Exchange(*exchange) for exchange in answer["exchanges"]]

    def stop(self) -> list[Exchange]:
        """Ends it early, exchanges under way are finished, and returns what it saw."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.finish()


@dataclass
class Models:
    """The models venv, a folder with the trained versions and unseen rows, and the servers that run."""

    python: Path
    folder: Path
    servers: dict[str, ModelServer] = field(default_factory=dict)

    @contextlib.contextmanager
    def another(self, version: str, folder: Path, grpc_port: int = 0) -> Iterator[ModelServer]:
        """One more server of a version, in `folder`, that a test may kill."""
        shutil.copytree(self.folder / version, folder / version)
        server = servers.serve(self.python, folder, version, grpc_port)
        try:
            asyncio.run(_all_ready([server]))
            yield server
        finally:
            asyncio.run(servers.stop([server]))

    @contextlib.contextmanager
    def drive(self, address: str, **plan: Any) -> Iterator[Drive]:
        """Starts the client against `address`; it does not outlive the block."""
        plan = {"count": 10**9, "rate": 100.0, "connections": 8, "users": 1000} | plan
        argv = [str(self.python), str(CLIENT), address, str(self.folder / "rows.json"), json.dumps(plan)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Drive(process)
            finally:
                process.kill()

    def exchanges(self, address: str, **plan: Any) -> list[Exchange]:
        """Runs the client to its end."""
        with self.drive(address, **plan) as drive:
            return drive.finish()


@dataclass
class Penumbra:
    """A running `penumbra run` with one route."""

    front: Front
    name: str = ROUTE

    @property
    def address(self) -> str:
        """HOST:PORT of the traffic."""
        return self.front.url.removeprefix("http://").partition("/")[0]

    def route(self) -> dict[str, Any]:
        route: dict[str, Any] = self.ask("GET", f"/v1/routes/{self.name}")
        return route

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """An admin call; raises on a refusal."""
        return json.loads(self._call(method, path, None if body is None else json.dumps(body).encode()))

    def put(self, what: str, percents: dict[str, float]) -> None:
        """Sets `split` or `shadows`, and waits until the workers follow."""
        self.ask("PUT", f"/v1/routes/{self.name}/{what}", percents)
        revision = self.metrics().one("penumbra_table_revision") or 0.0
        self.until(lambda _: self.metrics().one("penumbra_worker_revision") == revision, f"workers at {revision}")

    def audit(self) -> list[dict[str, Any]]:
        """The audit trail's entries."""
        entries: list[dict[str, Any]] = self.ask("GET", "/v1/audit")["entries"]
        return entries

    def metrics(self) -> Metrics:
        return read_metrics(self._call("GET", "/metrics").decode())

    def legs(self, **labels: str) -> int:
        """Legs that Penumbra has counted so far."""
        return int(self.metrics().total("penumbra_requests_total", route=self.name, **labels))

    def until(self, true: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Waits until `true` of the route as the admin API shows it; a test that waits in vain says for what."""
        deadline = time.monotonic() + PATIENCE
        while not true(route := self.route()):
            assert time.monotonic() < deadline, f"in vain: {what}; the route is {route}"
            time.sleep(0.01)
        return route

    def counted(self, requests: int) -> None:
        """Waits until the ticks have brought as many assigned legs as there were requests. Fewer: some are missing;
        more: something was sent twice behind the client's back."""
        self.until(lambda _: self.legs(role="primary") + self.legs(role="canary") >= requests, f"{requests} legs")
        assert self.legs(role="primary") + self.legs(role="canary") == requests

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            self.front.admin + path, body, {"content-type": "application/json"}, method=method
        )
        with DIRECT.open(request, timeout=10) as response:
            content: bytes = response.read()
            return content


async def _all_ready(started: list[ModelServer]) -> None:
    async for _ in servers.ready(started):
        pass


async def _trained(python: Path, folder: Path) -> None:
    async for _ in servers.train(python, folder):
        pass


@pytest.fixture(scope="session")
def models_python() -> Path:
    """The Python of the models venv."""
    try:
        return servers.models_python(Path(os.environ.get("PENUMBRA_MODELS_VENV", ROOT / ".venv-models")).absolute())
    except ModelsVenvMissing as problem:
        pytest.fail(str(problem), pytrace=False)


@pytest.fixture(scope="session")
def models(models_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """Three versions, trained once and each served by an MLServer process."""
    folder = tmp_path_factory.mktemp("models")
    asyncio.run(_trained(models_python, folder))
    started: list[ModelServer] = []
    try:
        for version in VERSIONS:
            started.append(servers.serve(models_python, folder, version))  # noqa: PERF401 - all that started are ended
        asyncio.run(_all_ready(started))
        yield Models(models_python, folder, {server.version: server for server in started})
    finally:
        asyncio.run(servers.stop(started))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Penumbra]]:
    """Starts Penumbra with one route, to the model of its name: `start(urls, primary=..., shadows=...)`. `tls`: the
    section of each version."""
    running: list[Front] = []

    def start(
        urls: dict[str, str],
        name: str = ROUTE,
        http: int = 1,
        capture: dict[str, Any] | None = None,
        tls: dict[str, Any] | None = None,
        **route: Any,
    ) -> Penumbra:
        spoken: dict[str, Any] = ({"http": http} if http > 1 else {}) | ({"tls": tls} if tls else {})
        section = {"match": {"path": f"/v2/models/{name}/"}, "protocol": "oip"} | route
        content = {
            "listen": "127.0.0.1:0",
            "admin": {"listen": "127.0.0.1:0"},
            "state": str(tmp_path / "penumbra.db"),
            "versions": {version: {"url": url} | spoken for version, url in urls.items()},
            "routes": {name: section},
        } | ({"capture": capture} if capture else {})
        running.append(front.start(content, tmp_path))
        asyncio.run(front.ready(running[-1]))
        return Penumbra(running[-1], name)

    yield start
    for each in running:
        asyncio.run(each.child.stop())
        assert each.child.process.returncode == 0, each.child.failed("did not end well")
