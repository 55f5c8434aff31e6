"""One comparison: what is asked of it is answered in the scorecard's order, whatever came in."""

from __future__ import annotations

from math import log

import numpy as np

from proxy.contracts.metrics import METRICS
from proxy.contracts.observation import Text
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Guard, Limit
from proxy.stats.comparison import Comparison, ComparisonKey, PrimaryHistory
from proxy.stats.drift.figures import Drift, RowCounts
from tests.support.observed import observation

EVERYTHING = Guard({row.name: Limit(**dict.fromkeys(row.limits, 0.5)) for row in METRICS.values()}, warm_up=0)


def comparison(guard: Guard, candidate: str | None = "v2", primary: str = "v1") -> Comparison:
    return Comparison(ComparisonKey(candidate, primary, guard, "oip"), PrimaryHistory())


def drift(side: str, version: str, margin: float) -> Drift:
    return Drift("x", side, version, "primary", 0.4, 1.0, margin, margin >= 0, 1000)  # type: ignore[arg-type]


def test_every_limit_is_answered_in_order_when_nothing_is_known() -> None:
    found = comparison(EVERYTHING).evidence([], 0, 0)
    assert list(dict.fromkeys(each.metric for each in found)) == list(METRICS)
    assert len(found) == sum(len(row.limits) for row in METRICS.values())
    assert {(each.n, each.version) for each in found} == {(0, "v2")}


def test_inputs_of_any_version_and_predictions_of_the_candidate_are_its_drift() -> None:
    guard = Guard({"input_drift": Limit(max_psi=0.2), "prediction_drift": Limit(max_psi=0.2)})
    rows = [drift("input", "v1", 1.0), drift("prediction", "v1", 1.0), drift("prediction", "v2", -1.0)]
    inputs, predictions = comparison(guard).evidence(rows, 0, 0)
    assert inputs.log_breach > 0 > predictions.log_breach


def test_lost_copies_are_an_argument_and_change_nothing() -> None:
    made = comparison(Guard({"disagreement": Limit(max=0.1)}))
    assert [made.evidence([], lost, 0)[0].lost for lost in (3, 0)] == [3, 0]


def test_ticks_rows_and_tokens_reach_their_lines() -> None:
    lines = ("error_rate", "latency_p50", "time_to_first_token", "contract_violations")
    made = comparison(Guard({name: Limit(max=0.5) for name in lines}, warm_up=0))
    made.on_arms([ArmTick("r", "v2", "canary", 0.5, {"200": 3}, total={-200: 3})], 0.0)
    text = Text("said", first_token=0.1)
    streamed = observation((0, "a"), 1, "", "r", "v2", "canary", 0.5, 200, "", 0.0, 0.1, 0.2, text=text)
    made.on_tokens(streamed, 0.0)
    made.on_rows([RowCounts("v2", "canary", 0.5, 7, 1)], 0.0)
    assert [(each.metric, each.n) for each in made.evidence([], 0, 0)] == list(zip(lines, (3, 3, 1, 7), strict=True))


def test_latency_waits_for_the_warm_up_and_says_so() -> None:
    made = comparison(Guard({"latency_p50": Limit(max=0.5)}, warm_up=5))
    made.on_arms([ArmTick("r", "v2", "canary", 0.5, {"200": 3}, total={-200: 3})], 0.0)
    (found,) = made.evidence([], 0, 0)
    assert (found.n, found.note.startswith("warming up")) == (0, True)


def beside_a_baseline(
    generator: np.random.Generator, rates: tuple[float, float, float], looks: int = 60
) -> tuple[float, float]:
    """The largest log evidence of a breach by errors, and against the baseline itself, over a ramp of a candidate from
    5 to 20 %, every fourth look; `rates` of the primary, the candidate, the baseline. Legs of a stage end in the next
    one, too."""
    guard = Guard({"error_rate": Limit(max_ratio=1.5)}, warm_up=0)
    made = Comparison(ComparisonKey("v2", "v1", guard, "oip", "v1b"), PrimaryHistory())
    itself = Comparison(ComparisonKey("v1b", "v1", guard, "oip", of_baseline=True), PrimaryHistory())
    most = [0.0, 0.0]
    for look in range(looks):
        arms = []
        for share, n in ((0.05, 200 if look < 20 else 20), *(((0.2, 200),) if look >= 20 else ())):
            parts = (("v1", "primary", 1 - 2 * share), ("v2", "canary", share), ("v1b", "baseline", share))
            for (version, role, part), rate in zip(parts, rates, strict=True):
                legs = int(generator.binomial(n, part))
                bad = int(generator.binomial(legs, rate))
                arms.append(ArmTick("r", version, role, part, {"200": legs - bad, "500": bad}))  # type: ignore[arg-type]
        for at, each in enumerate((made, itself)):
            each.on_arms(arms, look / 10)
            if look % 4 < 3:
                continue
            most[at] = max(most[at], each.evidence([], 0, 0)[0].log_breach)
    return most[0], most[1]


def test_errors_beside_a_baseline() -> None:
    """False alarms stay below 1 % of healthy ramps; a worse candidate, and a worse baseline, are found."""
    generator = np.random.default_rng(7)
    alarm, runs = log(100.0), 25
    healthy = [beside_a_baseline(generator, (0.02, 0.02, 0.02)) for _ in range(runs)]
    assert sum(candidate >= alarm for candidate, _ in healthy) <= 1
    assert sum(baseline >= alarm for _, baseline in healthy) <= 1
    # Both smaller instances fail more often than the whole primary, and alike: no blame on the candidate.
    alike = [beside_a_baseline(generator, (0.01, 0.03, 0.03))[0] for _ in range(20)]
    assert sum(evidence >= alarm for evidence in alike) <= 1
    bad = [beside_a_baseline(generator, (0.02, 0.12, 0.02)) for _ in range(10)]
    assert min(candidate for candidate, _ in bad) >= alarm
    broken = [beside_a_baseline(generator, (0.02, 0.12, 0.12)) for _ in range(10)]
    assert min(baseline for _, baseline in broken) >= alarm
