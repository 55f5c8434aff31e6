"""Deciding where a request goes: may not depend on the number of routes."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from proxy.contracts.table import Match, Route, Share, Sticky
from proxy.routing.match import RouteIndex
from proxy.routing.split import Split
from proxy.routing.sticky import key_of, point


def no_field(name: bytes) -> bytes | None:
    """A request without headers."""
    return None


def route(number: int) -> Route:
    """One of many routes."""
    return Route(
        f"r{number}", Match(f"/v2/models/m{number}/"), "oip", "v1", split=(Share("v2", 10.0), Share("v3", 5.0))
    )


@pytest.mark.parametrize("routes", [1, 10, 1000])
def test_find_a_route(benchmark: BenchmarkFixture, routes: int) -> None:
    index = RouteIndex([route(number) for number in range(routes)])
    assert benchmark(index.find, b"/v2/models/m0/infer", b"POST", no_field) == 0


def test_choose_a_version(benchmark: BenchmarkFixture) -> None:
    assert benchmark(Split(route(0)).choose, 0.5) == 0


@pytest.mark.parametrize("source", ["header", "cookie", "json"])
def test_a_sticky_key_and_its_point(benchmark: BenchmarkFixture, source: str) -> None:
    fields = {b"x-user-id": b"user-4711", b"cookie": b"a=b; x-user-id=user-4711"}
    sticky = Sticky(source, "/user" if source == "json" else "x-user-id")  # type: ignore[arg-type]

    def assign() -> float:
        key, _ = key_of(sticky, fields.get, b'{"user": "user-4711", "inputs": []}')
        return point("cancer", key or b"")[0]

    assert 0 <= benchmark(assign) < 1
