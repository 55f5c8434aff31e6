"""What a worker's connections share: who is turned away, who is swept, what is logged."""

from __future__ import annotations

import logging

import pytest

from proxy.contracts.table import Share
from proxy.dataplane.client_ports import ClientConnection
from proxy.dataplane.memory import CLIENT_BYTES, REQUESTS, ROOMY
from proxy.dataplane.ports import Timed
from proxy.routing.breaker import FAILURES_TO_OPEN
from tests.support.fakes import Bench
from tests.support.plane import route


class Client(ClientConnection):
    """Writes down what it is told."""

    def __init__(self, admitted: bool = False) -> None:
        self.told: list[str] = []
        self.admitted = admitted

    def sweep(self, now: float) -> None:
        self.told.append(f"sweep {now:g}")

    def refuse(self, reason: str, detail: str, now: float) -> None:
        self.told.append(reason)

    def close(self) -> None:
        self.told.append("close")

    def unsent(self) -> int:
        return 1000

    def was_admitted(self) -> bool:
        return self.admitted

    def narrow(self) -> None:
        self.told.append("narrow")


def test_clients_are_counted_and_bounded() -> None:
    shared = Bench(route()).shared
    shared.max_clients = 2
    clients = [Client() for _ in range(3)]
    for client in clients:
        shared.opened(client, 0.0)
    assert [client.told for client in clients] == [[], [], ["too_many_connections"]]
    assert shared.tally.connections == 3
    shared.shaking = 1  # a handshake has a descriptor, too
    late = Client()
    shared.closed(clients.pop())
    shared.closed(clients.pop())
    shared.opened(late, 0.0)
    assert late.told == ["too_many_connections"]
    clients.append(late)
    shared.shaking = 0
    for client in clients:
        shared.closed(client)
    assert shared.tally.connections == 0 and not shared.clients
    shared.draining = True
    shared.opened(clients[0], 0.0)
    assert clients[0].told == ["close"]
    shaken = Client(admitted=True)  # before the worker began to drain: it may still ask something
    shared.opened(shaken, 0.0)
    assert shaken.told == []


def test_a_client_that_finds_no_memory_is_turned_away() -> None:
    bench = Bench(route())
    bench.memory.insist(REQUESTS, bench.memory.limit)
    client = Client()
    bench.shared.opened(client, 0.0)
    assert client.told == ["no_memory"] and bench.memory.take_shed() == {"requests": 1}


def test_want_of_memory_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(route())
    bench.memory.insist(REQUESTS, bench.memory.limit)
    with caplog.at_level(logging.INFO, "penumbra.worker"):
        for _ in range(3):
            bench.ask()
            bench.shared.look(0.0)
        bench.memory.give(REQUESTS, bench.memory.limit // 2)
        bench.shared.look(0.0)
        assert len(caplog.records) == 1 and "no memory for more requests" in caplog.text
        bench.memory.give(REQUESTS, bench.memory.limit // 2)
        bench.memory.take_shed()
        for _ in range(2):
            bench.shared.look(0.0)
    assert [record.message for record in caplog.records[1:]] == ["memory for requests is there again"]


def test_clients_beyond_some_have_small_buffers() -> None:
    shared, clients = Bench(route()).shared, [Client() for _ in range(ROOMY + 1)]
    shared.max_clients = 10_000
    for client in clients:
        shared.opened(client, 0.0)
    assert [client.told for client in clients[-2:]] == [[], ["narrow"]]


def test_each_look_counts_clients_and_slow_readers() -> None:
    bench = Bench(route())
    client = Client()
    bench.shared.opened(client, 0.0)
    bench.memory.watch(client)
    bench.shared.look(0.0)
    assert bench.memory.used() == CLIENT_BYTES + 1000
    bench.shared.closed(client)
    bench.shared.look(0.0)
    assert bench.memory.used() == 0


def test_the_oldest_inference_under_way_is_known_by_arm() -> None:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    for _ in range(2):
        bench.ask()
        bench.clock.now += 1.0
    assert bench.shared.under_way(bench.clock.now) == [
        ("r", "v1", "primary", 2.0),
        ("r", "v3", "shadow", 2.0),
    ]
    bench.pools["v1"].streams[0].answer()
    ages = {role: age for _, _, role, age in bench.shared.under_way(bench.clock.now)}
    assert ages == {"primary": 1.0, "shadow": 2.0}


def test_sweeps_reach_everybody_even_when_they_go_meanwhile() -> None:
    shared = Bench(route()).shared
    swept: list[float] = []

    class Exchange(Timed):
        def expire(self, now: float) -> None:
            swept.append(now)
            shared.exchanges.discard(self)
            shared.copies.discard(self)

    shared.exchanges.update(Exchange() for _ in range(3))
    shared.copies.update(Exchange() for _ in range(2))
    shared.sweep_deadlines(7.0)
    assert swept == [7.0] * 5
    client = Client()
    shared.opened(client, 0.0)
    shared.sweep_clients(8.0)
    assert client.told == ["sweep 8"]


def test_transitions_of_a_breaker_are_logged_and_not_repetitions(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(route(split=(Share("v2", 10.0),)))
    primary, canary = bench.route.targets
    with caplog.at_level(logging.WARNING, "penumbra.worker"):
        for n in range(FAILURES_TO_OPEN + 5):
            bench.shared.judge(canary, bench.route, True, False, n / 10)
            bench.shared.judge(primary, bench.route, True, True, n / 10)
            bench.shared.judge(canary, bench.route, False, False, n / 10)
        bench.shared.judge(canary, bench.route, True, True, 9.0)
    assert [record.getMessage() for record in caplog.records] == [
        "route r: canary v2 is ejected",
        "route r: canary v2 is ejected, for requests that are no inferences",
        "route r: canary v2 is back",
    ]
