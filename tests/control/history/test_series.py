"""Series: null is unknown, zero is zero, infinite is said, and quantiles are of merged histograms."""

from __future__ import annotations

from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.histogram import Buckets, add, bucket
from proxy.control.history.series import FAMILIES, Series, family, series
from proxy.control.history.steps import ArmStep, FeatureStep, LineStep, TimeStep

PRIMARY, SHADOW = ("v1", "primary"), ("v3", "shadow")


def one(shown: list[Series], name: str, **more: object) -> Series:
    (found,) = (each for each in shown if each["name"] == name and more.items() <= each.items())
    return found


def test_unknown_and_nothing_are_told_apart() -> None:
    arm = ArmStep([3, 1, 0, 0, 0, 0], {bucket(0.01): 4})
    steps = [TimeStep(100, 1, 1, arms={PRIMARY: arm}), TimeStep(102, 1, 1)]
    shown = series(steps, 100, 1, 4)
    assert one(shown, "requests")["values"] == [4, None, 0, None]
    failed = one(shown, "outcome.failed")
    assert failed["values"] == [0.25, None, None, None] and failed["counts"] == [1, None, 0, None]
    assert one(shown, "latency.p99")["values"] == [0.0100959, None, None, None]
    assert one(shown, "observed")["values"] == [1.0, None, 1.0, None]
    assert not [each for each in shown if each["name"] == "outcome.refused"], "none in this range"


def test_every_family_has_its_series() -> None:
    line, feature = ("error_rate", "max_ratio", "v2"), ("age", "input", "v2", "canary")
    step = TimeStep(
        *(0, 1, 1),
        arms={PRIMARY: ArmStep([1, 0, 1, 0, 0, 0]), SHADOW: ArmStep([1, 0, 0, 0, 0, 0])},
        pairs={SHADOW: (4, 1)},
        contents={PRIMARY: (8, 2)},
        copies={"v3": (10, 3)},
        rescued={"v2": 5},
        rejected=6,
        split={"v1": 90.0, "v2": 10.0},
        lines={line: LineStep(inf, None, 1.5, 12)},
        drift={feature: FeatureStep(0.31, True)},
    )
    shown = series([step], 0, 1, 1)
    assert {family(each["name"]) for each in shown} == set(FAMILIES)
    assert one(shown, "share", version="v2")["values"] == [10.0]
    assert one(shown, "coverage")["values"] == [0.7] and one(shown, "coverage")["due"] == [10]
    assert one(shown, "disagreement")["values"] == [0.25] and one(shown, "disagreement")["pairs"] == [4]
    assert one(shown, "invalid")["counts"] == [2] and one(shown, "rescued")["values"] == [5]
    assert one(shown, "rejected")["values"] == [6] and one(shown, "outcome.refused")["values"] == [0.5]
    evidence = one(shown, "evidence", version="v2")
    assert (evidence["values"], evidence["line"], evidence["limit"]) == (["inf"], "error_rate.max_ratio", 1.5)
    assert one(shown, "value")["values"] == [None] and one(shown, "value")["n"] == [12]
    assert one(shown, "drift")["drifted"] is True
    assert [each["name"] for each in series([step], 0, 1, 1, ["latency.p50", "share"])] == [
        *("share", "share"),
        *("latency.p50", "latency.p50"),
    ]


def test_without_room_for_latencies_there_is_no_quantile() -> None:
    step = TimeStep(0, 1, 1, arms={PRIMARY: ArmStep([9, 0, 0, 0, 0, 0], {0: 8}, 1)})
    assert one(series([step], 0, 1, 1), "latency.p50")["values"] == [None]


@given(st.lists(st.tuples(st.integers(0, 119), st.floats(1e-4, 50.0)), min_size=1, max_size=80))
def test_a_quantile_of_a_longer_step_is_that_of_all_its_requests(seen: list[tuple[int, float]]) -> None:
    steps = []
    for second in sorted({at for at, _ in seen}):
        buckets: Buckets = {}
        for at, seconds in seen:
            if at == second:
                add(buckets, {bucket(seconds): 1})
        steps.append(TimeStep(second, 1, 1, arms={PRIMARY: ArmStep([sum(buckets.values()), 0, 0, 0, 0, 0], buckets)}))
    shown = series(steps, 0, 120, 1)
    for name, q in (("latency.p50", 50), ("latency.p90", 90), ("latency.p99", 99)):
        exact = np.percentile([seconds for _, seconds in seen], q, method="inverted_cdf")
        (value,) = one(shown, name)["values"]
        assert abs(value / exact - 1.0) <= 0.01
