"""One comparison: what is asked of it is answered in the scorecard's order, whatever came in."""

from __future__ import annotations

from proxy.contracts.metrics import METRICS
from proxy.contracts.observation import Text
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Guard, Limit
from proxy.stats.comparison import Comparison, ComparisonKey, PrimaryHistory
from proxy.stats.drift.streams import Drift, RowCounts
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
