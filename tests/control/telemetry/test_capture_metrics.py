"""Metrics of captures."""

from __future__ import annotations

from proxy.control.capture.writer import CaptureWriter
from proxy.control.telemetry.capture_metrics import CaptureCollector
from proxy.payload.redaction.body import REASONS


def test_every_reason_has_a_series_and_counts_are_those_of_the_writer() -> None:
    writer = CaptureWriter()
    writer.withheld["grpc"] += 3
    writer.written = 7
    samples = {(s.name, *s.labels.values()): s.value for m in CaptureCollector(writer).collect() for s in m.samples}
    assert samples["penumbra_captured_records_total",] == 7
    assert samples["penumbra_capture_bodies_withheld_total", "grpc"] == 3
    assert {key[1] for key in samples if "withheld" in key[0]} == set(REASONS)
    assert samples["penumbra_captured_labels_total", "unknown"] == 0
