"""Ending: readiness goes off, exchanges in flight finish, the exit code is 0; a second signal does not wait."""

from __future__ import annotations

import signal
import socket
import threading

import pytest

from tests.process.conftest import Start
from tests.support.running import Answer, Running, alive, eventually
from tests.support.upstream import Upstream


class Flight:
    """A request that is under way in a thread."""

    def __init__(self, running: Running) -> None:
        self.answer: Answer | None = None
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._fly, args=(running,), daemon=True)
        self._thread.start()

    def _fly(self, running: Running) -> None:
        try:
            self.answer = running.get()
        except OSError as error:
            self.error = error

    def landed(self) -> Answer | None:
        self._thread.join()
        return self.answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_exchanges_in_flight_finish_and_readiness_is_off(start: Start, a: Upstream, number: signal.Signals) -> None:
    running = start()
    a.hold()
    flight = Flight(running)
    a.held.acquire()
    running.kill(running.pid, number)
    eventually(lambda: running.ask("GET", "/readyz").status == 503, "readiness off")
    eventually(lambda: refused(running), "a refused connection")
    assert running.ask("GET", "/healthz").status == 200
    a.release()
    answer = flight.landed()
    assert answer is not None
    assert answer.body == b"a"
    assert running.wait() == 0
    assert running.event("stopped")["code"] == 0
    assert not any(map(alive, running.children()))


def refused(running: Running) -> bool:
    """Whether a connection is refused. No request is sent: one that came in time would be served, and held."""
    host, _, port = running.data.rpartition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_a_hanging_exchange_is_cut_off_at_the_deadline(start: Start, a: Upstream) -> None:
    running = start(top="drain: 200ms")
    a.hold()
    flight = Flight(running)
    a.held.acquire()
    running.kill(running.pid, signal.SIGTERM)
    assert running.wait() == 0
    answer = flight.landed()
    assert answer is not None and (answer.status, answer.json()["reason"]) == (503, "draining")


def test_a_second_signal_ends_at_once(start: Start, a: Upstream) -> None:
    running = start(top="drain: 10m")
    a.hold()
    flight = Flight(running)
    a.held.acquire()
    running.kill(running.pid, signal.SIGTERM)
    running.event("draining")
    eventually(lambda: running.kill(running.pid, signal.SIGTERM) or running.events("stopping at once"), "a forced end")
    assert running.wait() == 1
    assert flight.landed() is None
    assert not any(map(alive, running.children()))


def test_a_worker_that_dies_while_draining_is_not_started_again(start: Start, a: Upstream) -> None:
    running = start(top="drain: 10m")
    a.hold()
    flight = Flight(running)
    a.held.acquire()
    running.kill(running.pid, signal.SIGTERM)
    running.event("draining")
    running.kill(running.child("worker-0"))
    assert running.wait() == 0
    assert flight.landed() is None
    assert len(running.children()) == 2
