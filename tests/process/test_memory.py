"""The worst that clients can do with memory and connections, in a worker that has little of both."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.conftest import Start
from tests.support.running import PATIENCE, Running, call, eventually

LIMIT = "limits: {memory: 192MiB}"
BODY = 8 * 1024 * 1024
PIECE = b"x" * 65536
HALF_SENT, MOST_MIB = 200, 120
"""Clients that send all of 8 MiB but a byte; what the worker may take. Without a budget it took 1,630 MiB."""
BEGUN = 300


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for each in made:
        each.close()


def connect(running: Running) -> socket.socket:
    host, _, port = running.data.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def begin(client: socket.socket, length: int, sent: int) -> None:
    """Sends the head of a request and a part of its body, as far as the worker reads it."""
    client.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
    client.setblocking(False)
    try:
        while sent > 0:
            sent -= client.send(PIECE[:sent])
    except OSError:
        """The worker reads no more, or has refused."""


def most_mib(pid: int) -> float:
    """The most memory that a process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def sample(running: Running, name: str) -> float:
    lines = call(running.admin, "GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_half_sent_bodies_cost_what_the_budget_allows(start: Start, clients: list[socket.socket]) -> None:
    running = start(top=LIMIT, route="shadows: [{version: b, percent: 100}]")
    worker = running.child("worker-0")
    for _ in range(HALF_SENT):
        clients.append(connect(running))
        begin(clients[-1], BODY, BODY - 1)
    eventually(lambda: sample(running, "penumbra_shed_total") or None, "what was shed")
    assert most_mib(worker) < MOST_MIB
    for each in clients:
        each.close()
    eventually(lambda: running.get().status == 200 or None, "room for requests")
    assert running.child("worker-0") == worker


def test_uploads_that_have_begun_hold_no_connection(start: Start, clients: list[socket.socket]) -> None:
    running = start(route="limits: {connections: 8, inflight: 16}")
    for _ in range(BEGUN):
        clients.append(connect(running))
        begin(clients[-1], 1000, 2)
    assert {running.get().status for _ in range(20)} == {200}
    assert not sample(running, "penumbra_rejected_total")
