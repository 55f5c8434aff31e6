"""The program under test, its configuration and its processes, as they are seen from outside."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.process.chaos.limits import Limits
from tests.process.chaos.models import Model
from tests.support.running import Answer, Running, alive, call, eventually

MEMORY = 512 << 20
"""Bytes of all processes of the program together."""

MODELS = ("good", "twin", "canary", "shadow", "weak", "sink", "other")

ROUTES: dict[str, dict[str, Any]] = {
    "steady": {"primary": "good"},
    "healthy": {"primary": "good", "canary": {"version": "twin", "percent": 50}, "rescue": {"after": "400ms"}},
    "canary": {"primary": "good", "canary": {"version": "canary", "percent": 50}, "rescue": {"after": "400ms"}},
    "shadow": {"primary": "good", "shadows": [{"version": "shadow", "percent": 100}]},
    "weak": {"primary": "weak", "timeouts": {"response": "1s"}},
    "admin": {"primary": "good", "canary": {"version": "twin", "percent": 10}},
    "hostile": {"protocol": "oip", "primary": "sink", "shadows": [{"version": "other", "percent": 100}]},
}
"""Routes by name. Well-behaved clients ask all but the last one."""

ASKED = tuple(name for name in ROUTES if name != "hostile")
HARMLESS = ("steady", "healthy", "admin")
"""Routes whose versions are never harmed: nothing may be rolled back there but by a command."""


Routes = Mapping[str, Mapping[str, Any]]

USUAL: Mapping[str, Any] = {
    "protocol": "json",
    "analysis": {"features": "/x", "prediction": "/prediction", "reference": 200},
}
"""What a route has that says nothing else; an OIP route needs no pointers."""


def configuration(urls: Mapping[str, str], home: Path, routes: Routes) -> dict[str, Any]:
    """A configuration with every bound at its default, and no address yet."""
    whole = {name: {"match": {"path": f"/{name}/"}, **USUAL, **route} for name, route in routes.items()}
    for route in whole.values():
        if route["protocol"] == "oip":
            del route["analysis"]
    return {
        "state": str(home / "disk" / "state" / "penumbra.db"),
        "drain": "2s",
        "versions": {name: {"url": url} for name, url in urls.items()},
        "routes": whole,
    }


def free_address() -> str:
    """An address of loopback that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Program:
    """`penumbra run` that can be killed and started again at the same addresses.

    `top`: keys of the configuration beside its routes; the number of workers among them.
    """

    def __init__(self, home: Path, models: Iterable[Model], routes: Routes = ROUTES, **top: Any) -> None:
        self.home, self.workers = home, int(top.get("workers", 1))
        self.limits = Limits(home, MEMORY)
        self.data, self.admin = free_address(), free_address()
        self.temporary, self.state = home / "tmp", home / "disk" / "state"
        self.temporary.mkdir()
        self.state.mkdir()
        self.file = home / "penumbra.yaml"
        addresses = {"listen": self.data, "admin": {"listen": self.admin}}
        self.settings = configuration({m.name: m.url for m in models}, home, routes) | addresses | top
        self.write(json.dumps(self.settings))
        self.lives: list[Running] = []

    def write(self, text: str) -> None:
        """A new configuration, all at once."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    @property
    def running(self) -> Running:
        """The life that it is in."""
        return self.lives[-1]

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log lines of all lives."""
        return [line for life in self.lives for line in list(life.log)]

    async def start(self) -> None:
        """Returns when it is ready."""
        before = f"export TMPDIR={self.temporary} && {self.limits.shell}"
        self.lives.append(Running(self.file, within=before))
        await asyncio.to_thread(self.running.__enter__)

    async def killed(self) -> list[str]:
        """Kills the supervisor and waits for the end of the others; what did not end."""
        life = self.running
        life.kill(life.pid)
        return await asyncio.to_thread(self._gone, life)

    def _gone(self, life: Running) -> list[str]:
        life.wait()
        for pid in life.children():
            with suppress(ProcessLookupError):
                life.kill(pid, signal.SIGCONT)
        with suppress(AssertionError):
            eventually(lambda: not any(map(alive, life.children())), "the end of all children")
        left = [pid for pid in life.children() if alive(pid)]
        for pid in left:
            life.kill(pid)
        return [f"process {pid} outlives its supervisor" for pid in left]

    async def stop(self) -> list[str]:
        """Ends it by SIGTERM; what of it was not as it should be."""
        life = self.running
        life.kill(life.pid, signal.SIGTERM)
        code = await asyncio.to_thread(life.wait)
        left = await asyncio.to_thread(self._gone, life)
        folders = sorted(path.name for path in self.temporary.iterdir())
        faults = [f"exit code {code} after SIGTERM"] if code else []
        return faults + left + [f"{name} is left behind" for name in folders]

    def close(self) -> None:
        """Ends what still runs."""
        for life in self.lives:
            life.__exit__(None, None, None)
        self.limits.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def pids(self) -> dict[str, int]:
        """The processes that run, by name."""
        found = {"supervisor": self.running.pid}
        names = ["control", *(f"worker-{index}" for index in range(self.workers))]
        with suppress(StopIteration):
            found |= {name: self.running.child(name) for name in names}
        return {name: pid for name, pid in found.items() if alive(pid)}

    def workers_running(self) -> list[int]:
        """The pids of the workers."""
        return [pid for name, pid in self.pids().items() if name.startswith("worker")]

    async def ask(self, method: str, path: str, body: Any = None) -> Answer | None:
        """One request to the admin API; None: no answer."""
        try:
            return await asyncio.to_thread(call, self.admin, method, path, body)
        except (OSError, ValueError):
            return None

    async def verify(self) -> str:
        """What `penumbra audit verify` says against the chain; "": it holds."""
        command = (sys.executable, "-P", "-m", "proxy", "audit", "verify", str(self.file))
        process = await asyncio.create_subprocess_exec(
            *command, cwd=Path(__file__).parents[3], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told, _ = await process.communicate()
        return "" if process.returncode == 0 else told.decode()


def resident(pid: int) -> int:
    """Bytes of memory that a process has; 0: it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


def open_files(pid: int) -> int:
    """Descriptors of a process; 0: it is gone."""
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def connections(address: str) -> int:
    """Connections of clients to an address that its process has not closed (states ESTABLISHED and CLOSE_WAIT)."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] in ("01", "08") for row in rows)
