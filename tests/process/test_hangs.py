"""A process that lives and says nothing is a dead one: the others serve, it is ended and started again."""

from __future__ import annotations

import signal
import time

from tests.process.conftest import Start
from tests.support.running import Running, Traffic, eventually

PATIENCE = "hang: 1s"
FROZEN_SECONDS = 1.6
"""Longer than the patience, so that everybody would be blamed."""


def up(running: Running) -> tuple[int, int]:
    """The status of `/readyz`, and how many workers are up by it."""
    answer = running.ask("GET", "/readyz")
    return answer.status, answer.json()["up"]


def test_a_hung_worker_is_ended_with_its_stacks_while_the_other_serves(start: Start) -> None:
    running = start(top=f"workers: 2\n{PATIENCE}")
    nobody_is_blamed_after_a_freeze(running)
    with Traffic(running.data, new=True) as traffic:
        running.kill(running.child("worker-0"), signal.SIGSTOP)
        hangs, exited = running.event("child hangs"), running.event("child exited")
        running.event("child started", 4)
        traffic.more(20)
    assert (hangs["child"], hangs["act"]) == ("worker-0", "abort")
    assert (exited["child"], exited["reason"], exited["signal"]) == ("worker-0", "hung", "SIGABRT")
    assert "dataplane/worker.py" in running.event("last words")["stack"]
    # Each of the four clients may have had one exchange in the worker that was stopped, and its end is an error to it.
    assert len(traffic.failures) <= 4
    eventually(lambda: up(running) == (200, 2), "both workers")
    assert b'penumbra_restarts_total{process="worker",reason="hung"} 1.0' in running.ask("GET", "/metrics").body


def nobody_is_blamed_after_a_freeze(running: Running) -> None:
    """As when a machine or a container is frozen: whoever wakes gets its time anew."""
    everybody = [running.pid, *running.children()]
    for pid in everybody:
        running.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    for pid in everybody:
        running.kill(pid, signal.SIGCONT)
    eventually(lambda: up(running) == (200, 2), "both workers")
    assert not running.events("child hangs")


def test_a_hung_control_is_a_dead_control(start: Start) -> None:
    """Its successor has the live split, and traffic did not notice."""
    running = start(top=PATIENCE)
    assert running.ask("PUT", "/v1/routes/r/split", {"b": 100}).status == 200
    running.serving("b")
    with Traffic(running.data) as traffic:
        running.kill(running.child("control"), signal.SIGSTOP)
        assert running.event("child exited")["reason"] == "hung"
        running.event("control is up", 2)
        traffic.more(20)
    assert not traffic.failures and set(traffic.answers) == {"b"}
