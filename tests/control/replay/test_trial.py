"""The trial of a candidate: the route as configured, with one arm more or less."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.settings import Baseline, Guard, Limit
from proxy.contracts.table import Share, Version
from proxy.control.replay.trial import UnfitTrialError, default_candidate, is_timed, trial_of
from tests.support import replayed

V2 = Version("v2", "127.0.0.1", 1, "127.0.0.1:1")


def test_times_are_judged_only_beside_a_primary() -> None:
    alone, beside = replayed.trial(), replayed.trial(timed=True)
    assert "latency_p99" not in alone.guard.scorecard and "latency_p99" in beside.guard.scorecard
    (line,) = alone.unjudged
    assert (line.metric, line.outcome, line.moot) == ("latency_p99", "undecided", True)
    assert "--primary" in line.sentence
    assert beside.unjudged == ()


def test_the_scorecard_and_its_false_alarm_are_those_of_the_release() -> None:
    trial = replayed.trial(timed=True)
    release = replayed.section().release
    assert release is not None
    assert trial.guard.scorecard == release.guard.scorecard
    assert trial.guard.false_alarm == release.guard.false_alarm == 0.01


def test_an_early_pass_wants_the_requests_of_the_longest_stage() -> None:
    assert replayed.trial().requests == 300
    assert replayed.trial(release=None).requests == 100


def test_a_trial_acts_on_nothing_and_ends_by_proof() -> None:
    (route,) = replayed.trial().settings.routes
    assert route.release is not None and route.release.guard.on_breach == "notify"
    assert route.release.proof_at(0)


def test_what_is_left_out_is_named() -> None:
    (note,) = replayed.trial(baseline=Baseline("v3")).notes
    assert "baseline" in note


def test_a_route_without_a_release_is_held_to_its_own_scorecard() -> None:
    guard = Guard({"disagreement": Limit(max=0.5)}, 0.05)
    assert replayed.trial(release=None, guard=guard).guard.scorecard == guard.scorecard


@pytest.mark.parametrize(
    ("route", "candidate", "changes"),
    [("other", "v2", {}), ("cancer", "v1", {}), ("cancer", "v2", {"protocol": "opaque"})],
)
def test_what_cannot_be_tried_is_refused(route: str, candidate: str, changes: dict[str, str]) -> None:
    with pytest.raises(UnfitTrialError):
        trial_of(replayed.settings(**changes), route, replace(V2, name=candidate), False)


def test_the_candidate_is_the_one_that_the_route_is_about_to_try() -> None:
    assert default_candidate(replayed.section()) == "v2"
    assert default_candidate(replayed.section(release=None, shadows=(Share("v3", 100.0),))) == "v3"
    assert default_candidate(replayed.section(release=None)) == "candidate"
    several = (Share("v3", 10.0), Share("v2", 10.0))
    assert default_candidate(replayed.section(release=None, split=several)) == "candidate"


def test_times_are_lines_in_seconds() -> None:
    assert is_timed("latency_p99") and is_timed("time_to_first_token") and not is_timed("error_rate")


def test_no_prediction_waits_for_labels_that_a_capture_has_not() -> None:
    whole = replayed.trial()
    assert whole.settings.routes[0].analysis.wait > 0.0
    bare = whole.unlabelled()
    assert bare.settings.routes[0].analysis.wait == 0.0
    assert (bare.section, bare.guard) == (whole.section, whole.guard)
