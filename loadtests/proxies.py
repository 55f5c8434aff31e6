"""The peers: how each is started and asked to do the same work with one worker.

A configuration in `peers/` is complete and readable as it stands: `@{name}` is filled in, and lines that end in
`# mirror` are left out of the split-only case.
"""

from __future__ import annotations

import http.client
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.processes import free_ports, running, wait_until
from loadtests.traffic import PATH

PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True, slots=True)
class Plan:
    """The work: `percent` of the requests to the canary, copies of all to the shadow when `mirror`; loopback ports."""

    primary: int
    canary: int
    shadow: int
    percent: int = 10
    mirror: bool = True


class Placeholders(string.Template):
    """`@{name}`, because nginx and Envoy have their own uses for the dollar sign."""

    delimiter = "@"


def render(template: str, plan: Plan, listen: int, admin: int, home: Path) -> str:
    """A peer's configuration for `plan`. Raises KeyError on a placeholder that nobody fills."""
    lines = template.splitlines(keepends=True)
    if not plan.mirror:
        lines = [line for line in lines if not line.rstrip().endswith("# mirror")]
    return Placeholders("".join(lines)).substitute(
        listen=listen,
        admin=admin,
        home=home,
        primary=plan.primary,
        canary=plan.canary,
        shadow=plan.shadow,
        percent=plan.percent,
        rest=100 - plan.percent,
    )


@dataclass(frozen=True, slots=True)
class Peer:
    """`command` makes the command line from the path of the rendered configuration."""

    name: str
    template: str
    command: Callable[[Path], list[str]]
    mirrors: bool = True


def _envoy(config: Path) -> list[str]:
    beside = Path(sys.executable).with_name("envoy")
    program = str(beside) if beside.exists() else "envoy"
    return [program, "-c", str(config), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]


def _penumbra(config: Path) -> list[str]:
    return [sys.executable, "-m", "proxy", "run", str(config)]


def _nginx(config: Path) -> list[str]:
    return ["nginx", "-p", str(config.parent), "-e", "stderr", "-c", str(config)]


PEER: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("penumbra", "penumbra.yaml", _penumbra),
        Peer("envoy", "envoy.yaml", _envoy),
        Peer("nginx", "nginx.conf", _nginx),
        Peer("haproxy", "haproxy.cfg", lambda config: ["haproxy", "-f", str(config)], mirrors=False),
    )
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A peer that runs. `admin` is the port of its own figures, where it has one."""

    name: str
    port: int
    admin: int
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def proxied(peer: Peer, plan: Plan, home: Path) -> Iterator[Proxy]:
    """`peer` at work on `plan`, ready to answer; everything it writes goes under `home`."""
    listen, admin = free_ports(2)
    home = home / f"{peer.name}-{listen}"
    home.mkdir()
    config, log = home / peer.template, home / "log"
    config.write_text(render((PEERS / peer.template).read_text(), plan, listen, admin, home))
    with running(peer.command(config), log) as process:
        wait_until(lambda: answers(listen), process, log)
        yield Proxy(peer.name, listen, admin, process, log)


def answers(port: int) -> bool:
    """Whether a small inference request gets 200 through a loopback port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("POST", PATH, b'{"inputs":[]}', {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
