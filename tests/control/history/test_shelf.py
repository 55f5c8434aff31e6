"""Blocks in memory: the newest that have room, and none is lost in silence."""

from __future__ import annotations

import pytest

from proxy.control.history import shelf
from proxy.control.history.shelf import OVERHEAD, Block, Shelf


def blocks(held: Shelf, step: int = 1) -> list[int]:
    return [block.start for block in held.all(step, 0, 10**9)]


def test_blocks_are_found_by_tier_route_and_time() -> None:
    held = Shelf()
    for start in (0, 10, 20):
        for route in ("r", "s"):
            held.put(Block(1, route, start, b"x"))
    held.put(Block(60, "r", 0, b"x"))
    assert [block.start for block in held.get(1, "r", 10, 20)] == [10]
    assert [block.route for block in held.all(1, 20, 30)] == ["r", "s"]
    held.let_go(1, 20)
    assert blocks(held) == [20, 20] and blocks(held, 60) == [0]
    assert held.size == 3 * (1 + OVERHEAD)


def test_the_oldest_of_the_finest_tier_goes_first_and_is_counted_if_it_was_not_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shelf, "MAX_BYTES", 3 * (1 + OVERHEAD))
    held = Shelf()
    held.put(Block(60, "r", 0, b"x"))
    held.put(Block(1, "r", 60, b"x", stored=True))
    for start in (70, 80, 90):
        held.put(Block(1, "r", start, b"x"))
    assert blocks(held) == [80, 90] and blocks(held, 60) == [0] and held.lost == 1
    assert [block.start for block in held.unstored()] == [80, 90, 0]
    assert held.size <= shelf.MAX_BYTES
