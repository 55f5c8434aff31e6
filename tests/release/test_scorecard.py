from __future__ import annotations

from math import inf, log, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.evidence import Evidence
from proxy.contracts.release import Verdict
from proxy.contracts.settings import Guard, Limit
from proxy.release.scorecard import MIN_OBSERVATIONS, bounds, judge, overall, threshold

ERRORS = Guard({"error_rate": Limit(max_ratio=1.5)}, false_alarm=0.01)


def seen(**changes: Any) -> Evidence:
    given: dict[str, Any] = {"metric": "error_rate", "version": "v2", "value": 0.02, "reference": 0.01, "n": 500}
    return Evidence(**(given | {"n_reference": 4500, "limit": "max_ratio"} | changes))


def line(guard: Guard = ERRORS, enough: int = MIN_OBSERVATIONS, **changes: Any) -> Verdict:
    return judge([seen(**changes)], guard, "v2", enough)[0]


@pytest.mark.parametrize(
    ("changes", "outcome", "said"),
    [
        ({"n": 0, "value": None}, "undecided", "no data"),
        ({"value": None}, "undecided", "no data"),
        ({"value": nan, "log_breach": 99.0}, "undecided", "not a number"),
        ({"reference": nan, "log_breach": 99.0}, "undecided", "not a number"),
        ({"log_breach": nan}, "undecided", "not a number"),
        ({"log_breach": 99.0, "lost": 60}, "undecided", "11% lost"),
        ({"log_pass": 99.0, "lost": 60}, "undecided", "11% lost"),
        ({"log_breach": log(100.0) + 1e-9}, "fail", "error_rate ratio 2 > limit 1.5 (n=500, lost=0"),
        ({"log_breach": inf}, "fail", "> limit 1.5"),
        ({"log_breach": 99.0, "log_pass": 99.0}, "fail", "> limit 1.5"),
        ({"n": 20, "log_pass": log(20.0) + 1e-9}, "pass", "n=20"),
        ({"n": 20}, "undecided", "about 80 more inferences of the candidate"),
        ({"n_reference": 0}, "undecided", "no data of the primary"),
        (
            {"log_breach": log(10.0), "needed": 70},
            "undecided",
            "leans to a breach, about 70 more inferences of the candidate at the present rate",
        ),
        ({"log_breach": 1.0}, "pass", "ratio 2, which is no evidence that it is above the limit 1.5"),
        (
            {"value": 0.0, "reference": 0.0},
            "pass",
            "0 errors of 500 requests, 0 errors of 4,500 requests at the primary, limit 1.5",
        ),
        ({"log_pass": 3.0, "claim": "so"}, "pass", ": proved: so"),
        ({"log_breach": -5.0, "lost": 50}, "pass", "lost=50"),
        ({"reference": 0.0, "log_breach": 99.0}, "fail", "error_rate ratio infinite > limit 1.5"),
        ({"dispersion": 2.0}, "pass", "φ=2.00"),
    ],
)
def test_the_ladder(changes: dict[str, Any], outcome: str, said: str) -> None:
    verdict = line(**changes)
    assert verdict.outcome == outcome
    assert said in verdict.sentence


@pytest.mark.parametrize(
    ("changes", "outcome", "said"),
    [
        ({"n_reference": 99}, "undecided", "about 6 more compared answers at the present rate"),
        ({"n_reference": 100}, "pass", "disagreement 0.19 beside limit 0.02, no evidence of more than the primary's"),
        ({"n_reference": 100, "log_breach": 3.0}, "undecided", "leans to a breach"),
        ({"n_reference": 3, "log_breach": 9.0}, "fail", "disagreement 0.19 > limit 0.02 ("),
        ({"n_reference": 3, "log_alone": 1.0}, "pass", "which is no evidence that it is above the limit 0.02"),
    ],
)
def test_a_pass_by_the_noise_floor_rests_on_enough_of_it_and_says_so(
    changes: dict[str, Any], outcome: str, said: str
) -> None:
    facts: dict[str, Any] = {"metric": "disagreement", "limit": "max", "value": 0.19, "reference": 0.18}
    facts |= {"log_alone": 99.0} | changes
    verdict = line(Guard({"disagreement": Limit(max=0.02)}, false_alarm=0.01), **facts)
    assert (verdict.outcome, said in verdict.sentence) == (outcome, True), verdict.sentence
    assert f"the primary differs from itself in 0.18 of {facts['n_reference']}" in verdict.sentence


