"""Metrics of captures."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.capture.writer import CaptureWriter
from proxy.control.telemetry.forms import counter
from proxy.payload.redaction.body import REASONS


class CaptureCollector(Collector):
    """What was captured, and what could not be."""

    def __init__(self, capture: CaptureWriter) -> None:
        self._capture = capture

    def collect(self) -> Iterator[Metric]:
        written, errors = float(self._capture.written), float(self._capture.errors)
        yield counter("penumbra_captured_records", "Records written for a backtest.", (), [((), written)])
        text = "Records and labels that were to be captured and could not be written: they are lost."
        yield counter("penumbra_capture_errors", text, (), [((), errors)])
        held = [((reason,), float(self._capture.withheld[reason])) for reason in REASONS]
        text = "Bodies that were not captured because they could not be redacted for certain, by reason."
        yield counter("penumbra_capture_bodies_withheld", text, ("reason",), held)
        rows = [((outcome,), float(count)) for outcome, count in self._capture.labels.items()]
        text = "Labels of feedback: written, of a request that the capture does not have, or withheld by redaction."
        yield counter("penumbra_captured_labels", text, ("outcome",), rows)
