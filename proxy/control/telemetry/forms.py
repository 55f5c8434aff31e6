"""Forms of Prometheus metrics: families of counters, gauges and histograms, and the bounds of histograms."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from proxy.contracts.histogram import Buckets, lower_bound
from proxy.stats.counts.latency_window import Histogram

DECADE = (0, 48, 84)
"""Bucket indexes within a decade that are shown: 1, 2.51 and 5.01 times a power of ten, exactly bucket bounds."""
DURATIONS = [120 * decade + step for decade in range(-4, 2) for step in DECADE] + [240]
"""100 us … 100 s."""
CONNECTS = [120 * decade + step for decade in range(-5, 1) for step in DECADE] + [120]
"""10 us … 10 s."""
OVERHEADS = [120 * decade + step for decade in range(-5, 0) for step in DECADE] + [0]
"""10 us … 1 s."""
LAGS = [120 * decade + step for decade in range(-3, 1) for step in DECADE] + [120]
"""1 ms … 10 s."""

Rows = Iterable[tuple[tuple[str, ...], float]]


def cumulative(buckets: Buckets, bounds: list[int]) -> list[tuple[str, float]]:
    """Counts below each bound (a bucket index), as Prometheus wants them: `le`, cumulative, with +Inf."""
    counts = [0] * (len(bounds) + 1)
    for index, count in buckets.items():
        counts[_place(index, bounds)] += count
    labels = [f"{lower_bound(bound):.6g}" for bound in bounds] + ["+Inf"]
    return list(zip(labels, map(float, accumulate(counts)), strict=True))


def _place(index: int, bounds: list[int]) -> int:
    return next((place for place, bound in enumerate(bounds) if index < bound), len(bounds))


def floats(counts: Iterable[tuple[tuple[str, ...], int]]) -> list[tuple[tuple[str, ...], float]]:
    """Counts by labels, as the form of a counter takes them."""
    return [(key, float(n)) for key, n in counts]


def counter(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    """A counter family; `_total` is added to `name`."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def gauge(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    """A gauge family."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def histogram(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], Histogram]], bounds: list[int]
) -> Metric:
    """A histogram family in seconds; the bounds are bucket indexes."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, latencies in rows:
        family.add_metric(values, buckets=cumulative(latencies.buckets, bounds), sum_value=latencies.seconds)
    return family
