"""Clients that have sent half of a block of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.build import build
from proxy.dataplane.h2.half_sent import GRACE, HALF_SENT, MOST, PATIENT, HalfSent
from tests.dataplane.h2.test_misuse import SETTINGS, head, raw
from tests.support.plane import plane, route, run
from tests.support.scripted import black_hole

WITHOUT_CLIENTS = pytest.mark.skipif(build() == "compiled", reason="compiled code takes real clients alone")


@WITHOUT_CLIENTS
def test_the_one_that_has_waited_longest_goes() -> None:
    half, clients = HalfSent(), [_client() for _ in range(PATIENT + 2)]
    assert not any(half.begin(each, 0.0) for each in clients[:PATIENT])
    assert half.begin(clients[PATIENT], GRACE - 0.1) is None  # they are young
    assert half.begin(clients[PATIENT + 1], GRACE) is clients[0]
    half.end(clients[1])
    assert half.begin(clients[0], GRACE) is clients[2]


@WITHOUT_CLIENTS
def test_a_crowd_of_young_ones_has_an_end() -> None:
    half, clients = HalfSent(), [_client() for _ in range(MOST + 1)]
    assert not any(half.begin(each, 0.0) for each in clients[:MOST])
    assert half.begin(clients[MOST], 0.0) is clients[0]


@WITHOUT_CLIENTS
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.floats(0.0, 0.2)), max_size=600))
def test_they_are_never_more_than_the_bound(steps: list[tuple[bool, int, float]]) -> None:
    half, clients, now = HalfSent(), [_client() for _ in range(301)], 0.0
    for begins, which, later in steps:
        now += later
        if not begins:
            half.end(clients[which])
            continue
        before = dict(half._since)
        gone = half.begin(clients[which], now)
        assert len(half._since) <= MOST
        assert gone is None or before[gone] == min(before.values())


def test_a_head_is_half_sent_until_its_end_or_that_of_its_connection() -> None:
    async def test() -> None:
        async with plane(route(), v1=black_hole) as p:
            async with raw(p, SETTINGS, head(1)[:-3]) as client:
                await p.until(lambda: len(HALF_SENT._since) == 1)
                client.writer.write(head(1)[-3:])
                await p.until(lambda: not HALF_SENT._since)
                client.writer.write(head(3)[:-3])
                await p.until(lambda: len(HALF_SENT._since) == 1)
            await p.until(lambda: not HALF_SENT._since)

    run(test)


def _client() -> Any:
    return object()