@pytest.mark.parametrize(("answers", "said"), [(0, False), (550, False), (560, True), (5000, True)])
@pytest.mark.parametrize("log_breach", [0.0, 99.0])
def test_what_was_sampled_out_is_said(answers: int, said: bool, log_breach: float) -> None:
    facts: dict[str, Any] = {"metric": "invalid_rate", "answers": answers, "log_breach": log_breach}
    verdict = line(Guard({"invalid_rate": Limit(max_ratio=1.5)}), **facts)
    assert ("answers analysed" in verdict.sentence) is said
    assert (f"lost=0, 500 of {answers:,} answers analysed, " in verdict.sentence) is said


@pytest.mark.parametrize(
    ("limit", "evidence", "outcome"),
    [
        (Limit(max=0.01), {"limit": "max", "log_breach": 9.0}, "fail"),
        (Limit(min=0.9), {"limit": "min", "value": 0.8, "log_breach": 9.0}, "fail"),
        (Limit(max_drop=0.02), {"limit": "max_drop", "value": 0.8, "reference": 0.9, "log_breach": 9.0}, "fail"),
        (Limit(max_psi=0.2), {"limit": "max_psi", "value": 0.3, "reference": None, "log_breach": 9.0}, "fail"),
        (Limit(max_psi=0.2), {"limit": "max_psi", "value": 0.1, "reference": None, "log_breach": 9.0}, "undecided"),
    ],
)
def test_each_kind_of_limit(limit: Limit, evidence: dict[str, Any], outcome: str) -> None:
    assert line(Guard({"error_rate": limit}), **evidence).outcome == outcome


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("error_rate", "inferences of the candidate"),
        ("latency_p99", "inferences of the candidate"),
        ("disagreement", "compared answers"),
        ("input_drift", "analysed inferences"),
        ("contract_violations", "analysed inferences"),
        ("time_to_first_token", "analysed inferences"),
        ("accuracy", "labels"),
    ],
)
def test_what_is_needed_is_counted_as_the_metric_counts(metric: str, kind: str) -> None:
    guard = Guard({metric: Limit(max=0.1)})
    assert f"about 80 more {kind}" in line(guard, metric=metric, limit="max", n=20).sentence


def test_a_line_with_two_limits_has_two_verdicts() -> None:
    guard = Guard({"latency_p99": Limit(max_ratio=1.25, max=0.25)})
    evidence = [
        seen(metric="latency_p99", limit="max", value=0.3, log_breach=20.0),
        seen(metric="latency_p99", limit="max_ratio", value=0.3, reference=0.29, log_breach=-3.0),
    ]
    verdicts = judge(evidence, guard, "v2")
    assert [(v.bound, v.outcome) for v in verdicts] == [("max", "fail"), ("max_ratio", "pass")]
    assert overall(verdicts).outcome == "fail"


def test_evidence_of_another_version_says_nothing() -> None:
    assert judge([seen(version="v3", log_breach=99.0)], ERRORS, "v2")[0].outcome == "undecided"


def test_all_lines_must_pass_and_one_failure_suffices() -> None:
    verdicts = [line(), line(n=20), line(log_breach=99.0)]
    assert overall(verdicts[:1]).outcome == "pass"
    assert overall(verdicts[:2]).outcome == "undecided"
    assert overall(verdicts[:2]).needed == 80
    assert overall(verdicts).outcome == "fail"
    assert overall([]).outcome == "undecided"


def test_of_several_versions_each_is_said_with_its_version() -> None:
    first, other = line(), judge([seen(version="v3", n=0, value=None)], ERRORS, "v3")[0]
    assert overall([other]).sentence == "error_rate: no data"
    assert overall([first, other]).sentence == "v3: error_rate: no data"


@given(
    st.floats(),
    st.floats(),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.floats(),
    st.none() | st.floats(),
)
def test_no_numbers_break_it_and_no_data_never_decides(
    value: float, reference: float, n: int, n_reference: int, lost: int, breach: float, early: float | None
) -> None:
    verdict = line(
        value=value, reference=reference, n=n, n_reference=n_reference, lost=lost, log_breach=breach, log_pass=early
    )
    assert verdict.sentence
    if n == 0 or value != value or reference != reference or breach != breach:
        assert verdict.outcome == "undecided"
    if lost > 0.1 * (n + lost):
        assert verdict.outcome == "undecided"
    if verdict.outcome == "fail":
        assert breach >= threshold(ERRORS)


