"""Budgets of descriptors: parts that nobody else takes from, and what gives way when one is spent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.descriptors import OWN, Budget, Descriptors


@given(st.integers(0, 2_000_000))
def test_all_parts_together_fit_into_the_limit(limit: int) -> None:
    budgets = Descriptors(limit)
    parts = (budgets.clients, budgets.primary.limit, budgets.candidate.limit, budgets.shadow.limit)
    assert min(parts) >= 0 and sum(parts) + min(OWN, limit) <= limit
    assert budgets.primary.limit >= budgets.clients, "a client that was let in can have a primary"


def test_a_spent_budget_lets_idle_connections_give_way() -> None:
    budget, idle = Budget(2), [True, False]
    assert budget.take() and budget.take() and not budget.take()
    budget.evictors.append(lambda: idle.pop(0))
    assert budget.take(), "an idle one has gone"
    assert not budget.take(), "the others are busy"
    budget.give()
    budget.give()
    assert budget.used == 1 and budget.take()


@pytest.mark.parametrize("limit", [0, 10, OWN])
def test_a_limit_below_what_the_worker_itself_needs_leaves_nothing(limit: int) -> None:
    assert Descriptors(limit).clients == 0 and not Descriptors(limit).primary.take()


def test_a_limit_that_changes_is_shared_out_anew() -> None:
    budgets = Descriptors(OWN + 1000)
    primary = budgets.primary
    assert primary.take()
    budgets.allow(OWN + 100)
    assert (budgets.clients, primary.limit, primary.used) == (40, 40, 1) and budgets.primary is primary
    assert budgets.candidate.limit == budgets.shadow.limit == 10
