"""What judges were asked, by route."""

from __future__ import annotations

from proxy.stats.counts.judge_calls import JudgeCalls


def test_calls_are_counted_by_outcome_with_their_seconds() -> None:
    calls = JudgeCalls()
    calls.called("r", "scored", 0.1)
    calls.called("r", "timeout", 30.0)
    calls.called("s", "scored", 0.2)
    assert calls.requests == {("r", "scored"): 1, ("r", "timeout"): 1, ("s", "scored"): 1}
    assert calls.durations["r",].seconds == 30.1 and sum(calls.durations["r",].buckets.values()) == 2
