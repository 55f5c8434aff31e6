"""The sending side of a leg: what waits for a stream, and whom that holds back. (`test_leg` has it as a whole.)"""

from __future__ import annotations

from proxy.dataplane.sending import MAX_PENDING_REQUEST
from tests.support.fakes import Bench
from tests.support.plane import route


def test_a_client_is_asked_to_pause_while_much_waits_for_a_connection() -> None:
    bench = Bench(route())
    bench.pools["v1"].how = "wait"
    exchange, client = bench.begin()
    for _ in range(3):
        exchange.request_body(b"x" * (MAX_PENDING_REQUEST // 2))
        exchange.flush_request()
    assert client.held == {"connecting"}
    bench.pools["v1"].serve(bench.clock.now)
    assert client.held == set()
    assert len(bench.pools["v1"].last.body) == 3 * (MAX_PENDING_REQUEST // 2)
