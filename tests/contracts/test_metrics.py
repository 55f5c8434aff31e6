"""The table of metrics: names, kinds, and what a scorecard line may say of each."""

from __future__ import annotations

import pytest

from proxy.contracts.metrics import METRICS, Metric, of_kind


def test_kinds_split_the_table() -> None:
    kinds = list(dict.fromkeys(metric.kind for metric in METRICS.values()))
    assert sorted(m.name for kind in kinds for m in of_kind(kind)) == sorted(METRICS)
    assert of_kind(*kinds) == tuple(METRICS.values())


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_row_stands_under_its_name_and_has_a_limit(metric: Metric) -> None:
    assert METRICS[metric.name] is metric
    assert metric.limits
    assert (metric.quantile is not None) <= (0.0 < (metric.quantile or 0.5) < 1.0)
