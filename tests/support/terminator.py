"""nginx as what ends TLS in front of a server that speaks none.

with terminated(folder, paths, "http://127.0.0.1:8080") as port: ...
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificates import Paths
from tests.support.running import eventually

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {own.certificate};
        ssl_certificate_key {own.key};
        location / {{ proxy_pass {url}; }}
    }}
}}
"""


def free() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def program(name: str) -> str:
    """The path of a peer's program; the test is skipped where it is not installed."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def served(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A program that listens on `port`, to the end of the block."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            eventually(lambda: listens(port) or process.poll() is not None, f"{command[0]} at {port}")
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def terminated(folder: Path, own: Paths, url: str) -> Iterator[int]:
    """nginx with the certificate of `own` in front of `url`; its port. Its files are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port, config = free(), folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, own=own, url=url))
    command = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with served(command, port, folder / f"{port}.log"):
        yield port
