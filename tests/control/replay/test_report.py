"""The report of a judge."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from proxy.contracts.grpc_status import HTTP_STATUS
from proxy.contracts.identity import Identity
from proxy.contracts.replay import AnsweredAs, CaptureFacts, Ending, ReplayReport, Run, decode, encode, settled
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.control.replay.asking import NO_INFERENCE, LiveAnswer, Replayed
from proxy.control.replay.judge import ReplayJudge
from proxy.control.replay.report import HINTS, report_of
from tests.support.replayed import answer, exchange, live, other, settings, trial

CAPTURE = CaptureFacts("ab", ("records.jsonl",), False, 1, 1.0, 2.0)


def reported(judge: ReplayJudge, ending: Ending = "complete", began: float = 1.0) -> ReplayReport:
    run = Run(began, began + 2.0, 2.0, 0.5, 0.1, judge.sent)
    return report_of(judge, settings(), CAPTURE, ending, run, ("http://c/", ""))


def judged(count: int, timed: bool = False, **facts: object) -> ReplayJudge:
    judge = ReplayJudge(trial(timed=timed))
    for number in range(count):
        primary = live(answer(number)) if timed else None
        judge.take(Replayed(exchange(number, **facts), live(answer(number)), primary))
    return judge


def test_a_report_is_a_document() -> None:
    report = reported(judged(500))
    assert report.verdict == "pass" and report.needed is None
    assert decode(encode(report)) == report
    assert (report.counts.sent, report.counts.answered, report.counts.lost) == (500, 500, 0)


def test_the_same_answers_give_the_same_bytes_but_for_times() -> None:
    first, second = (reported(judged(250), began=began) for began in (1.0, 9.0))
    assert encode(first) != encode(second)
    assert encode(settled(first)) == encode(settled(second))


def test_times_are_in_the_run_or_not_judged() -> None:
    alone, beside = reported(judged(250)), reported(judged(250, timed=True))
    assert [line.metric for line in alone.lines if line.moot and "not judged:" in line.sentence].count("latency_p99")
    assert alone.run is not None and not alone.run.lines and any("latency" in note for note in alone.notes)
    assert beside.run is not None and [line.metric for line in beside.run.lines] == ["latency_p99"]
    assert not any(line.metric == "latency_p99" for line in beside.lines)


def test_what_was_left_out_is_named() -> None:
    judge = judged(300)
    judge.skip(exchange(1), "no body")
    judge.skip(exchange(2), NO_INFERENCE)
    report = reported(judge)
    assert report.counts.skipped == {"no body": 1, NO_INFERENCE: 1}
    assert any(note.startswith("0.3% of the exchanges") and "1 x no body" in note for note in report.notes)


def test_an_interrupted_replay_says_what_it_has() -> None:
    report = reported(judged(40), "interrupted")
    assert (report.verdict, report.ending) == ("undecided", "interrupted")
    assert report.sentence.startswith("interrupted: ") and report.needed


def test_a_breach_is_a_breach_however_it_ended() -> None:
    judge = ReplayJudge(trial())
    for number in range(60):
        judge.take(Replayed(exchange(number), live(other(number))))
    assert reported(judge, "interrupted").verdict == "fail"


def test_a_route_that_does_not_fit_the_capture_is_told() -> None:
    report = reported(judged(300, response=b"0.5 and no more"))
    assert report.verdict != "pass"
    assert any(note.startswith("300 of 300 recorded answers are none") for note in report.notes)
    assert not any("answers are none" in note for note in reported(judged(300)).notes)


def test_recorded_answers_of_another_version_are_named() -> None:
    assert any("those of v0" in note for note in reported(judged(20, version="v0")).notes)


def test_calls_that_ended_with_any_status_are_answered() -> None:
    judge = ReplayJudge(trial())
    for number in range(12):
        answers = live(answer(number), call=0), live(b"", status=501, call=12), LiveAnswer(failure="reset")
        judge.take(Replayed(exchange(number), answers[number % 3]))
    report = reported(judge)
    assert (report.counts.sent, report.counts.answered, report.counts.lost) == (12, 8, 4)
    assert report.outcomes[-1].codes == {"grpc:0": 4, "grpc:12": 4, "reset": 4}


@pytest.mark.parametrize(
    ("status", "told"),
    [(429, "refused 10 of 10 requests (429)"), (503, "failed 10 of 10 requests (503)"), (0, "reset")],
)
def test_what_the_candidate_did_in_place_of_answering_comes_first(status: int, told: str) -> None:
    """It is no disagreement about answers."""
    alone = Guard({"disagreement": Limit(max=0.02)}, 0.01)
    judge = ReplayJudge(trial(release=None, guard=alone))
    for number in range(10):
        judge.take(Replayed(exchange(number), live(b"{}", status, failure="" if status else "reset")))
    report = reported(judge)
    assert report.sentence.startswith("the candidate ") and told in report.sentence.partition(": ")[0]
    assert any("429: too many requests" in note for note in report.notes) == (status == 429)


@pytest.mark.parametrize(("failing", "told"), [(10, True), (5, True), (4, False)])
@pytest.mark.parametrize("code", sorted(HINTS))
def test_a_code_of_most_answers_says_what_to_do(code: str, failing: int, told: bool) -> None:
    """A model that is asked at the wrong address, or without its key, is no model that disagrees."""
    judge = ReplayJudge(trial())
    call = int(code.partition(":")[2] or -1)
    status = HTTP_STATUS[call] if call >= 0 else int(code)
    for number in range(10):
        bad = number < failing
        judge.take(Replayed(exchange(number), live(b"{}", status, call=call) if bad else live(answer(number))))
    assert any(f"answers are {code}: {HINTS[code]}" in note for note in reported(judge).notes) == (
        told or code == "429"
    )


def test_a_candidate_that_answers_is_told_by_its_answers() -> None:
    judge = ReplayJudge(trial())
    for number in range(60):
        judge.take(Replayed(exchange(number), live(other(number), 200 if number % 3 else 500)))
    assert not reported(judge).sentence.startswith("the candidate")


def test_who_answered_is_named_by_a_header_too() -> None:
    judge = ReplayJudge(trial(analysis=Analysis(identity=Identity("header", "x-build"))))
    for number in range(40):
        came = live(answer(number))
        came.fields += b"x-build: %d\r\n" % (number == 7)
        judge.take(Replayed(exchange(number), came))
    assert [each.identity for each in reported(judge).answered_as] == ["x-build=0"], "and an odd one is nobody"


def test_who_answered_is_named_by_the_model_that_was_asked_for() -> None:
    judge = ReplayJudge(trial())
    for number in range(60):
        body = json.dumps(json.loads(answer(number)) | {"model_version": str(number // 30)}).encode()
        judge.take(Replayed(exchange(number), live(body)))
    found = reported(judge)
    assert [each.identity for each in found.answered_as] == [f"model_name=m, model_version={at}" for at in "01"]
    assert found.mixed == tuple(each.identity for each in found.answered_as)
    alone = replace(found, answered_as=(AnsweredAs("a", "x"), AnsweredAs("b", "y")))
    assert alone.mixed == (), "another was asked for"
