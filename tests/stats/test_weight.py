"""The weight of what waits is near what a Python process spends on it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from proxy.contracts.observation import Observation, Tensor, Text
from proxy.stats.weight import weight
from tests.support.observed import observation


def leg(**more: object) -> Observation:
    return observation((0, "a"), 1, "", "r", "v", "primary", 1.0, 200, "", 0, 0, 0, **more)  # type: ignore[arg-type]


MADE: dict[str, Callable[[int], Observation]] = {
    "numbers": lambda at: leg(inputs=(Tensor("x", 1, 50, "number", [at + 0.1 * n for n in range(50)]),)),
    "categories": lambda at: leg(inputs=(Tensor("x", 1, 9, "category", [f"{at} {n}" * 9 for n in range(9)]),)),
    "wide characters": lambda at: leg(inputs=(Tensor("x", 1, 9, "category", [f"{at} 😀" * 99 for _ in range(9)]),)),
    "columns": lambda at: leg(inputs=(Tensor("", 1, 30, "number", [0.5] * 30, tuple(f"c{at}{n}" for n in range(30))),)),
    "text": lambda at: leg(text=Text(f"{at} " * 500, tools=((f"f{at}", f"{at}" * 99),))),
}


@pytest.mark.parametrize("kind", MADE)
def test_the_weight_is_what_is_spent(kind: str) -> None:
    tracemalloc.start()
    try:
        held = [MADE[kind](at) for at in range(300)]
        spent, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.9 * spent < sum(map(weight, held)) < 3.0 * spent
