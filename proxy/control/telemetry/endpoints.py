"""Metrics of the endpoints of versions: where their names lead, and who of them gets requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.telemetry.forms import counter, floats, gauge
from proxy.stats.counts.counters import Counters


class EndpointCollector(Collector):
    """Names, endpoints and ejections, as workers tell of them."""

    def __init__(self, counters: Counters, now: Callable[[], float]) -> None:
        self._counters, self._now = counters, now

    def collect(self) -> Iterator[Metric]:
        rows = floats(self._counters.resolutions.items())
        yield counter("penumbra_resolutions", "Lookups of versions' names.", ("version", "outcome"), rows)
        told = self._counters.endpoints(self._now())
        states = Counter((version, state) for version, its in told.items() for state in its.values())
        text = "Addresses of a version by state; where workers differ, as the worst off sees them."
        yield gauge("penumbra_endpoints", text, ("version", "state"), floats(states.items()))
        text = "Times that an address got no more requests for a while: it took no connection, or its requests failed."
        yield counter("penumbra_ejections", text, ("version", "reason"), floats(self._counters.ejections.items()))
