"""Costs of answers: what is known of tokens, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Usage
from proxy.contracts.price import Price

COUNTS = st.integers(0, 10**6)
PRICES = st.builds(Price, *[st.floats(0, 1000)] * 2, st.none() | st.floats(0, 1000), st.floats(1, 1e6))


@given(PRICES, COUNTS, COUNTS, COUNTS)
def test_a_cost_is_the_sum_of_its_parts(price: Price, fresh: int, cached: int, output: int) -> None:
    cost = price.cost(Usage(fresh + cached, output, cached=cached))
    parts = [price.cost(Usage(fresh, 0)), price.cost(Usage(cached, 0, cached=cached)), price.cost(Usage(0, output))]
    assert cost == pytest.approx(sum(part for part in parts if part is not None))
    assert cost is not None and cost >= 0.0


@given(PRICES, COUNTS)
def test_what_is_not_told_costs_nothing_known(price: Price, tokens: int) -> None:
    assert price.cost(Usage(output=tokens)) is None and price.cost(Usage(tokens)) is None
    assert price.cost(Usage(tokens), silent=True) == price.cost(Usage(tokens, 0))


def test_a_cache_is_as_dear_as_the_prompt_unless_it_is_priced() -> None:
    assert Price(2.0, 8.0, per=1000).cost(Usage(1000, 100, cached=1000)) == pytest.approx(2.8)
    assert Price(2.0, 8.0, 0.5, per=1000).cost(Usage(1000, 100, cached=1000)) == pytest.approx(1.3)
