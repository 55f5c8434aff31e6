"""The worst examples: bounded, ordered, redacted."""

import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Observation, Tensor, Text
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.examples import MAX_EXAMPLES, MAX_SHOWN, MAX_SIDE, REDACTED, Example, Examples, redact
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.door import admitted
from tests.support.observed import observation


def leg(exchange: int = 1, value: float = 1.0, status: int = 200, text: Text | None = None) -> Observation:
    inputs = (Tensor("", 1, 2, "number", [value, 2.0], ("age", "a/b")),)
    outputs = (Tensor("score", 1, 1, "number", [value]),)
    return observation(
        (0, "a"), exchange, f"id{exchange}", "r", "v2", "shadow", 0.0, status, "", 5.0, 0, 0, 0, inputs, outputs, text
    )


def test_the_worst_are_kept_worst_first() -> None:
    examples = Examples()
    for at in range(100):
        examples.update(leg(), leg(at), AnswerDifference(True, "number", float(at % 50)))
    kept = examples.worst()
    assert len(kept) == MAX_EXAMPLES
    assert [each.shift for each in kept[:4]] == [49.0, 49.0, 48.0, 48.0]


def test_an_example_shows_request_and_both_answers() -> None:
    examples = Examples()
    examples.update(leg(value=3.0), leg(2, 4.0), AnswerDifference(True, "number", 1.0))
    (example,) = examples.worst()
    assert example.detail == {
        "request": {"age": 3.0, "a/b": 2.0},
        "primary": {"score": 3.0},
        "candidate": {"score": 4.0},
    }
    assert (example.request_id, example.kind, example.started) == ("id2", "number", 5.0)


def test_a_failed_call_shows_its_status_and_what_the_version_said_unless_that_is_redacted() -> None:
    failed = replace(leg(2, status=500), call=13, detail="no GPU left")
    for hidden, shown in (((), "no GPU left"), (("/candidate/message",), REDACTED)):
        examples = Examples(hidden)
        examples.update(leg(), failed, AnswerDifference(True, "status"))
        (example,) = examples.worst()
        assert example.detail["candidate"] == {"status": "grpc:13 INTERNAL", "failure": "", "message": shown}


def test_a_failed_copy_and_a_text() -> None:
    examples = Examples()
    examples.update(
        leg(text=Text("hello", "stop", (("f", "{}"),))), leg(2, status=500), AnswerDifference(True, "status")
    )
    (example,) = examples.worst()
    assert example.detail["candidate"] == {"status": 500, "failure": ""}
    assert example.detail["primary"]["tools"] == [{"name": "f", "arguments": "{}"}]


def test_pointers_take_out_what_must_not_be_shown() -> None:
    examples = Examples(["/request/age", "/request/a~1b", "/candidate", "/nowhere/x", "/request/no"])
    examples.update(leg(), leg(), AnswerDifference(True, "number", 1.0))
    assert examples.worst()[0].detail == {
        "request": {"age": REDACTED, "a/b": REDACTED},
        "primary": {"score": 1.0},
        "candidate": REDACTED,
    }
    redact([], ["x"])
    redact({}, [])


def test_wide_answers_are_cut() -> None:
    wide = observation((0, "a"), 1, "", "r", "v", "primary", 0.0, 200, "", 0, 0, 0)
    wide = replace(wide, outputs=(Tensor("e", 1, 5000, "number", [0.0] * 5000),))
    examples = Examples()
    examples.update(wide, wide, AnswerDifference(True, "vector", 1.0))
    assert len(examples.worst()[0].detail["primary"]) == MAX_SHOWN


def test_what_is_no_number_is_the_worst_and_keeps_nothing_else_out() -> None:
    examples = Examples()
    for at in range(MAX_EXAMPLES + 1):
        examples.update(leg(), leg(at), AnswerDifference(True, "number", float("nan") if at == 0 else float(at)))
    assert [each.request_id for each in examples.worst()] == ["id0", *(f"id{at}" for at in range(MAX_EXAMPLES, 1, -1))]


