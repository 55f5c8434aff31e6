"""Model servers and clients of others, from the environment of requirements/servers.txt, and a `penumbra run` between.

Scripts in `served/` run in that environment. All listen on loopback, on ports that were free, and end with their block.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proxy.control.capture.format import Captured, UnreadableLineError
from proxy.control.capture.reading import legs_in
from proxy.demo.admin import Metrics, read_metrics
from proxy.demo.processes import DemoProcess, until_ok
from proxy.demo.servers import MLSERVER_SETTINGS
from tests.support.running import Running, eventually

ROOT = Path(__file__).parents[2]
SERVED = Path(__file__).with_name("served")
VENV = Path(os.environ.get("PENUMBRA_SERVERS_VENV", ROOT / ".venv-servers")).absolute()
READY = re.compile(r"Application startup complete")
PORT = re.compile(r"Uvicorn running on http://[\d.]+:(\d+)")
READY_SECONDS = 90.0
CLIENT_SECONDS = 120.0


def python() -> str:
    """The interpreter of the servers' environment; without it there is nothing that these tests could show."""
    found = VENV / "bin" / "python"
    assert found.exists(), f"{found} does not exist: `make test` makes it, PENUMBRA_SERVERS_VENV names it"
    return str(found)


def free_port() -> int:
    """A port that nobody has, for a server that does not take 0: below those that connections get on Linux
    (`ip_local_port_range`), which may be gone again at once."""
    while True:
        port = random.randrange(16_384, 32_768)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def serving(folder: Path, script: str, *arguments: object) -> Iterator[str]:
    """A server of `served/`; gives its address as soon as it answers. It is killed with all that it started."""
    argv = [python(), "-u", str(SERVED / script), *map(str, arguments)]
    log = folder / f"{script}-{len(list(folder.iterdir()))}.log"
    child = DemoProcess(script, argv, log, folder)
    with killed(child):
        asyncio.run(child.expect(READY, READY_SECONDS))
        yield f"127.0.0.1:{asyncio.run(child.expect(PORT, READY_SECONDS))[1]}"


@contextmanager
def killed(child: DemoProcess) -> Iterator[None]:
    """Kills a process, and all that it started, with the block."""
    try:
        yield
    finally:
        child.kill()


@contextmanager
def mlserver(models_python: Path, folder: Path, do: str) -> Iterator[str]:
    """An MLServer of `served/mlserver_model.py`; gives its address as soon as the model is loaded."""
    with mlserver_process(models_python, folder / do, do) as (_, address):
        yield address


@contextmanager
def mlserver_process(
    models_python: Path, home: Path, do: str, grpc_port: int = 0, **extra: object
) -> Iterator[tuple[DemoProcess, str]]:
    """The process, too. `extra`: more of what the model is told."""
    home.mkdir()
    model = {"name": "m", "implementation": "mlserver_model.Model", "parameters": {"extra": {"do": do, **extra}}}
    # MLServer wants streams without compression.
    settings = MLSERVER_SETTINGS | {"gzip_enabled": False, "grpc_port": grpc_port}
    for name, content in (("settings.json", settings), ("model-settings.json", model)):
        (home / name).write_text(json.dumps(content), encoding="utf-8")
    shutil.copy(SERVED / "mlserver_model.py", home)
    child = DemoProcess("MLServer", [str(models_python), "-m", "mlserver.cli.main", "start", "."], home / "log", home)
    with killed(child):
        address = f"127.0.0.1:{asyncio.run(child.expect(PORT, READY_SECONDS))[1]}"
        asyncio.run(until_ok(child, f"http://{address}/v2/models/m/ready", READY_SECONDS))
        yield child, address


@dataclass(frozen=True)
class Seen:
    """One request as its client saw it. `first`: seconds to the first token."""

    id: str
    do: str
    ended: str
    first: float | None


def ask(kind: str, address: str, does: Sequence[str], threads: int = 4, name: str = "r") -> list[Seen]:
    """Asks each of `does` with a client of `served/chat_clients.py`; the ids of requests begin with `name`."""
    plan = json.dumps({"does": does, "threads": threads, "name": name})
    argv = [python(), str(SERVED / "chat_clients.py"), kind, f"http://{address}", plan]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=CLIENT_SECONDS, check=True)
    return [Seen(**each) for each in json.loads(done.stdout)]


def asked_by(script: str, address: str, count: int) -> Any:
    """What a client of `served/` prints that asks `count` times."""
    argv = [python(), str(SERVED / script), f"http://{address}", str(count)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=CLIENT_SECONDS, check=True)
    return json.loads(done.stdout.splitlines()[-1])


class Between(Running):
    """A `penumbra run` with one route `r`, all of whose legs are kept in `capture`."""

    def __init__(self, folder: Path, addresses: Mapping[str, str], protocol: str, **route: Any) -> None:
        self.capture = folder / "legs.capture"
        content = {
            "listen": "127.0.0.1:0",
            "admin": {"listen": "127.0.0.1:0"},
            "state": str(folder / "state.db"),
            "analysis_cpu": 100,
            "capture": {"percent": 100, "path": str(self.capture), "max_bytes": "1GiB", "bodies": True},
            "versions": {version: {"url": f"http://{address}"} for version, address in addresses.items()},
            "routes": {"r": {"match": {"path": "/"}, "protocol": protocol, "primary": "v1"} | route},
        }
        config = folder / "penumbra.yaml"
        config.write_text(yaml.safe_dump(content), encoding="utf-8")
        super().__init__(config)

    def metrics(self) -> Metrics:
        return read_metrics(self.ask("GET", "/metrics").body.decode())

    def legs(self, name: str, count: int) -> list[Captured]:
        """The legs of the requests whose ids begin with `name`, as soon as there are `count`."""

        def look() -> list[Captured]:
            try:
                found = [leg for leg in legs_in([self.capture]) if leg.request_id.startswith(f"{name}-")]
            except (OSError, UnreadableLineError):  # not there, or a line is being written
                return []
            return found if len(found) >= count else []

        found = eventually(look, f"{count} legs of {name}")
        assert len(found) == count
        return found

    def settled(self, legs: int) -> Metrics:
        """What is counted as soon as `legs` legs have ended and their bodies have been looked at."""

        def look() -> Metrics | None:
            metrics = self.metrics()
            ended = metrics.total("penumbra_requests_total") == legs
            return metrics if ended and not metrics.total("penumbra_inflight_requests") else None

        return eventually(look, f"{legs} legs: {self.metrics().values('penumbra_requests_total')}")


@contextmanager
def all_of(*servers: Any) -> Iterator[list[str]]:
    """Several servers of `serving`, at once."""
    with ExitStack() as stack:
        yield [stack.enter_context(server) for server in servers]
