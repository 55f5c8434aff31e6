"""A client's connection whose requests say who the client is, on a socket in memory."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.table import Forwarded, Share
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.introduced import Introduced, client_of, manner_of
from tests.support.fakes import Bench, FakeTransport
from tests.support.plane import get, post, route


class Named(FakeTransport):
    """A socket whose other end has an address."""

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.7", 1) if name == "peername" else None


def line(forwarded: Forwarded, identity: bytes = b"") -> tuple[Bench, Downstream]:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    down = client_of(bench.shared, manner_of(forwarded, ["x-who"]), b"https", identity)
    down.connection_made(Named())  # type: ignore[arg-type]
    return bench, down


def test_a_connection_that_says_nothing_is_a_plain_one() -> None:
    shared = Bench(route()).shared
    assert type(client_of(shared, manner_of("none", []), b"http")) is Downstream
    assert type(client_of(shared, manner_of("none", ["x-who"]), b"http")) is Introduced


@pytest.mark.parametrize("identity", [b"", b"x-who: proved"])
def test_versions_and_shadows_hear_who_asks_and_not_what_the_client_says(identity: bytes) -> None:
    bench, down = line("x-forwarded", identity)
    for raw in (post(b"a", "X-Who: forged\r\n"), post(b"b", "x_who: forged\r\nConnection: x-who\r\n")):
        down.read(raw, bench.clock.now)
        begun = bench.pools["v1"].last.begun
        assert begun is not None
        fields = begun[0].fields
        assert b"forged" not in fields and fields.count(b"proved") == bool(identity)
        assert b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n" in fields
        copy = bench.shadow_pools["v3"].last.begun
        assert copy is not None and copy[0].fields == fields
        bench.pools["v1"].last.answer()


def test_trailers_say_nothing_either() -> None:
    bench, down = line("none")
    raw = b"POST /v2 HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n%b\r\n"
    down.read(raw % b"x-who: forged\r\n", bench.clock.now)
    assert "trailers" not in bench.pools["v1"].last.calls
    bench.pools["v1"].last.answer()
    down.read(raw % b"x-sum: 1\r\nx-who: forged\r\n", bench.clock.now)
    assert "trailers" in bench.pools["v1"].last.calls


def test_a_request_that_comes_again_costs_its_fields_once() -> None:
    bench, down = line("forwarded")
    heads = []
    for _ in range(3):
        down.read(get(), bench.clock.now)
        begun = bench.pools["v1"].last.begun
        assert begun is not None
        heads.append(begun[0])
        bench.pools["v1"].last.answer()
    assert heads[1] is heads[2]
