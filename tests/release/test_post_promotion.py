from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from proxy.contracts.settings import Guard, Limit
from proxy.release.post_promotion import PrimaryFigure, guard_after, upper


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_upper_end_is_wilsons(bad: int, n: int) -> None:
    bad = min(bad, n)
    oracle = binomtest(bad, n).proportion_ci(confidence_level=0.98, method="wilson").high
    assert upper(PrimaryFigure(bad / n, n)) == pytest.approx(oracle, rel=1e-3)


def about(number: float) -> Any:
    """A field that equals any number near this one."""
    return pytest.approx(number, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "limit", "figure", "alone"),
    [
        ("error_rate", Limit(max_ratio=2.0), PrimaryFigure(0.0, 10**9), Limit(max=about(0.0))),
        ("error_rate", Limit(max_ratio=2.0), None, Limit(max=0.1)),
        ("error_rate", Limit(max_ratio=2.0, max=0.01), None, Limit(max=0.01)),
        ("error_rate", Limit(max_ratio=50.0), PrimaryFigure(0.3, 10**6), Limit(max=0.5)),
        ("refusal_rate", Limit(max_increase=0.05), PrimaryFigure(0.3, 10**9), Limit(max=about(0.350034))),
        ("refusal_rate", Limit(max_increase=0.05), PrimaryFigure(1.0, 10**9), Limit(max=0.99)),
        ("invalid_rate", Limit(max_increase=0.05), PrimaryFigure(0.0, 10), Limit(max=about(0.401082))),
        ("refusal_rate", Limit(max_increase=0.05), None, Limit(max=about(0.55))),
        ("latency_p99", Limit(max_ratio=1.5), PrimaryFigure(0.2, 1000), Limit(max=about(0.33))),
        ("latency_p99", Limit(max_ratio=1.5, max=0.25), PrimaryFigure(0.2, 1000), Limit(max=0.25)),
        ("latency_p99", Limit(max_ratio=1.5), PrimaryFigure(0.2, 10), None),
        ("accuracy", Limit(max_drop=0.02), PrimaryFigure(0.9, 500), Limit(min=about(0.88))),
        ("accuracy", Limit(max_drop=0.02, min=0.95), PrimaryFigure(0.9, 500), Limit(min=0.95)),
        ("accuracy", Limit(max_drop=0.02), None, None),
        ("disagreement", Limit(max=0.05), PrimaryFigure(0.0, 500), None),
        ("input_drift", Limit(max_psi=0.2), None, None),
    ],
)
def test_what_becomes_of_each_limit(
    metric: str, limit: Limit, figure: PrimaryFigure | None, alone: Limit | None
) -> None:
    after = guard_after(Guard({metric: limit}, 0.01, "pause"), {metric: figure} if figure else {})
    if alone is None:
        assert after is None
    else:
        assert after is not None
        assert after.scorecard == {metric: alone}
        assert (after.false_alarm, after.on_breach) == (0.01, "pause")
