"""Metrics of the history."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.history.past import Past
from proxy.control.telemetry.forms import counter, gauge


class HistoryCollector(Collector):
    """What is kept of the past, and whether its file takes it."""

    def __init__(self, past: Past) -> None:
        self._past = past

    def collect(self) -> Iterator[Metric]:
        places = [(("disk",), float(self._past.size)), (("memory",), float(self._past.memory))]
        yield gauge(
            "penumbra_history_bytes", "Bytes of the history, on disk and as blocks in memory.", ("place",), places
        )
        errors = float(self._past.errors)
        yield counter(
            "penumbra_history_errors", "Reads and writes of the history's file that failed.", (), [((), errors)]
        )
