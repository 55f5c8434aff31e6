"""What a verdict says in words: what is infinite, missing or zero is called so."""

from __future__ import annotations

import re
from math import inf, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Verdict
from proxy.release.limits import VALUES
from proxy.release.sentences import odds
from proxy.release.words import figure, value_words, words_of

NO_WORDS = re.compile(r"\b(nan|inf|None|undefined|null)\b")
figures = st.one_of(st.none(), st.sampled_from([0.0, inf, -inf, nan, 1e-9, 1e9, 0.5]), st.floats(0.0, 1e6))
logs = st.one_of(st.sampled_from([inf, -inf, nan, 0.0]), st.floats(-1e4, 1e6))

verdicts = st.builds(
    Verdict,
    metric=st.sampled_from([*sorted(METRICS), "a_metric_that_is_no_more"]),
    outcome=st.sampled_from(["pass", "fail", "undecided"]),
    value=figures,
    limit=st.one_of(st.none(), st.floats(0.0, 100.0)),
    n=st.one_of(st.just(0), st.integers(0, 10**9)),
    lost=st.integers(0, 10**6),
    sentence=st.just(""),
    needed=st.one_of(st.none(), st.integers(0, 10**9)),
    version=st.sampled_from(["", "v2"]),
    bound=st.sampled_from(["", *sorted(VALUES)]),
    reference=figures,
    log_breach=logs,
    moot=st.booleans(),
    own=figures,
    n_reference=st.one_of(st.just(0), st.integers(0, 10**9)),
)


@given(verdicts, st.sampled_from(["", "2026-11-29 03:04:05 UTC"]), st.one_of(st.none(), logs))
def test_no_verdict_says_a_number_that_is_none(verdict: Verdict, since: str, threshold: float | None) -> None:
    words = words_of(verdict, since, threshold)
    assert not NO_WORDS.search(" ".join(words.values())), words
    assert verdict.outcome in words["says"]
    assert since in words["on"]
    assert f"{verdict.n:,}" in words["on"] or not verdict.n
    assert words["changes"]
    assert ("No data" in words["says"]) is (not verdict.n)


@given(verdicts, st.integers(0, 10**9))
def test_an_undecided_verdict_says_what_it_needs(verdict: Verdict, needed: int) -> None:
    undecided = replace(verdict, outcome="undecided", needed=needed, moot=False)
    assert f"about {needed:,} more" in words_of(undecided)["changes"]


RATIO = Verdict(
    *("error_rate", "pass", None, 1.5, 1204, 0, ""),
    version="v2",
    bound="max_ratio",
    reference=0.0,
    own=0.0,
    n_reference=9120,
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "no errors in either arm"),
        ({"n": 0, "own": None}, "no inferences of v2 yet"),
        ({"reference": None, "n_reference": 0}, "no inferences of the primary yet"),
        ({"reference": 0.5}, "not computed yet"),
        ({"value": inf, "own": 0.25}, "infinite: no errors at the primary"),
        ({"value": nan}, "no number"),
        ({"value": 0.0}, "zero times the primary's"),
        ({"value": 1.25}, "1.25 times the primary's"),
        ({"metric": "latency_p99", "value": 0.0345, "bound": "max"}, "34.5 ms"),
        ({"metric": "latency_p99", "bound": "max"}, "not computed yet"),
        ({"metric": "disagreement", "bound": "max", "n": 0, "version": ""}, "no compared answers of the candidate yet"),
        ({"metric": "mae", "bound": "max_ratio"}, "zero in both arms"),
        ({"metric": "gone", "bound": "max_ratio", "value": inf}, "infinite"),
    ],
)
def test_a_value_is_said_or_why_there_is_none(changes: dict[str, object], said: str) -> None:
    assert value_words(replace(RATIO, **changes)) == said


INFINITE = "301 errors of 1,204 requests; the primary: 0 errors of 9,120 requests; a ratio of infinite"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "error rate: pass. 0 errors of 1,204 requests; the primary: 0 errors of 9,120 requests. Allowed",
        ),
        ({"value": inf, "own": 0.25}, INFINITE),
        (
            {"value": 2.0, "own": 0.5, "reference": 0.25},
            "2,280 errors of 9,120 requests; 2 times the primary's. Allowed",
        ),
        ({"reference": None, "n_reference": 0}, "the primary: missing; neither ratio nor difference can be told"),
        ({"bound": "max", "value": 0.25, "limit": 0.1}, "pass. 301 errors of 1,204 requests. Allowed: at most 0.1."),
        ({"bound": "max", "value": 0.0, "limit": 0.0}, "0 errors of 1,204 requests. Allowed: at most zero."),
        (
            {"bound": "max_increase", "value": 0.0, "limit": 0.02},
            "zero above the primary's. Allowed: at most 0.02 above",
        ),
        (
            {"metric": "latency_p99", "own": 0.12, "reference": 0.1, "value": 1.2},
            "120 ms; the primary: 100 ms; 1.2 times",
        ),
        ({"metric": "input_drift", "bound": "max_psi", "value": 0.3}, "a PSI of 0.3. Allowed: a PSI of at most 1.5"),
        ({"metric": "accuracy", "bound": "min", "value": 0.0, "limit": 0.9}, "pass. zero. Allowed: at least 0.9"),
    ],
)
def test_what_a_verdict_says(changes: dict[str, object], said: str) -> None:
    assert said in words_of(replace(RATIO, **changes))["says"]


def test_what_it_rests_on_and_what_would_change_it() -> None:
    words = words_of(replace(RATIO, lost=3), "then", log(1000.0))
    assert words["on"] == "1,204 inferences of v2, 3 more were lost, since then"
    assert (
        words["changes"]
        == "It fails once there is enough evidence (evidence of a breach is 1 to 1, 1,000 to 1 is needed)."
    )
    assert "stands for this release" in words_of(replace(RATIO, outcome="fail"))["changes"]
    assert "Nothing will at the present rate" in words_of(replace(RATIO, outcome="undecided"))["changes"]
    assert words_of(replace(RATIO, n=0))["on"] == "nothing yet"
    warming = replace(RATIO, n=0, sentence="error_rate: warming up: 9 so far")
    assert "undecided. Warming up: 9 so far. Allowed" in words_of(replace(warming, outcome="undecided"))["says"]
    assert words_of(RATIO, "then", until="later")["on"] == "1,204 inferences of v2, since then, until later"


def test_figures_that_are_none() -> None:
    assert [figure(each) for each in (None, nan, inf, -inf, 0.0, "inf")] == [
        *("missing", "no number", "infinite", "minus infinite", "zero", "infinite")
    ]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_evidence_can_be_said(log_evidence: float) -> None:
    assert odds(log_evidence)


def test_counts_that_began_later_do_not_claim_the_beginning_of_the_release() -> None:
    line = Verdict("error_rate", "fail", inf, 1.5, 17, 0, "error_rate (n=17 of 132, since the evidence began, lost=0)")
    assert words_of(line, "03:04:05")["on"] == "17 inferences of the candidate, since the evidence began"
    live = Verdict("error_rate", "pass", 0.0, 1.5, 54, 0, "", n_shadow=293)
    assert (
        words_of(live, "03:04:05")["on"] == "54 inferences of the candidate, since it had its first request of a client"
    )


def test_a_verdict_of_what_was_rolled_back_waits_for_nothing() -> None:
    line = Verdict("refusal_rate", "undecided", 0.0, 0.05, 50, 0, "", needed=50)
    assert "about 50 more" in words_of(line)["changes"]
    assert words_of(line, ended=True)["changes"].startswith("It is judged no more, since the version was rolled back")