def test_limits_stand_in_the_order_of_the_scorecard() -> None:
    guard = Guard({"latency_p99": Limit(max_ratio=1.2, max=1.0), "error_rate": Limit(max=0.1)})
    assert [bound[:2] for bound in bounds(guard)] == [
        ("latency_p99", "max"),
        ("latency_p99", "max_ratio"),
        ("error_rate", "max"),
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"metric": "latency_p99"}, True),
        ({"log_breach": log(10.0)}, True),
        ({"log_breach": 0.0}, False),
        ({"n": 42, "n_reference": 276}, True),
        ({"n": 200, "n_reference": 800}, False),
        ({"value": 0.16}, False),
        ({"value": 0.103, "log_breach": 0.0}, False),
        ({"against": "baseline"}, False),
        ({"metric": "error_rate"}, False),
    ],
)
def test_a_small_share_may_be_why_a_candidate_is_slower(changes: dict[str, Any], told: bool) -> None:
    metric = changes.get("metric", "latency")
    evidence = {"metric": metric, "value": 0.14, "reference": 0.1, "n": 100, "n_reference": 900, "log_breach": 9.0}
    verdict = line(Guard({metric: Limit(max_ratio=1.05)}), **(evidence | changes))
    assert ("a baseline would tell" in verdict.sentence) == told
    assert (verdict.outcome == "fail") == ("log_breach" not in changes), "it decides nothing"


def test_a_sentence_names_the_arm_that_it_compares_with() -> None:
    assert "of 1,000 of the baseline" in line(n_reference=1000, against="baseline").sentence
    assert line(n_reference=0, against="baseline").sentence.endswith("no data of the baseline")
    ranks = Guard({"latency": Limit(max_ratio=1.05)})
    told = line(ranks, metric="latency", value=0.1, reference=0.1, log_breach=9.0, against="baseline").sentence
    assert "slower than the baseline's at the same time" in told


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("error_rate", "about 70 more inferences of the candidate at the present rate"),
        ("invalid_rate", "about 70 more analysed inferences at the present rate"),
        ("disagreement", "about 70 more compared answers at the present rate"),
        ("accuracy", "about 70 more labels at the present rate"),
    ],
)
def test_an_undecided_line_says_what_more_it_takes(metric: str, said: str) -> None:
    guard = Guard({metric: Limit(max=0.1)})
    (found,) = (Evidence(metric, "v2", 0.1, 0.1, 500, 500, log_breach=3.0, needed=70, limit="max"),)
    line = next(verdict for verdict in judge([found], guard, "v2") if verdict.metric == metric)
    assert (line.outcome, line.needed) == ("undecided", 70) and line.sentence.endswith(f": leans to a breach, {said}")


@pytest.mark.parametrize(
    ("changes", "outcome", "said"),
    [
        ({"log_pass": 3.0, "needed": 70}, "pass", "proved: better than the primary"),
        ({"log_pass": 2.9, "needed": 70}, "undecided", "not proved yet, about 70 more labels at the present rate"),
        ({"log_pass": -2.0}, "undecided", "not proved yet, not at the present rate"),
        ({"log_breach": 99.0, "log_pass": 0.0}, "undecided", "not proved yet"),
        ({"n": 0, "value": None}, "undecided", "accuracy: no data"),
        ({"lost": 500, "log_pass": 9.0}, "undecided", "50% lost"),
    ],
)
def test_an_aim_passes_by_proof_alone_and_never_fails(changes: dict[str, Any], outcome: str, said: str) -> None:
    facts: dict[str, Any] = {"value": 0.85, "reference": 0.8, "n": 500, "n_reference": 500} | changes
    (line,) = judge([Evidence("accuracy", "v2", limit="min_gain", **facts)], AIMED, "v2")
    assert (line.outcome, line.aim, line.proved) == (outcome, True, outcome == "pass") and said in line.sentence


def test_the_verdict_on_a_test_waits_for_an_arm_that_is_better() -> None:
    passed = Verdict("error_rate", "pass", 0.0, 1.0, 500, 0, "within", version="v2")
    open_ = Verdict("accuracy", "undecided", 0.01, 0.0, 500, 0, "not yet", 70, "v2", aim=True)
    won = Verdict("accuracy", "pass", 0.05, 0.0, 500, 0, "better", version="v3", aim=True, proved=True)
    assert (overall([passed, open_]).outcome, overall([passed, open_]).needed) == ("undecided", 70)
    assert overall([passed, open_, won]).outcome == "pass"
    failed = Verdict("error_rate", "fail", 9.0, 1.0, 500, 0, "worse", version="v2")
    assert overall([failed, won]).outcome == "fail"


AIMED = Guard({"accuracy": Limit(min_gain=0.0)})
