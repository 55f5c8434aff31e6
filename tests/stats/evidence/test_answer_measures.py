"""What is measured of single answers: streams with and without a count of tokens, whole answers, others."""

from __future__ import annotations

import pytest

from proxy.contracts.metrics import of_kind
from proxy.contracts.observation import Answer, Text, Usage, observed
from proxy.contracts.price import Price
from proxy.stats.evidence.answer_measures import MEASURED, measures
from tests.support.records import record


@pytest.mark.parametrize(
    ("text", "usage", "found"),
    [
        (None, None, (None, None, None, None)),
        (Text("a"), None, (None, None, None, None)),
        (Text("a"), Usage(9, 4), (None, 4.0, 0.5, 4.0)),
        (Text("a", first_token=0.5), Usage(9, 4), (0.5, 4.0, 0.5, 4.0)),
        (Text("a", first_token=0.5), Usage(9, 1), (0.5, 1.0, None, 1.0)),
        (Text("a", first_token=0.5, gaps=(0.25, 0.75)), None, (0.5, None, 0.5, None)),
        (Text("a", first_token=0.5), None, (0.5, None, None, None)),
        (None, Usage(9), (None, None, None, 0.0)),
        (Text("a"), Usage(9), (None, None, None, None)),
    ],
)
def test_measures(text: Text | None, usage: Usage | None, found: tuple[float | None, ...]) -> None:
    answer: Answer = (), text, "", True, "", "", usage
    leg = observed(record(total=2.0), (0, "a"), (), "", answer)
    known = measures({leg.version: Price(0.0, 1e6)})
    assert known.pop("tokens_per_second") is known["time_per_output_token"], "one over it is in the buckets"
    assert tuple(measure(leg) for measure in known.values()) == found


def test_each_metric_of_bodies_that_is_ranked_has_its_measure() -> None:
    assert {metric.name for metric in of_kind("quantile") if metric.source == "bodies"} == set(MEASURED)
