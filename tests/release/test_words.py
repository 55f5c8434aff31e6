"""What a verdict says in words: what is infinite, missing or zero is called so."""

from __future__ import annotations

from math import inf, isfinite, nan

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.metrics import METRICS
from proxy.contracts.release import Verdict
from proxy.release.limits import VALUES
from proxy.release.sentences import odds
from proxy.release.words import figure, words_of

figures = st.one_of(st.none(), st.sampled_from([0.0, inf, 1e-9, 1e9, 0.5]), st.floats(0.0, 1e6))

verdicts = st.builds(
    Verdict,
    metric=st.sampled_from(sorted(METRICS)),
    outcome=st.sampled_from(["pass", "fail", "undecided"]),
    value=figures,
    limit=st.floats(0.0, 100.0),
    n=st.integers(0, 10**9),
    lost=st.integers(0, 10**6),
    sentence=st.just(""),
    needed=st.one_of(st.none(), st.integers(0, 10**9)),
    version=st.sampled_from(["", "v2"]),
    bound=st.sampled_from(sorted(VALUES)),
    reference=figures,
    log_breach=st.floats(-1e4, 1e6),
    moot=st.booleans(),
)


@given(verdicts, st.sampled_from(["", "2026-11-29 03:04:05 UTC"]), st.one_of(st.none(), st.floats(1.0, 20.0)))
def test_no_verdict_says_a_number_that_is_none(verdict: Verdict, since: str, threshold: float | None) -> None:
    words = words_of(verdict, since, threshold)
    said = " ".join(words.values())
    assert not {"inf", "nan", "None", "undefined", "null"} & set(said.replace(",", " ").replace(";", " ").split())
    assert verdict.outcome in words["says"]
    assert since in words["on"]
    assert f"{verdict.n:,}" in words["on"] or not verdict.n
    assert words["changes"]


@given(verdicts)
def test_what_is_infinite_and_what_are_two_zeros_are_told_apart(verdict: Verdict) -> None:
    said = words_of(verdict)["says"]
    if not verdict.n:
        assert "no data" in said
    elif verdict.bound == "max_ratio" and verdict.value is not None:
        assert ("infinite" in said.partition(";")[0]) == (not isfinite(verdict.value) or verdict.reference == inf)
    elif verdict.bound == "max_ratio" and verdict.reference == 0.0:
        assert "both are zero" in said


@given(verdicts, st.integers(0, 10**9))
def test_an_undecided_verdict_says_what_it_needs(verdict: Verdict, needed: int) -> None:
    verdict = replace(verdict, outcome="undecided", needed=needed, moot=False)
    assert f"{needed:,}" in words_of(verdict)["changes"]


def test_figures_that_are_none() -> None:
    assert [figure(each) for each in (None, nan, inf, -inf, 0.0, "inf")] == [
        *("missing", "no number", "infinite", "minus infinite", "zero", "infinite")
    ]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_evidence_can_be_said(log_evidence: float) -> None:
    assert odds(log_evidence)
