"""Turns: one step in each turn of the loop, the lines of all pools one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from proxy.dataplane.turns import Turns


class Loop:
    """A loop whose turns a test makes."""

    def __init__(self) -> None:
        self.soon: deque[Callable[[], Any]] = deque()
        self.turns = Turns(self.soon.append)
        self.done: list[str] = []

    def asks(self, whose: str, name: str) -> None:
        self.turns.ask(whose, lambda: self.done.append(name))

    def run(self) -> None:
        """One turn."""
        assert len(self.soon) <= 1, "one step in each turn"
        if self.soon:
            self.soon.popleft()()


def test_a_shadow_s_line_does_not_keep_the_primary_waiting() -> None:
    loop = Loop()
    for number in range(5):
        loop.asks("shadow", f"s{number}")
    loop.run()
    loop.asks("primary", "p0")
    loop.asks("primary", "p1")
    for _ in range(10):
        loop.run()
    assert loop.done == ["s0", "s1", "p0", "s2", "p1", "s3", "s4"] and not loop.soon


def test_a_step_that_raises_or_asks_again_ends_no_line() -> None:
    loop = Loop()

    def raises() -> None:
        raise RuntimeError("nobody foresaw this")

    def again() -> None:
        loop.done.append("first")
        loop.asks("a", "again")

    loop.turns.ask("a", raises)
    loop.turns.ask("a", again)
    loop.asks("b", "b")
    for _ in range(6):
        loop.run()
    assert loop.done == ["b", "first", "again"] and not loop.soon
