"""A candidate's answers beside recorded ones, through the statistics and the scorecard of production."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from proxy.contracts.table import Match
from proxy.control.replay.asking import NO_INFERENCE, Compared, Replayed, why_not
from proxy.control.replay.judge import Decision, ReplayJudge, reasons
from tests.support.replayed import answer, exchange, live, other, trial


def judged(count: int, says: Callable[[int], bytes], everything: bool = False, **changes: object) -> ReplayJudge:
    judge = ReplayJudge(trial(**changes))  # type: ignore[arg-type]
    for number in range(count):
        judge.take(Replayed(exchange(number), live(says(number))))
        if judge.decided and not everything:
            break
    return judge


def differs(part: float, seed: int = 1) -> Callable[[int], bytes]:
    random = Random(seed)
    return lambda number: other(number) if random.random() < part else answer(number)


def test_the_same_model_passes_by_proof_and_not_before_its_requests() -> None:
    few, enough = judged(250, answer), judged(600, answer)
    for judge in (few, enough):
        judge.surveyed()
    assert few.decided is None
    assert enough.decided is not None and enough.decided.outcome == "pass"
    proved = {line.metric for line in enough.decided.lines if line.proved}
    assert proved >= {"error_rate", "invalid_rate", "disagreement"}


def test_what_the_beginning_of_a_capture_proves_is_no_pass() -> None:
    judge = judged(2000, answer)
    assert judge.decided is None
    judge.in_part = True
    assert judge.end().outcome == "undecided" and "beginning" in judge.end().sentence
    judge.in_part = False
    assert judge.end().outcome == "pass"


def test_a_pass_for_want_of_evidence_waits_for_the_end_of_the_capture() -> None:
    """Three in a hundred differ where two may: no breach yet, and no reason to stop while there is more."""
    judge = judged(400, lambda number: other(number) if number % 33 == 7 else answer(number))
    judge.surveyed()
    assert judge.decided is None
    assert judge.end().outcome in ("pass", "undecided")


def test_a_model_that_disagrees_fails_at_once() -> None:
    judge = judged(2000, differs(0.3))
    assert judge.decided is not None and judge.decided.outcome == "fail"
    assert "disagreement" in judge.decided.sentence and judge.sent < 100


def test_garbage_and_errors_fail() -> None:
    garbage = judged(200, lambda number: b"<html>")
    assert garbage.decided is not None and garbage.decided.outcome == "fail"
    failing = ReplayJudge(trial())
    for number in range(100):
        failing.take(Replayed(exchange(number), live(b"", status=500)))
    assert failing.decided is not None and failing.decided.outcome == "fail"
    assert any(line.metric == "error_rate" and line.outcome == "fail" for line in failing.end().lines)


def test_a_breach_stands_however_it_goes_on() -> None:
    judge = judged(1500, lambda number: other(number) if number < 60 else answer(number), everything=True)
    assert judge.decided is not None and judge.decided.outcome == "fail"
    assert judge.end() == judge.decided
    assert judge.sent == 1500


def test_too_few_requests_are_undecided_and_say_how_many_more() -> None:
    found = judged(50, answer).end()
    assert found.outcome == "undecided" and found.needed is not None and found.needed > 0


def test_nothing_is_undecided() -> None:
    judge = ReplayJudge(trial())
    assert judge.end().outcome == "undecided"
    judge.skip(exchange(1), "the body was not captured")
    assert "1 x the body was not captured" in judge.end().sentence


def end_with(skipped: int, reason: str) -> Decision:
    judge = ReplayJudge(trial())
    for number in range(skipped):
        judge.skip(exchange(number), reason)
    for number in range(600):
        judge.take(Replayed(exchange(number), live(answer(number))))
    return judge.end()


def test_too_much_that_was_not_replayed_holds_a_pass_back() -> None:
    assert end_with(10, "no body").outcome == "pass"
    held = end_with(100, "no body")
    assert held.outcome == "undecided" and "100 x no body" in held.sentence
    assert end_with(100, NO_INFERENCE).outcome == "pass"


def test_a_breach_does_not_wait_for_what_was_not_replayed() -> None:
    judge = ReplayJudge(trial())
    for number in range(500):
        judge.skip(exchange(number), "no body")
    for number in range(60):
        judge.take(Replayed(exchange(number), live(other(number))))
    assert judge.end().outcome == "fail"


def test_two_judges_of_the_same_answers_say_the_same() -> None:
    first, second = (judged(800, differs(0.03), everything=True).end() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("seed", range(10))
def test_equal_candidates_do_not_fail(seed: int) -> None:
    """Each differs from the recorded answers as often as the limit lets it, and no more."""
    judge = judged(1000, differs(0.01, seed), everything=True)
    assert judge.end().outcome != "fail"


def test_labels_judge_the_quality_of_both() -> None:
    judge = ReplayJudge(trial())
    for number in range(100):
        judge.take(Replayed(exchange(number, label=number % 2), live(answer(number))))
    assert judge.labels == 100


def test_noise_of_the_primary_is_counted_and_times_are_judged_beside_it() -> None:
    judge = ReplayJudge(trial(timed=True))
    for number in range(300):
        judge.take(Replayed(exchange(number), live(answer(number)), live(answer(number)), live(other(number))))
    found = judge.end()
    assert judge.rehearsal is not None
    noise = judge.rehearsal.board.agreement("cancer", "v1", "noise")
    assert (noise.pairs, noise.disagreements) == (300, 300)
    assert any(line.metric == "latency_p99" and line.n for line in found.lines)


def test_what_is_there_because_it_is_rare_is_shown_and_no_evidence() -> None:
    judge = ReplayJudge(trial())
    for number in range(200):
        found = exchange(number)
        assert found.asked is not None
        rare = replace(found, asked=replace(found.asked, extra=True))
        judge.take(Replayed(rare, live(other(number))))
    assert (judge.sent, judge.rare_sent, judge.end().outcome) == (0, 200, "undecided")
    assert judge.rare is not None and judge.rare.board.agreement("cancer", "v2").disagreements == 200
    judge.close()


def test_reasons_are_told_the_commonest_first() -> None:
    assert reasons({"a": 1, "b": 2000}.items()) == "2,000 x b; 1 x a"


def test_a_file_that_may_have_been_cut_gives_no_pass_and_fails_as_others_do() -> None:
    good, bad = judged(600, answer), judged(2000, differs(0.3))
    for judge in (good, bad):
        judge.unfinished = "records"
        judge.surveyed()
    assert good.decided is None
    assert good.end().outcome == "undecided" and "records has no seal" in good.end().sentence
    assert bad.end().outcome == "fail"


def test_calls_that_nobody_reads_count_by_their_status_alone() -> None:
    fields = b"content-type: application/grpc\r\n"
    facts = {"path": "/a.Service/Do", "request_fields": fields, "call": 0, "response": None}

    def judge_of(*ends: int) -> ReplayJudge:
        judge = ReplayJudge(trial(protocol="grpc", match=Match("/")))
        for number in range(400):
            called = exchange(number, **facts)
            assert why_not(called, False, Compared(())) == ""
            judge.take(Replayed(called, live(b"odd", call=ends[number % len(ends)])))
            if judge.decided:
                break
        return judge

    judge = judge_of(0)
    lines = {line.metric: line for line in judge.end().lines}
    assert (judge.unread, judge.sent, lines["error_rate"].outcome) == (400, 400, "pass")
    assert lines["disagreement"].n == 0 and lines["disagreement"].lost == 0
    failed = judge_of(0, 12).end()
    assert failed.outcome == "fail" and "error_rate" in failed.sentence


def test_streams_that_are_not_replayed_hold_a_pass_back_and_are_named() -> None:
    judge = judged(600, answer)
    stream = exchange(1, path="/inference.GRPCInferenceService/ModelStreamInfer", call=0, response=None)
    for _ in range(100):
        judge.skip(stream, why_not(stream, False, Compared(())))
    decided = judge.end()
    assert (
        decided.outcome == "undecided"
        and "100 x the answer to it cannot be compared: it is a stream" in decided.sentence
    )
