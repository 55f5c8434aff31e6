"""Trains the versions in the models venv and serves each with one MLServer process.

MLServer gets port 0 for HTTP and gRPC and no metrics server, so that no port is ever asked for that somebody else
has; the address that it got is read from its log.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.demo.processes import POLL_SECONDS, DemoProcess, until_ok, until_open

MODEL = "cancer"
"""The model's name in every server, so that the path is the same whichever version answers."""

SERVER_READY_SECONDS = 90.0
"""Three servers that import scikit-learn at once on a slow disk; usually it takes 3 s."""

UVICORN_ADDRESS = re.compile(r"Uvicorn running on (http://\S+:\d+)")

MLSERVER_SETTINGS = {
    "host": "127.0.0.1",
    "http_port": 0,
    "grpc_port": 0,
    "metrics_endpoint": None,
    "parallel_workers": 0,
    "debug": False,
}
"""Settings of every MLServer process."""


class ModelsVenvMissing(Exception):
    """No Python with MLServer and scikit-learn was where the demo looked."""


@dataclass(slots=True)
class ModelServer:
    """One version and the process that serves it; `url` is empty until it is ready. `grpc_port`: where it is asked by
    gRPC; 0: it is not."""

    version: str
    child: DemoProcess
    url: str = ""
    grpc_port: int = 0

    @property
    def entry(self) -> dict[str, object]:
        """What a configuration says of it. By HTTP/2 also where no route of gRPC names it yet."""
        return {"url": f"http://127.0.0.1:{self.grpc_port}", "http": 2} if self.grpc_port else {"url": self.url}


def models_python(venv: Path) -> Path:
    """The Python of the models venv. Raises ModelsVenvMissing."""
    python = venv / "bin" / "python"
    if not python.exists():
        raise ModelsVenvMissing(
            f"{python} does not exist: `make demo` and `make test` make it, --models or PENUMBRA_MODELS_VENV names it"
        )
    return python


async def train(python: Path, folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Runs `train.py` in the models venv; yields its progress reports as they come. Raises ProcessFailed."""
    child = DemoProcess(
        "training", [str(python), str(Path(__file__).with_name("train.py")), str(folder)], folder / "train.log", folder
    )
    reported = 0
    try:
        while True:
            ended = not child.running
            lines = [line for line in child.log.read_text(encoding="utf-8").split("\n")[:-1] if line.startswith("{")]
            for line in lines[reported:]:
                yield json.loads(line)
            reported = len(lines)
            if ended:
                break
            await asyncio.sleep(POLL_SECONDS)
        if child.process.returncode:
            raise child.failed(f"ended with code {child.process.returncode}")
    finally:
        child.kill()


def serve(python: Path, folder: Path, version: str, grpc_port: int = 0) -> ModelServer:
    """Starts MLServer for a trained version in `folder/version`; it is not ready yet. `grpc_port`: where it speaks
    gRPC; its own choice it does not tell."""
    home = folder / version
    model = {
        "name": MODEL,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(home / "model.joblib"), "version": version},
    }
    (home / "settings.json").write_text(json.dumps(MLSERVER_SETTINGS | {"grpc_port": grpc_port}), encoding="utf-8")
    (home / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    argv = [str(python), "-m", "mlserver.cli.main", "start", str(home)]
    return ModelServer(
        version, DemoProcess(f"MLServer of {version}", argv, home / "server.log", home), grpc_port=grpc_port
    )


async def ready(servers: Iterable[ModelServer]) -> AsyncIterator[ModelServer]:
    """Yields each server as it becomes ready to answer. Raises ProcessFailed."""
    waiting = [asyncio.create_task(_ready(server)) for server in servers]
    try:
        for done in asyncio.as_completed(waiting):
            yield await done
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _ready(server: ModelServer) -> ModelServer:
    server.url = (await server.child.expect(UVICORN_ADDRESS, SERVER_READY_SECONDS))[1]
    await until_ok(server.child, f"{server.url}/v2/models/{MODEL}/ready", SERVER_READY_SECONDS)
    if server.grpc_port:
        await until_open(server.child, server.grpc_port, SERVER_READY_SECONDS)
    return server


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def load_rows(folder: Path) -> list[list[float]]:
    """The rows that no version has seen, in the order of the 30 features."""
    rows: list[list[float]] = json.loads((folder / "rows.json").read_text(encoding="utf-8"))["rows"]
    return rows


async def stop(servers: Iterable[ModelServer]) -> None:
    """Ends all servers, whatever state they are in."""
    await asyncio.gather(*(server.child.stop() for server in servers))
