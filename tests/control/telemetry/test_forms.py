"""Forms of Prometheus metrics."""

from __future__ import annotations

from proxy.contracts.histogram import bucket
from proxy.control.telemetry.forms import CONNECTS, cumulative


def test_buckets_are_cumulative_at_their_bounds() -> None:
    counts = {bucket(0.00005): 2, bucket(0.02): 3, bucket(100.0): 1}
    shown = dict(cumulative(counts, CONNECTS))
    assert (shown["1e-05"], shown["0.0001"], shown["0.1"], shown["10"], shown["+Inf"]) == (0, 2, 5, 5, 6)
