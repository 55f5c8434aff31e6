"""The reference of the metrics, from the collectors that /metrics reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from docs.generate.markdown import code, joined, table
from proxy.control.telemetry import certificate_metrics, fleet_metrics, history_metrics, metrics, story_metrics

TELEMETRY = metrics.__name__.removesuffix(".metrics")

OPENING = """\
# Metrics

<!-- made by `make docs` from the collectors: edit proxy/control/telemetry, not this page -->

All metrics are at `/metrics` of `admin.listen`, in base units (seconds, ratios, bytes). The configuration bounds every
label: routes, versions and webhooks are those of the file; roles, reasons and codes come from fixed tables. A metric
without a sample has had nothing to report yet. Recording rules, alerts and dashboards that use the metrics are in
[deploy](../deploy/README.md).

The roles `primary`, `canary` and `baseline` are by assignment: their sum in `penumbra_requests_total` is the number of
requests that got a leg. The roles `rescue`, `shadow` and `noise` are extra legs of the same requests. How a leg may
end, and what that is charged to, stands in [outcomes.md](outcomes.md).

`penumbra_fleet_…` is there where the configuration has a section `fleet` ([fleet.md](fleet.md)). Over the sidecars of
a fleet, sum what is traffic, and take the largest (`max by (route, …)`) of what the judge decided, which each of them
shows alike: {of_the_fleet}.
"""


class Nothing:
    """The owner of a collector before anything has happened: all that is read of it is empty, and numbers are 0."""

    def __getattr__(self, name: str) -> Nothing:
        return self

    def __call__(self, *args: object) -> Nothing:
        return self

    def __getitem__(self, key: object) -> Nothing:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 0.0

    def __add__(self, other: object) -> Nothing:
        return self


def families() -> Iterator[Metric]:
    """Every metric family that a collector of control yields, without samples.

    A collector takes its sources as arguments of its constructor; each of them is `Nothing` here.
    """
    nothing: Any = Nothing()
    for collector in collectors():
        arguments = collector.__init__.__code__.co_argcount - 1
        yield from collector(*[nothing] * arguments).collect()


def collectors() -> list[Any]:
    """The collector classes of the telemetry: those that `metrics` imports, then its own, then those of sections."""
    modules = (metrics, history_metrics, story_metrics, certificate_metrics, fleet_metrics)
    found = [value for module in modules for value in vars(module).values()]
    of_telemetry = [value for value in found if getattr(value, "__module__", "").startswith(TELEMETRY)]
    return [value for value in of_telemetry if hasattr(value, "collect")]


def exposed(family: Metric) -> str:
    """The name in the text format of Prometheus: the family's, with `_total` for a counter."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels(family: Metric) -> tuple[str, ...]:
    """The label names of a family."""
    return tuple(getattr(family, "_labelnames"))  # noqa: B009 - the library has no public name for them


def page() -> str:
    """The whole page."""
    rows = (
        (code(exposed(each)), each.type, ", ".join(map(code, labels(each))), each.documentation) for each in families()
    )
    alike = ", ".join(map(code, fleet_metrics.OF_THE_FLEET))
    return joined(OPENING.replace("{of_the_fleet}", alike), table(("metric", "type", "labels", "what it says"), rows))
