"""Floods of HTTP/2 against the real program, all at once: the others are served, and each connection ends, counted.

`tests/dataplane/h2/test_misuse.py` says what each flood is.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.dataplane.h2.test_misuse import FLOODS, LARGE, NO_WINDOW, PREFACE, REFUSED, SETTINGS, flood, head
from tests.process.conftest import Start
from tests.support.running import Running, Traffic, eventually

SERVED = 100
MOST_GROWN = 64 << 20
"""Bytes that a worker may have more after all of them: what a hundred connections may hold, and more."""

ALL = {name: flood(made, 100 if name in LARGE else 20_000) for name, made in FLOODS.items()}
HOARDERS = 10
"""Clients that take no answer, of a hundred requests each."""

UNREAD = PREFACE + NO_WINDOW + b"".join(head(2 * at + 1) for at in range(100))


class Attacker(threading.Thread):
    """Connects, floods, and connects again, until it is told to stop. `ended`: how often that was over."""

    def __init__(self, address: str, data: bytes) -> None:
        super().__init__(daemon=True)
        host, _, port = address.rpartition(":")
        self._address, self._data = (host, int(port)), data
        self.over, self.ended = threading.Event(), 0

    def run(self) -> None:
        while not self.over.is_set():
            with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=20) as connection:
                connection.sendall(PREFACE + SETTINGS + self._data)
                while connection.recv(65_536):
                    pass
            self.ended += 1


@contextlib.contextmanager
def attacked(address: str) -> Iterator[list[Attacker]]:
    attackers = [Attacker(address, data) for data in ALL.values()]
    for each in attackers:
        each.start()
    try:
        yield attackers
    finally:
        for each in attackers:
            each.over.set()
        for each in attackers:
            each.join()


def rejected(running: Running, reason: str) -> float:
    """How often a client was turned away for `reason`."""
    lines = running.ask("GET", "/metrics").body.decode().splitlines()
    wanted = ("penumbra_rejected_total{", f'reason="{reason}"')
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(each in line for each in wanted))


def size_of(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_others_are_served_while_all_floods_go_on(start: Start) -> None:
    running = start()
    with Traffic(running.data, clients=2) as traffic, contextlib.ExitStack() as stack:
        before = size_of(running.child("worker-0"))
        for _ in range(HOARDERS):
            hoarder = socket.create_connection(tuple(running.data.split(":")))
            stack.enter_context(hoarder).sendall(UNREAD)
        with attacked(running.data) as attackers:
            traffic.more(SERVED)
            eventually(lambda: all(each.ended for each in attackers), "the end of each flood")
        eventually(lambda: rejected(running, "http2_flood") >= len(ALL) - len(REFUSED), "all of them, counted")
        eventually(lambda: rejected(running, "bad_request") >= len(REFUSED), "those by requests, counted")
        grown = size_of(running.child("worker-0")) - before
    assert not traffic.failures
    assert len(running.events("child started")) == 2  # nothing has ended, and was started anew
    assert grown < MOST_GROWN
