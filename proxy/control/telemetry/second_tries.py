"""Metrics on second tries: requests that were sent again, or answered by another version, and those that were not."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from proxy.control.telemetry.forms import counter, floats
from proxy.stats.counts.counters import Counters

LABELS = ("route", "version", "reason")


def second_tries(counters: Counters) -> Iterator[Metric]:
    """The families, each by route, version and reason."""
    text = "Requests that the primary answered in place of a failed canary or baseline."
    yield counter("penumbra_rescued", text, LABELS, floats(counters.rescued.items()))
    text = "Failures of a canary or baseline that the primary could not answer in place of."
    yield counter("penumbra_not_rescued", text, LABELS, floats(counters.not_rescued.items()))
    text = "Legs that were sent again: stale (nothing was processed), or reset (it may have been: by `retry`)."
    yield counter("penumbra_retries", text, LABELS, floats(counters.retries.items()))
    text = "Legs whose connection ended without an answer, and that were not sent again."
    yield counter("penumbra_not_retried", text, LABELS, floats(counters.not_retried.items()))
