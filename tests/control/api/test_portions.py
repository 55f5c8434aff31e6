"""Long answers: cut at a size, made in portions, and the same as if they were made at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import choose_encoder

from proxy.control.api import portions
from proxy.control.api.portions import encoded, fitting, in_portions


@given(st.lists(st.text(max_size=9)), st.integers(0, 40))
def test_what_fits_is_the_longest_beginning_that_does(items: list[str], most: int) -> None:
    kept = fitting(items, most, len)
    assert kept == items[: len(kept)] and sum(map(len, kept)) <= most
    assert len(kept) == len(items) or sum(map(len, items[: len(kept) + 1])) > most


def test_others_have_the_loop_between_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "PORTION_SECONDS", 0.0)
    seen: list[str] = []

    async def work(name: str, items: Iterable[int]) -> None:
        async for item in in_portions(items):
            seen.append(f"{name}{item}")  # noqa: PERF401  the order between the two is the point

    async def scene() -> None:
        await asyncio.gather(work("a", range(3)), work("b", range(3)))

    asyncio.run(scene())
    assert seen == ["a0", "b0", "a1", "b1", "a2", "b2"]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0", "text/plain"])
def test_metrics_in_parts_are_those_at_once(accept: str) -> None:
    registry = CollectorRegistry()
    Counter("some", "Some.", ["name"], registry=registry).labels('a "name"\n').inc()
    Gauge("other", "Other.", registry=registry).set(2.5)
    encode, _ = choose_encoder(accept)
    assert b"".join(encoded(registry, encode)) == encode(registry)
