"""What is held of a run: each finding on a small case that has it, and on one that has not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.process.chaos import findings
from tests.process.chaos.clients import Answer, Result, result_of
from tests.process.chaos.findings import Command, Sample, Seen, settled
from tests.process.chaos.run import read
from tests.process.chaos.schedule import Fault

HUNG = Fault(10.0, 1.0, "primary-hung")


def document(split: float = 0.0, phase: str = "steady", rolled_back: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"phase": phase, "primary": "a", "split": {"b": split}, "rolled_back": list(rolled_back)}


def command(at: float, status: int = 200, what: str = "split", **state: Any) -> Command:
    return Command(at, at + 0.1, "r", document(**state) if status == 200 else {}, what, status)


def seen(at: float, **state: Any) -> Seen:
    return Seen(at, at + 0.1, "r", document(**state))


def sample(at: float, born: float = 1.0, **values: float) -> Sample:
    return Sample(at, {"process_start_time_seconds": born} | values)


def test_results_need_a_fault() -> None:
    late = Result("weak", 10.5, 11.5, "504 response_timeout")
    assert findings.of_clients([late, Result("weak", 0.0, 0.1, "good")], [HUNG]) == []
    assert len(findings.of_clients([late], [])) == 1


def test_answers_are_told_apart() -> None:
    problem = Answer(503, {"content-type": "application/problem+json"}, b'{"reason": "draining"}')
    assert result_of(1, problem) == "503 draining"
    assert result_of(1, Answer(200, {}, b'{"prediction": 1}')) == "good"
    assert result_of(1, Answer(200, {}, b'{"prediction": 2}')) == "wrong"
    for status, body in ((200, b'{"prediction": NaN}'), (500, b""), (200, b"x")):
        assert result_of(1, Answer(status, {}, body)) == "as it is"


def test_counters_go_back_with_their_process_alone() -> None:
    up = [sample(0.0, penumbra_x_total=2.0), sample(1.0, penumbra_x_total=3.0)]
    assert findings.of_counters(up) == []
    (told,) = findings.of_counters([*up, sample(2.0, penumbra_x_total=1.0)])
    assert told == "penumbra_x_total went from 3 to 1 at 2.00 s"
    assert findings.of_counters([*up, sample(2.0, born=2.0, penumbra_x_total=1.0)]) == []
    assert findings.of_counters([sample(0.0, penumbra_split_percent=2.0), sample(1.0)]) == []


def test_requests_are_counted_by_assignment_and_refusal() -> None:
    text = """# HELP
penumbra_requests_total{route="r",version="a",role="primary",code="200"} 5.0
penumbra_requests_total{route="r",version="b",role="canary",code="502"} 2.0
penumbra_requests_total{route="r",version="a",role="rescue",code="200"} 2.0
penumbra_requests_total{route="q",version="a",role="primary",code="200"} 9.0
penumbra_rejected_total{route="r",reason="overloaded"} 1.0
"""
    assert findings.counted(Sample(0.0, read(text)), "r") == 8.0


def test_pairs_have_a_result_or_wait() -> None:
    text = """penumbra_pairs_due_total{route="r"} 10.0
penumbra_pairs_total{route="r",version="s",result="agrees",reason=""} 8.0
penumbra_pairs_total{route="r",version="s",result="lost",reason="memory"} 3.0
penumbra_shadow_dropped_total{route="r",version="s",reason="memory"} 3.0
penumbra_pairs_waiting{route="r"} %s
"""
    assert findings.of_pairs(Sample(0.0, read(text % 2)), "r") == []
    assert len(findings.of_pairs(Sample(0.0, read(text % 1)), "r")) == 1


def test_an_acknowledged_change_stays_until_the_next() -> None:
    commands = settled([command(1.0, split=5.0), command(2.0, split=7.0)])
    assert findings.of_changes([seen(1.5, split=5.0), seen(2.5, split=7.0)], commands) == []
    (told,) = findings.of_changes([seen(2.5, split=5.0)], commands)
    assert "split of 2.00 s is gone" in told
    assert findings.of_changes([seen(1.95, split=5.0)], commands) == [], "it was under way"


def test_a_refused_change_has_changed_nothing_and_a_lost_answer_says_nothing() -> None:
    refused = settled([command(1.0, split=5.0), command(2.0, 503)])
    assert findings.of_changes([seen(3.0, split=5.0)], refused) == []
    assert len(findings.of_changes([seen(3.0, split=9.0)], refused)) == 1
    lost = settled([command(1.0, split=5.0), command(2.0, 0), command(3.0, 503)])
    assert findings.of_changes([seen(4.0, split=9.0)], lost) == []


def test_a_healthy_version_is_not_rolled_back_by_itself() -> None:
    gone: dict[str, Any] = {"phase": "rolled_back", "rolled_back": ("b",)}
    (told,) = findings.of_rollbacks([seen(1.0), seen(2.0, **gone), seen(3.0, **gone)], [], ("r",))
    assert "false alarm at 2.00 s" in told
    assert findings.of_rollbacks([seen(1.0), seen(2.0, **gone)], [], ("other",)) == []
    asked = command(1.5, what="rollback {}", **gone)
    assert findings.of_rollbacks([seen(1.0), seen(2.0, **gone)], [asked], ("r",)) == []


def test_what_was_rolled_back_comes_back_by_a_command_alone() -> None:
    gone: dict[str, Any] = {"phase": "rolled_back", "rolled_back": ("b",)}
    (told,) = findings.of_rollbacks([seen(2.0, **gone), seen(5.0)], [], ())
    assert "is back at 5.00 s" in told
    assert findings.of_rollbacks([seen(2.0, **gone), seen(5.0)], [command(4.0)], ()) == []


def test_the_longest_silence_is_one_that_nothing_excuses() -> None:
    answered = [(0.0, 0.1), (0.5, 0.6), (1.0, 4.0), (4.5, 4.6)]
    assert findings.longest_silence(answered, []) == 3.4
    assert findings.longest_silence(answered, [(3.0, 3.5)]) == pytest.approx(0.6)
    assert findings.longest_silence([], []) == 0.0


def test_tracebacks_are_found_and_growth_is_measured() -> None:
    lines = [{"event": "x failed", "error": "Traceback (most recent call last): …"}, {"event": "listening"}]
    assert len(findings.of_log(lines * 2)) == 1
    assert findings.of_growth({"worker": 10}, {"worker": 20, "new": 99}, 10, "bytes") == []
    assert findings.of_growth({"worker": 10}, {"worker": 21}, 10, "bytes") == ["worker has 21 bytes, 10 before"]
