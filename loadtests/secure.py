"""TLS for the comparison: one certificate for proxies and model servers alike, and what an idle connection takes.

    python -m loadtests.secure                  bytes of memory for each idle connection, side by side

The costs per request are cases of `loadtests.bench`: `tls-split`, `tls-statistics` and `tls-reconnect`.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
from contextlib import ExitStack
from pathlib import Path

import typer

from loadtests.processes import program, pss_by_label
from loadtests.proxies import Proxy

DAYS = 30
IDLE = 500
"""Idle connections: enough that what a process takes anyway does not count."""


def certificate(folder: Path) -> Path:
    """Makes `tls.crt` and `tls.key` in `folder`: P-256, for 127.0.0.1 and localhost, its own authority."""
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt"), "-days", str(DAYS), "-addext", names]
    subprocess.run([program("openssl"), *made, *files], check=True, capture_output=True)
    for each in ("tls.key", "tls.crt"):
        (folder / each).chmod(0o644)  # nginx reads it as somebody else
    return folder


def idle(proxy: Proxy, folder: Path, count: int = IDLE) -> float:
    """Bytes that a proxy takes for each of `count` idle connections by TLS, after one request on each."""
    context = ssl.create_default_context(cafile=folder / "tls.crt")
    with ExitStack() as stack:
        _opened(stack, proxy.port, context, count // 10)  # caches and pools are there afterwards
        before = _taken(proxy)
        _opened(stack, proxy.port, context, count)
        return (_taken(proxy) - before) / count


def _taken(proxy: Proxy) -> int:
    return sum(pss_by_label(proxy.process.pid).values())


def _opened(stack: ExitStack, port: int, context: ssl.SSLContext, count: int) -> None:
    asked = b"POST /v2/models/cancer/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n" + b'{"inputs":[]}'
    for _ in range(count):
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        connection = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        connection.sendall(asked)
        connection.recv(65536)


def main() -> None:
    """Prints a line for each peer."""
    from loadtests.cases import stage, start
    from loadtests.proxies import PEER, Plan

    with stage(tls=True) as (stack, home, (primary, canary, shadow)):
        for name in PEER:
            proxy = start(stack, home, name, Plan(primary, canary, shadow, mirror=False, tls=str(home)))
            if proxy is not None:
                print(f"{name:12} {idle(proxy, home) / 1024:6.1f} KiB for each idle connection by TLS")


if __name__ == "__main__":
    typer.run(main)