def one(mine: Observation, other: Observation, *redacted: str) -> Example:
    examples = Examples(redacted)
    examples.update(mine, other, AnswerDifference(True, "label", 1.0))
    return examples.worst()[0]


def test_an_example_says_whether_it_shows_everything() -> None:
    widths = MAX_SHOWN, MAX_SHOWN + 1
    few, many = (replace(leg(), outputs=(Tensor("e", 1, width, "number", [0.0] * width),)) for width in widths)
    assert not one(leg(), few).truncated
    assert one(leg(), many).truncated
    short, long = (leg(text=Text("x" * length, tools=(("f", "{}"),))) for length in (100, 10_000))
    assert not one(leg(), short).truncated
    assert one(leg(), long).truncated and len(one(leg(), long).detail["candidate"]["text"]) < 10_000


def test_a_side_has_a_bounded_size_however_long_its_names_and_values_are() -> None:
    columns = tuple(f"{at}" + "n" * 500 for at in range(MAX_SHOWN))
    long = admitted(replace(leg(), inputs=(Tensor("", 1, MAX_SHOWN, "category", ["v" * 500] * MAX_SHOWN, columns),)))
    called = replace(leg(), text=Text("t", tools=(("f" * 100, "a" * 5000),) * 64))
    example = one(long, called)
    assert example.truncated
    for side in ("request", "candidate"):
        assert 0.7 * MAX_SIDE < len(str(example.detail[side])) < 1.2 * MAX_SIDE


@pytest.mark.parametrize("pointer", ["/request/{}", "/request/{}[1]"])
def test_a_pointer_to_a_long_name_takes_out_what_was_shortened(pointer: str) -> None:
    name, width = "n" * 500, 1 + pointer.endswith("]")
    long = admitted(replace(leg(), inputs=(Tensor(name, 1, width, "category", ["a", "secret"][-width:]),)))
    shown = one(long, leg(), pointer.format(name)).detail["request"]
    assert list(shown.values())[-1] == REDACTED


def test_the_row_that_differs_is_shown_with_what_was_found() -> None:
    batch = (Tensor("y", 3, 1, "number", [1.0, 2.0, 3.0]),)
    legs = [replace(leg(), outputs=batch), replace(leg(2), outputs=(Tensor("y", 3, 1, "number", [1.0, 9.0, 3.0]),))]
    difference = compare(legs[0], legs[1])
    assert difference is not None
    for redact_, found in (([], True), (["/request/age"], False)):
        examples = Examples(redact_)
        examples.update(legs[0], legs[1], difference)
        (example,) = examples.worst()
        assert (example.row, example.detail["primary"], example.detail["candidate"]) == (1, {"y": 2.0}, {"y": 9.0})
        assert example.comparer.startswith("numbers") and (": y 2 and 9" in example.comparer) is found


def keyed(ranks: bool, keys: tuple[int, ...], scores: list[float]) -> Observation:
    inputs = Tensor("", 3, 1, "number", [10.0, 11.0, 12.0], ("document",))
    outputs = Tensor("s", len(keys), 1, "number", scores, ranks=ranks, keys=keys)
    return replace(leg(), inputs=(inputs,), outputs=(outputs,))


@pytest.mark.parametrize("ranks", [True, False])
def test_what_is_about_the_same_thing_stands_side_by_side(ranks: bool) -> None:
    mine, other = keyed(ranks, (2, 0, 1), [0.9, 0.5, 0.1]), keyed(ranks, (0, 1, 2), [0.5, 0.1, 0.02])
    difference, examples = compare(mine, other), Examples()
    assert difference is not None
    examples.update(mine, other, difference)
    (example,) = examples.worst()
    shown = {"request": {"document": 12.0}, "primary": {"s": 0.9}, "candidate": {"s": 0.02}}
    assert (example.row, example.detail) == (2, shown)
