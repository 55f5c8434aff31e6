"""The peers: how each is started and asked to do the same work.

A configuration in `peers/` is complete and readable as it stands: `@{name}` is filled in, and lines that end in
`# mirror`, `# statistics`, `# whole`, `# tls` or `# http2` are left out of the cases without; so are those that end in
`# clear` where there is TLS, and in `# http1` where HTTP/2 is spoken.
"""

from __future__ import annotations

import http.client
import ssl
import string
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests import compiled
from loadtests.calls import CALL
from loadtests.processes import free_ports, program, running, wait_until
from loadtests.traffic import PATH

PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True, slots=True)
class Plan:
    """The work: `percent` of the requests to the canary, copies of all to the shadow when `mirror`. Loopback ports.

    `statistics`: bodies are analysed and a full scorecard is judged, by the peer that can (Penumbra); `whole`: all of
    them, whatever it costs. `tls`: the folder of the certificate of proxies and model servers; "": all is in clear.
    `http2`: calls of gRPC, by HTTP/2 on both sides.
    """

    primary: int
    canary: int
    shadow: int
    percent: int = 10
    mirror: bool = True
    statistics: bool = False
    whole: bool = False
    workers: int = 1
    tls: str = ""
    http2: bool = False

    @property
    def http1(self) -> bool:
        """Whether HTTP/1.1 is spoken."""
        return not self.http2

    @property
    def path(self) -> str:
        """Where an inference is asked for."""
        return CALL if self.http2 else PATH

    @property
    def clear(self) -> bool:
        """Whether there is no TLS."""
        return not self.tls


WORDS = ("mirror", "statistics", "whole", "tls", "clear", "http2", "http1")
"""Marks of lines, and the attributes of a plan that they depend on."""


class Placeholders(string.Template):
    """`@{name}`, because nginx and Envoy have their own uses for the dollar sign."""

    delimiter = "@"


def render(template: str, plan: Plan, listen: int, admin: int, home: Path) -> str:
    """A peer's configuration for `plan`. Raises KeyError on a placeholder that nobody fills."""
    left_out = tuple(f"# {word}" for word in WORDS if not getattr(plan, word))
    lines = [line for line in template.splitlines(keepends=True) if not line.rstrip().endswith(left_out)]
    return Placeholders("".join(lines)).substitute(
        listen=listen,
        admin=admin,
        home=home,
        primary=plan.primary,
        canary=plan.canary,
        shadow=plan.shadow,
        percent=plan.percent,
        rest=100 - plan.percent,
        workers=plan.workers,
        tls=plan.tls,
        spoken=", http: 2" if plan.http2 else "",
        protocol="oip" if plan.statistics else "opaque",
    )


Command = Callable[[Path, Plan], list[str]]
Edit = Callable[[str], str]
Environment = Callable[[], dict[str, str] | None]


@dataclass(frozen=True, slots=True)
class Peer:
    """`command` makes the command line from the path of the configuration, `environment` what it runs in (None: this
    one). `judges`: it has figures of its own; `secure`: it can be asked by TLS; `http2`: it asks servers by HTTP/2.
    """

    name: str
    template: str
    command: Command
    mirrors: bool = True
    judges: bool = False
    secure: bool = True
    http2: bool = False
    environment: Environment = lambda: None


def _envoy(config: Path, plan: Plan) -> list[str]:
    beside = Path(sys.executable).with_name("envoy")
    envoy = str(beside) if beside.exists() else program("envoy")
    workers = ["--concurrency", str(plan.workers)]
    return [envoy, "-c", str(config), *workers, "--log-level", "error", "--disable-hot-restart"]


def _penumbra(config: Path, plan: Plan) -> list[str]:
    return [sys.executable, "-P", "-m", "proxy", "run", str(config)]


def _naive(config: Path, plan: Plan) -> list[str]:
    return [sys.executable, "-m", "loadtests.naive", str(config)]


def _nginx(config: Path, plan: Plan) -> list[str]:
    return [program("nginx"), "-p", str(config.parent), "-e", "stderr", "-c", str(config)]


def _haproxy(config: Path, plan: Plan) -> list[str]:
    return [program("haproxy"), "-f", str(config)]


PEER: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("penumbra", "penumbra.yaml", _penumbra, judges=True, http2=True, environment=compiled.environment),
        Peer("envoy", "envoy.yaml", _envoy, http2=True),
        Peer("nginx", "nginx.conf", _nginx),
        Peer("haproxy", "haproxy.cfg", _haproxy, mirrors=False, secure=False),
        Peer("naive", "naive.yaml", _naive, secure=False),
        Peer("interpreted", "penumbra.yaml", _penumbra, judges=True, http2=True, environment=compiled.interpreted),
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
def proxied(peer: Peer, plan: Plan, home: Path, edit: Edit = str, within: Sequence[str] = ()) -> Iterator[Proxy]:
    """`peer` at work on `plan`, ready to answer; everything it writes goes under `home`.

    `edit` changes the rendered configuration: for cases that only one peer has. `within` begins its command line.
    """
    listen, admin = free_ports(2)
    home = home / f"{peer.name}-{listen}"
    home.mkdir()
    config, log = home / peer.template, home / "log"
    config.write_text(edit(render((PEERS / peer.template).read_text(), plan, listen, admin, home)))
    with running([*within, *peer.command(config, plan)], log, cwd=compiled.HOUSE, env=peer.environment()) as process:
        wait_until(lambda: answers(listen, plan), process, log)
        if peer.judges:
            wait_until(lambda: followed(admin, plan.workers), process, log)
        yield Proxy(peer.name, listen, admin, process, log)


def followed(admin: int, workers: int) -> bool:
    """Whether all workers of a Penumbra follow its control. One that starts faster than control, as on a busy machine,
    serves the primaries of the last table until then, and mirrors nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=1.0)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return [line.split()[-1] for line in lines if line.startswith("penumbra_worker_leased{")] == ["1.0"] * workers


def answers(port: int, plan: Plan) -> bool:
    """Whether a small inference request gets 200 through a loopback port. (It is one of HTTP/1.1, whatever is spoken to
    model servers.)"""
    if plan.tls:
        context = ssl.create_default_context(cafile=f"{plan.tls}/tls.crt")
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=1.0, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("POST", plan.path, b'{"inputs":[]}', {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
