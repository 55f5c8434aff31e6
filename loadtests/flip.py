"""From the breach to the flip in all workers: `python -m loadtests.flip`.

A canary of half the traffic begins to answer garbage under load, with two workers. The decision is the time of the
audit entry; the flip is over with the last request that the canary's server gets after it. Both clocks are this
machine's.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtests.compiled import environment
from loadtests.processes import free_ports, running, wait_until


class Server(ThreadingHTTPServer):
    """A model server that notes when requests came, and can be broken."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.broken = False
        self.times: list[float] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """Answers `ok`, or something that is not HTTP."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self.server.times.append(time.time())
        if self.server.broken:
            self.wfile.write(b"\x00 not an answer\r\n\r\n")
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def asked(port: int, path: str) -> Any:
    """One JSON document of the admin API."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def traffic(port: int, over: threading.Event, failures: list[str]) -> None:
    """One client after the other request; everything that is not a 200 is a failure."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    while not over.is_set():
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            failures.append(str(response.status))
    connection.close()


def once(home: Path) -> tuple[float, float, int]:
    """Milliseconds from the break to the decision, from the decision to the canary's last request, client errors."""
    primary, canary = Server(), Server()
    data, admin = free_ports(2)
    config = home / "penumbra.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{data}\nadmin: {{listen: 127.0.0.1:{admin}}}\nworkers: 2\nstate: ':memory:'\n"
        f"versions: {{a: {{url: 'http://127.0.0.1:{primary.server_port}'}}, "
        f"b: {{url: 'http://127.0.0.1:{canary.server_port}'}}}}\n"
        "routes: {r: {match: {path: /}, protocol: json, primary: a, canary: {version: b, percent: 50}}}\n"
    )
    log, over, failures = home / "penumbra.log", threading.Event(), list[str]()
    command = [sys.executable, "-P", "-m", "proxy", "run", str(config)]
    with running(command, log, env=environment()) as process:
        wait_until(lambda: _ready(admin), process, log)
        clients = [threading.Thread(target=traffic, args=(data, over, failures), daemon=True) for _ in range(6)]
        for client in clients:
            client.start()
        time.sleep(1.0)
        broken_at, canary.broken = time.time(), True
        wait_until(lambda: asked(admin, "/v1/routes/r")["phase"] == "rolled_back", process, log)
        time.sleep(0.5)
        over.set()
        for client in clients:
            client.join()
        entries = asked(admin, "/v1/audit")["entries"]
    decided = next(entry["at"] for entry in entries if entry["action"] == "rollback")
    for server in (primary, canary):
        server.shutdown()
        server.server_close()
    return (decided - broken_at) * 1e3, (max(canary.times) - decided) * 1e3, len(failures)


def _ready(port: int) -> bool:
    try:
        return bool(asked(port, "/v1/routes")["workers"])
    except OSError:
        return False


def main(repetitions: Annotated[int, typer.Option(min=1, max=50)] = 10) -> None:
    """Prints medians and the worst of all repetitions."""
    rows = []
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as home:
            rows.append(once(Path(home)))
    for name, values in zip(("break to decision", "decision to flip"), list(zip(*rows, strict=True))[:2], strict=True):
        print(f"{name}: median {statistics.median(values):.0f} ms, worst {max(values):.0f} ms ({repetitions} times)")
    print(f"client errors: {sum(row[2] for row in rows)}")


if __name__ == "__main__":
    typer.run(main)
