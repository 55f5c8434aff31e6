"""The metrics of a house, as a scrape finds them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec import Struct
from prometheus_client.core import Metric

from proxy.contracts.operation import HistoryKept
from proxy.control.capture.writer import CaptureWriter
from proxy.control.certificates import CertificateFiles, Certificates
from proxy.control.history.past import Past
from proxy.control.notify import Notifier
from proxy.control.stories.archive import Archive
from proxy.control.telemetry.certificate_metrics import CertificateCollector
from proxy.control.telemetry.history_metrics import HistoryCollector
from proxy.control.telemetry.journal import Journal
from proxy.control.telemetry.metrics import MetricSources, registry
from proxy.control.telemetry.story_metrics import StoryCollector
from tests.control.houses import House


class Family(Struct):
    """One metric: its type, labels, and samples by (name, label values)."""

    type: str
    labels: tuple[str, ...]
    samples: dict[tuple[str, ...], float]


class Quiet:
    """Takes log lines and keeps none."""

    def __init__(self) -> None:
        self.dropped = {"event": 0}

    def access(self, facts: Mapping[str, object]) -> bool:
        return True


def families(house: House) -> dict[str, Family]:
    """By the name that is shown: counters end with `_total`."""
    past = Past(house.engine, house.board, "")
    past.use(HistoryKept())
    sources = MetricSources(
        board=house.board,
        engine=house.engine,
        workers=list,
        restarts=dict,
        notifier=Notifier(lambda: "", lambda: house.now),
        capture=CaptureWriter(),
        journal=Journal(Quiet()),
        now=lambda: house.now,
        bounds=(past.bounds_reached,),
    )
    files = CertificateFiles(lambda _: {}, lambda *_: pytest.fail("nobody looks"), lambda _: None)
    certificates = Certificates(files, lambda: house.engine.settings, lambda _: None, lambda: house.now)
    made = registry(sources)
    made.register(HistoryCollector(past))
    made.register(StoryCollector(Archive(":memory:")))
    made.register(CertificateCollector(certificates))
    return {_shown(metric): _family(metric) for metric in made.collect() if metric.name.startswith("penumbra_")}


def _shown(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _family(metric: Metric) -> Family:
    samples = {(sample.name, *sample.labels.values()): sample.value for sample in metric.samples}
    return Family(metric.type, tuple(getattr(metric, "_labelnames", ())), samples)
