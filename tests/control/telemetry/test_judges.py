"""Metrics of the judges of texts."""

from __future__ import annotations

from proxy.control.telemetry.judges import JudgeCollector
from proxy.stats.counts.judge_calls import JudgeCalls


def test_what_judges_were_asked_is_shown() -> None:
    calls = JudgeCalls()
    calls.called("r", "scored", 0.1)
    calls.requests["r", "cached"] += 2
    calls.used["r",] = 0.5
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in JudgeCollector(calls).collect()
        for sample in metric.samples
    }
    assert samples["penumbra_judge_requests_total", "r", "scored"] == 1.0
    assert samples["penumbra_judge_requests_total", "r", "cached"] == 2.0
    assert samples["penumbra_judge_request_duration_seconds_count", "r"] == 1.0
    assert samples["penumbra_judge_request_duration_seconds_sum", "r"] == 0.1
    assert samples["penumbra_judge_budget_used_ratio", "r"] == 0.5
