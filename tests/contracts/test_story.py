"""Facts of a story come back from JSON as they were."""

from __future__ import annotations

import msgspec

from proxy.contracts.story import ArmAnswer, FailedRequest, Moment, MomentLine, StoryFacts, Touched


def test_facts_are_read_as_they_were_written() -> None:
    line = MomentLine("error_rate", "max_ratio", "b", "", "fail", "inf", 1.5, 7, 9.5)
    failed = FailedRequest("id", 1.0, ArmAnswer("b", "canary", "500", "failed", 0.1), rescued=True)
    facts = StoryFacts(
        "r", ("b",), 1.0, keys=[2**64 - 1], failed=[failed], moments=[Moment(2.0, "ramping", 1, 7, [line])]
    )
    facts.touched.append(Touched("b", "canary", {"good": 3, "failed": 4}))
    assert msgspec.json.decode(msgspec.json.encode(facts), type=StoryFacts) == facts
    assert facts.touched[0].legs == 7
