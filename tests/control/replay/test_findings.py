"""What a report says beside the verdict."""

from __future__ import annotations

from proxy.contracts.replay import MAX_WORST
from proxy.control.replay import findings
from proxy.control.replay.asking import Replayed
from proxy.control.replay.judge import ReplayJudge
from tests.support.replayed import answer, exchange, live, other, trial


def judged(count: int = 120) -> ReplayJudge:
    judge = ReplayJudge(trial())
    for number in range(count):
        body = b"<html>" if number == 7 else other(number) if number % 10 == 0 else answer(number)
        judge.take(Replayed(exchange(number), live(body)))
    judge.end()
    return judge


def test_outcomes_are_of_each_arm() -> None:
    recorded, candidate = findings.outcomes(judged())
    assert (recorded.arm, recorded.version, recorded.codes) == ("recorded", "v1", {"200": 120})
    assert (candidate.arm, candidate.outcomes, candidate.invalid) == (
        "candidate",
        {"good": 120},
        {"unreadable_body": 1},
    )


def test_the_worst_disagreements_are_named() -> None:
    found = findings.agreement(judged())
    assert (found.pairs, found.disagreements, len(found.worst)) == (120, 13, MAX_WORST)
    assert found.ratio == 13 / 120
    assert {"request", "primary", "candidate"} == set(found.worst[0].detail)


def test_before_the_first_exchange_nothing_is_known() -> None:
    judge = ReplayJudge(trial())
    assert findings.agreement(judge).ratio is None
    assert (findings.outcomes(judge), findings.drift(judge), findings.distributions(judge)) == ((), (), ())
    assert (findings.latencies(judge), findings.finding(judge)) == ((), "")


def test_features_and_distributions_are_of_the_profile() -> None:
    judge = judged(1500)
    rows, shapes = findings.drift(judge), findings.distributions(judge)
    assert {row.arm for row in rows} == {"recorded", "candidate"}
    assert shapes[0].side == "prediction" and set(shapes[0].shares) >= {"reference", "candidate"}
    for shape in shapes:
        bins = len(shape.edges) + 1 if shape.kind == "number" else len(shape.categories)
        assert all(abs(sum(shares) - 1.0) < 1e-6 and len(shares) >= bins for shares in shape.shares.values())


def test_times_are_of_answers() -> None:
    (recorded, candidate) = findings.latencies(judged())
    assert (recorded.arm, candidate.arm, candidate.n) == ("recorded", "candidate", 120)
    assert abs(candidate.mean - 0.01) < 1e-9
    assert all(abs(candidate.quantiles[name] - 0.01) < 0.0002 for name in ("p50", "p99", "max"))
