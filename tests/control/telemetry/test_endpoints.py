"""What /metrics shows of names and endpoints."""

from __future__ import annotations

from proxy.contracts.record import Tick
from proxy.control.telemetry.endpoints import EndpointCollector
from proxy.stats.counts.counters import Counters


def test_addresses_are_counted_by_state_and_ejections_by_reason() -> None:
    counters = Counters()
    told = {"v1": {"10.0.0.1:80": "serving", "10.0.0.2:80": "serving", "10.0.0.3:80": "ejected"}}
    resolutions, ejections = [("v1", "answered", 1)], [("v1", "failures", 2)]
    counters.update(Tick(0, "a", 1, 1, endpoints=told, ejections=ejections, resolutions=resolutions), 0.0)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in EndpointCollector(counters, lambda: 1.0).collect()
        for sample in family.samples
    }
    assert samples == {
        ("penumbra_resolutions_total", "v1", "answered"): 1.0,
        ("penumbra_endpoints", "v1", "serving"): 2.0,
        ("penumbra_endpoints", "v1", "ejected"): 1.0,
        ("penumbra_ejections_total", "v1", "failures"): 2.0,
    }
