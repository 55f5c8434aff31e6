"""Hundreds of changes under load: not one failed request, and none answered by a version that was out at its start."""

from __future__ import annotations

import signal
import threading
import time
from http.client import HTTPConnection

from tests.process.conftest import Start, Write
from tests.support.running import PATIENCE, Running, Traffic, eventually

CHANGES = 400


class Witness(threading.Thread):
    """Asks one request after the other and notes when each began and ended, and who answered."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        host, _, port = address.rpartition(":")
        self._connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        self.seen: list[tuple[float, float, str]] = []
        self.failures: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            try:
                self._connection.request("GET", "/predict")
                response = self._connection.getresponse()
                response.read()
            except OSError as error:
                self.failures.append(repr(error))
                self._connection.close()
                continue
            if response.status != 200:
                self.failures.append(str(response.status))
            self.seen.append((began, time.monotonic(), response.getheader("x-penumbra-version", "")))
        self._connection.close()


def test_hundreds_of_changes(start: Start, write: Write) -> None:
    running = start()
    witnesses = [Witness(running.data) for _ in range(4)]
    out: list[tuple[float, float, str]] = []
    with Traffic(running.data, clients=2, new=True) as traffic:
        for witness in witnesses:
            witness.start()
        for number in range(CHANGES):
            change(running, write, number)
            if number % 10 == 9:
                out.append(held(running))
        for witness in witnesses:
            witness.over.set()
            witness.join()
    assert not traffic.failures
    assert [witness.failures for witness in witnesses] == [[]] * 4
    seen = [answered for witness in witnesses for answered in witness.seen]
    assert len(seen) > CHANGES
    judged = [
        (who, gone) for began, ended, who in seen for since, until, gone in out if since <= began and ended < until
    ]
    assert len(judged) > CHANGES / 10
    wrong = [who for who, gone in judged if who == gone]
    # The primary also answers in place of a canary whose server, a busy thread of this test, has dropped a connection.
    assert "b" not in wrong
    eventually(lambda: len(wrong) <= rescued(running), "a rescue for each")  # ticks come after the answers


def rescued(running: Running) -> float:
    lines = running.ask("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("penumbra_rescued_total{"))


def change(running: Running, write: Write, number: int) -> None:
    """Everything to one side or the other, a shadow more or less, a reload."""
    if number % 7 == 3:
        assert running.ask("PUT", "/v1/routes/r/shadows", {"b": 50 * (number % 2)}).status == 200
    elif number % 11 == 5:
        write(top=f"lease: {10 + number}s")
        running.kill(running.pid, signal.SIGHUP)
    else:
        assert running.ask("PUT", "/v1/routes/r/split", {"b": 100 * (number % 2)}).status == 200


def held(running: Running) -> tuple[float, float, str]:
    """From when to when a version was out for certain, and which: all workers follow the newest table."""

    def look() -> bool:
        state = running.ask("GET", "/v1/routes").json()
        return all(worker["revision"] == state["revision"] for worker in state["workers"])

    eventually(look, "workers that follow the newest table")
    gone = "a" if running.route()["split"].get("b") == 100 else "b"
    since = time.monotonic()
    time.sleep(0.02)
    return since, time.monotonic(), gone


def test_promote_and_rollback_under_load(start: Start) -> None:
    running = start(route="canary: {version: b, percent: 50}")
    with Traffic(running.data, clients=4) as traffic:
        for _ in range(20):
            assert running.ask("POST", "/v1/routes/r/promote", {"reason": "test"}).status == 200
            running.serving("b")
            assert running.ask("POST", "/v1/routes/r/rollback", {"reason": "test"}).status == 200
            running.serving("a")
            assert running.ask("PUT", "/v1/routes/r/split", {"b": 50}).status == 200
        traffic.more(50)
    assert not traffic.failures


def test_a_drain_under_load_finishes_what_it_has(start: Start) -> None:
    """Clients that keep their connections get one more answer, with `Connection: close`; only new connections fail."""
    running = start()
    with Traffic(running.data, clients=4) as traffic:
        running.kill(running.pid, signal.SIGTERM)
        assert running.wait() == 0
    assert [failure for failure in traffic.failures if "Refused" not in failure] == []
