"""Floods of HTTP/2 against the real program, all at once, in clear and by TLS: the others are served, and each
connection ends, counted. Clients that stop in each state hold little, and what they hold comes back.

`tests/dataplane/h2/test_misuse.py` says what each flood is. Nothing here depends on how fast anything is.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hyperframe import frame as frames

from tests.dataplane.h2.test_misuse import FLOODS, HALVES, LARGE, NO_WINDOW, PREFACE, REFUSED, SETTINGS, flood, head
from tests.process.test_tls import CA, SERVER
from tests.support.certificates import written
from tests.support.running import PATIENCE, Running, Traffic, eventually
from tests.support.upstream import Upstream

CONFIG = """
listeners:
  - {{listen: 127.0.0.1:0}}
  - {{listen: 127.0.0.1:0, tls: {{certificate: {own.certificate}, key: {own.key}}}}}
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
client: {{head_timeout: 2s}}
versions: {{a: {{url: {a.url}}}, b: {{url: {b.url}}}}}
routes:
  large: {{match: {{path: /v2/}}, protocol: opaque, primary: b}}
  r: {{match: {{path: /}}, protocol: json, primary: a}}
"""
SERVED, TIMES = 5, 4
"""Requests of others that are waited for, and how often: a machine that does nothing else takes milliseconds."""

ALL = {name: flood(made, 100 if name in LARGE else 20_000) for name, made in FLOODS.items()}
LANES = 2
STOPPED = 10
"""Clients that stop in each state; those that take no answer have as many requests under way."""

ANSWER = b"x" * 500_000
MOST_GROWN = 96 << 20
"""Bytes that a worker may have more: a hundred answers that nobody takes (128 KiB each: the engine's part and the
socket's), thirty floods with what one read of each makes (a thousand requests, 1 MiB), and as much again for fragments.
Measured: 15 MiB after floods, 29 with those that have stopped."""

TAKEN_BACK = b"".join(
    head(2 * at + 1) + frames.RstStreamFrame(2 * at + 1, error_code=8).serialize() for at in range(100)
)
"""No flood: a client may cancel a thousand at once."""

Connect = Callable[[], socket.socket]


class Attacker(threading.Thread):
    """Connects, floods, and connects again, by one lane after the other. `ended`: how often that was over."""

    def __init__(self, lanes: list[Connect], data: bytes) -> None:
        super().__init__(daemon=True)
        self._lanes, self._data = lanes, data
        self.over, self.ended = threading.Event(), 0

    def run(self) -> None:
        for connect in itertools.cycle(self._lanes):
            if self.over.is_set():
                return
            with contextlib.suppress(OSError), connect() as connection:
                connection.sendall(PREFACE + SETTINGS + self._data)
                while connection.recv(65_536):
                    pass
            self.ended += 1


@contextlib.contextmanager
def attacked(lanes: list[Connect]) -> Iterator[list[Attacker]]:
    attackers = [Attacker(lanes, data) for data in ALL.values()]
    for each in attackers:
        each.start()
    try:
        yield attackers
    finally:
        for each in attackers:
            each.over.set()
        for each in attackers:
            each.join()


class Target:
    """A program with a listener in clear and one by TLS, a small model and one with large answers."""

    def __init__(self, running: Running, ca: str) -> None:
        self.running = running
        self.plain, self._secured = running.event("listening")["data"].split(", ")
        self._context = ssl.create_default_context(cafile=ca)
        self._context.set_alpn_protocols(["h2"])
        self.size = self._size()

    def in_clear(self) -> socket.socket:
        host, _, port = self.plain.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def by_tls(self) -> socket.socket:
        host, _, port = self._secured.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
        return self._context.wrap_socket(connection, server_hostname=host)

    def counted(self, name: str, *labels: str) -> float:
        """The sum of a metric's series with all of `labels`."""
        lines = self.running.ask("GET", "/metrics").body.decode().splitlines()
        found = [line for line in lines if line.startswith(name + "{") and all(each in line for each in labels)]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def rejected(self, reason: str) -> float:
        """How often a client was turned away for `reason`."""
        return self.counted("penumbra_rejected_total", f'reason="{reason}"')

    def halves(self) -> float:
        """Clients that were turned away with half of a head: after their time, or sooner where those who wait are many
        (`dataplane.h2.half_sent`)."""
        return self.rejected("head_timeout") + self.rejected("no_memory")

    def grown(self) -> int:
        """Bytes of memory that the worker has more than at first."""
        return self._size() - self.size

    def _size(self) -> int:
        return int(Path(f"/proc/{self.running.child('worker-0')}/statm").read_text().split()[1]) * 4096

    def is_whole(self) -> bool:
        """Whether no process has ended and was started anew."""
        return len(self.running.events("child started")) == 2


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("floods")
    own = written(folder / "own", SERVER, CA)
    config = folder / "penumbra.yaml"
    with Upstream("a") as a, Upstream("b") as b:
        b.body = ANSWER
        config.write_text(CONFIG.format(own=own, folder=folder, a=a, b=b))
        with Running(config) as running:
            yield Target(running, own.ca)


def served(traffic: Traffic) -> None:
    """Others have got answers, however long it took."""
    for _ in range(TIMES):
        traffic.more(SERVED)


def test_others_are_served_while_all_floods_go_on(target: Target) -> None:
    with Traffic(target.plain, clients=2) as traffic, attacked([target.in_clear, target.by_tls]) as attackers:
        served(traffic)
        for each in attackers:
            eventually(lambda each=each: each.ended >= LANES, "the end of a flood in clear and by TLS")  # type: ignore[misc]
    eventually(lambda: target.rejected("http2_flood") >= LANES * (len(ALL) - len(REFUSED)), "all of them, counted")
    eventually(lambda: target.rejected("bad_request") >= LANES * len(REFUSED), "those by requests, counted")
    assert not traffic.failures
    assert target.is_whole() and target.grown() < MOST_GROWN


def test_others_are_served_while_clients_stop_in_each_state(target: Target) -> None:
    half = target.halves()
    taken_back = target.counted("penumbra_requests_total", 'route="large"', 'code="client_abort"')
    asked = b"".join(head(2 * at + 1) for at in range(STOPPED))
    with Traffic(target.plain, clients=2) as traffic, contextlib.ExitStack() as stack:

        def begin(connect: Connect, data: bytes) -> socket.socket:
            connection = stack.enter_context(connect())
            connection.sendall(data)
            return connection

        for connect in [target.in_clear, target.by_tls] * (STOPPED // LANES):
            for data in HALVES.values():
                begin(connect, data)
            begin(connect, PREFACE + NO_WINDOW + asked)
            for _ in range(STOPPED):
                begin(connect, PREFACE + SETTINGS + TAKEN_BACK)
        unacknowledged = begin(target.by_tls, PREFACE + SETTINGS + head(1))
        answered = b""
        while answered.count(b"x") < 60_000:  # a window of it
            answered += unacknowledged.recv(65_536)
        served(traffic)
        eventually(lambda: target.halves() >= half + STOPPED * len(HALVES), "the end of each half")
        assert target.grown() < MOST_GROWN
    assert not traffic.failures
    eventually(lambda: target.counted("penumbra_inflight_requests") == 0, "that nothing is held of those who have left")
    lost = STOPPED * STOPPED
    eventually(
        lambda: target.counted("penumbra_requests_total", 'route="large"', 'code="client_abort"') >= taken_back + lost,
        "those that were taken back or left, counted",
    )
    assert target.is_whole()
