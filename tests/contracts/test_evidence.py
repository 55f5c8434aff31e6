"""The ratio of a candidate's figure to its primary's."""

from __future__ import annotations

from math import inf

import pytest

from proxy.contracts.evidence import Evidence


@pytest.mark.parametrize(
    ("value", "reference", "ratio"),
    [(0.02, 0.01, 2.0), (0.0, 0.01, 0.0), (0.02, 0.0, inf), (0.0, 0.0, None), (None, 0.01, None), (0.02, None, None)],
)
def test_a_ratio_has_both_figures_and_a_reference_above_zero(
    value: float | None, reference: float | None, ratio: float | None
) -> None:
    evidence = Evidence(metric="error_rate", version="v2", value=value, reference=reference, n=1, n_reference=1)
    assert evidence.ratio == ratio
