"""One look at the demo: what Penumbra reports and what the client measured, side by side for each version."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from proxy.demo.admin import Metrics
from proxy.demo.traffic import ClientCounts


@dataclass(frozen=True, slots=True)
class Row:
    """One version.

    From the client: `requests`, `errors` and latencies (seconds) of this act. From Penumbra: `role`, `percent` of the
    live traffic, `copies` it got as a shadow and `rescued` requests since the start, and the ratios.
    """

    version: str
    role: str
    percent: float
    requests: int
    errors: int
    p50: float | None
    p99: float | None
    copies: int
    coverage: float | None
    disagreement: float | None
    rescued: int


@dataclass(frozen=True, slots=True)
class View:
    """All versions of a route at one moment.

    `seconds` since the act began; `overhead` is the mean of what Penumbra itself added, in seconds.
    """

    act: str
    phase: str
    seconds: float
    requests: int
    errors: int
    overhead: float | None
    rows: tuple[Row, ...]

    def of(self, version: str) -> Row:
        return next(row for row in self.rows if row.version == version)

    @property
    def rate(self) -> float:
        """Requests per second of this act."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0


def look(act: str, versions: Iterable[str], route: dict[str, Any], metrics: Metrics, counts: ClientCounts) -> View:
    """Puts one answer of the admin API, one scrape and the client's counts together."""
    seconds = time.monotonic() - counts.since
    rows = tuple(_row(version, route, metrics, counts) for version in versions)
    return View(act, route["phase"], seconds, counts.requests, counts.errors, _overhead(metrics), rows)


def _row(version: str, route: dict[str, Any], metrics: Metrics, counts: ClientCounts) -> Row:
    answers, labels = counts.of(version), {"route": route["route"], "version": version}
    shadow = version in route["shadows"]
    return Row(
        version=version,
        role=_role(version, route),
        percent=_percent(version, route),
        requests=answers.requests,
        errors=answers.errors,
        p50=answers.quantile(0.5),
        p99=answers.quantile(0.99),
        copies=int(metrics.total("penumbra_requests_total", role="shadow", **labels)),
        coverage=metrics.one("penumbra_shadow_coverage_ratio", **labels) if shadow else None,
        disagreement=metrics.one("penumbra_disagreement_ratio", **labels),
        rescued=int(metrics.total("penumbra_rescued_total", **labels)),
    )


def _role(version: str, route: dict[str, Any]) -> str:
    if version == route["primary"]:
        return "primary"
    if route["split"].get(version):
        return "canary"
    return "shadow" if route["shadows"].get(version) else "-"


def _percent(version: str, route: dict[str, Any]) -> float:
    others: dict[str, float] = {name: percent for name, percent in route["split"].items() if name != route["primary"]}
    if version == route["primary"]:
        return 100.0 - sum(others.values())
    return float(others.get(version, 0.0))


def _overhead(metrics: Metrics) -> float | None:
    count = metrics.total("penumbra_overhead_seconds_count")
    return metrics.total("penumbra_overhead_seconds_sum") / count if count else None
