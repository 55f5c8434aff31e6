"""What this process or its host does wrong is charged to no version: descriptors that are spent, a worker that stands
still."""

from __future__ import annotations

import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.process.conftest import Start, Write
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

FILES = 260
CLIENTS = 200
ASK = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
STALL_SECONDS = 1.6


@pytest.fixture
def connections() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for each in made:
        each.close()


def metrics(running: Running) -> list[str]:
    return call(running.admin, "GET", "/metrics").body.decode().splitlines()


def value(line: str) -> float:
    return float(line.rpartition(" ")[2])


def codes(running: Running) -> Counter[tuple[str, str]]:
    """Finished legs by role and code."""
    found: Counter[tuple[str, str]] = Counter()
    for line in metrics(running):
        if line.startswith("penumbra_requests_total{"):
            labels = dict(part.split("=") for part in line[line.index("{") + 1 : line.index("}")].split(","))
            found[labels["role"].strip('"'), labels["code"].strip('"')] += int(value(line))
    return found


def test_more_clients_than_descriptors_harm_no_version(
    write: Write, b: Upstream, connections: list[socket.socket]
) -> None:
    config = write(route="canary: {version: b, percent: 50}")
    with Running(config, files=FILES) as running:
        host, _, port = running.data.rpartition(":")
        statuses: Counter[str] = Counter()
        for _ in range(CLIENTS):
            client = socket.create_connection((host, int(port)), timeout=30.0)
            connections.append(client)
            client.sendall(ASK)
            statuses[client.recv(4096).split(b" ")[1].decode()] += 1
        assert set(statuses) == {"200", "503"}, statuses
        assert statuses["503"] > CLIENTS / 3
        eventually(lambda: sum(codes(running).values()) >= statuses["200"] or None, "the counts of all requests")
        assert {code for _, code in codes(running)} == {"200"}
        assert running.events("the limit of open files")
        assert running.route()["split"] == {"a": 50.0, "b": 50.0}


def test_a_limit_that_is_lowered_under_way_is_noticed_by_nobody(start: Start, connections: list[socket.socket]) -> None:
    running = start()
    running.serving("a")
    pids = [running.child("control"), running.child("worker-0")]
    for address in [running.admin, running.data] * 40:
        host, _, port = address.rpartition(":")
        connections.append(socket.create_connection((host, int(port))))
    for _ in range(3):
        for pid in pids:
            hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, hard))
        assert call(running.admin, "GET", "/healthz").status == 200
        eventually(lambda: {resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] for pid in pids} - {64}, "a higher limit")
        assert running.get().status == 200


def test_a_canary_whose_time_the_worker_slept_through_was_not_late(start: Start, b: Upstream) -> None:
    running = start(route="canary: {version: b, percent: 100}, rescue: {after: 1s}")
    running.serving("b")
    worker = running.child("worker-0")
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(14))
        for _ in range(2):
            b.hold()
            asked = [pool.submit(call, running.data, "POST", "/predict", {"x": 1}) for _ in range(14)]
            for _ in range(14):
                assert b.held.acquire(timeout=30.0)
            running.kill(worker, signal.SIGSTOP)
            time.sleep(STALL_SECONDS)
            running.kill(worker, signal.SIGCONT)
            b.release()
            assert {each.result().version for each in asked} == {"b"}
    eventually(lambda: codes(running)["canary", "200"] >= 28 or None, "the counts of all requests")
    assert {code for _, code in codes(running)} == {"200"}
    lags = [line for line in metrics(running) if line.startswith("penumbra_loop_lag_seconds")]
    within = sum(value(line) for line in lags if "_bucket" in line and 'le="1.0"' in line)
    assert sum(value(line) for line in lags if "_count" in line) - within >= 2, "two looks came more than 1 s late"
