"""The demo's configuration, and `penumbra run` in front of the model servers."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

import proxy
from proxy.demo import calls
from proxy.demo.processes import DemoProcess, until_ok
from proxy.demo.servers import MODEL, ModelServer

ROUTE = "cancer"
FRONT_READY_SECONDS = 30.0
"""Patience with a start that takes a second on an idle machine."""

LISTENING = re.compile(r'"event": ?"listening".*?"data": ?"(?P<data>[^"]+)".*?"admin": ?"(?P<admin>[^"]+)"')


JSON_PATH = f"/v2/models/{MODEL}/infer"


@dataclass(slots=True)
class Front:
    """A running Penumbra; `url` is where the model is, `admin` where the admin API is."""

    child: DemoProcess
    config: Path
    url: str = ""
    admin: str = ""
    path: str = JSON_PATH


def configuration(servers: Sequence[ModelServer], state: Path) -> dict[str, object]:
    """The first server is the primary, the second its shadow. Ports are left to the kernel."""
    first, second = servers[0].version, servers[1].version
    grpc = bool(servers[0].grpc_port)
    return {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "state": str(state),
        "versions": {server.version: server.entry for server in servers},
        "routes": {
            ROUTE: {
                "match": {"grpc": calls.SERVICE} if grpc else {"path": f"/v2/models/{MODEL}/"},
                "protocol": "grpc" if grpc else "oip",
                "primary": first,
                "canary": {"version": second, "percent": 0, "sticky": "header:x-user-id"},
                "shadows": [{"version": second, "percent": 100}],
            }
        },
    }


def start(content: Mapping[str, object], folder: Path) -> Front:
    """Writes a configuration into `folder` and starts `penumbra run` on it; it is not ready yet."""
    config = folder / "penumbra.yaml"
    config.write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
    home = Path(proxy.__file__).parent.parent
    argv = [sys.executable, "-m", "proxy", "run", str(config)]
    return Front(DemoProcess("Penumbra", argv, folder / "penumbra.log", home), config)


async def ready(front: Front) -> None:
    """Waits until Penumbra says where it listens and that it is ready. Raises ProcessFailed."""
    addresses = await front.child.expect(LISTENING, FRONT_READY_SECONDS)
    front.url = f"http://{addresses['data']}{front.path}"
    front.admin = f"http://{addresses['admin']}"
    await until_ok(front.child, f"{front.admin}/readyz", FRONT_READY_SECONDS)
