"""The work of one turn: whatever one body holds, statistics look at a bounded part of it, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from proxy.contracts.comparers import OutputRule
from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.stats.agreement import boxes, documents, labels, texts
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.board import Board
from proxy.stats.drift.layout import Layout
from proxy.stats.drift.profile_builder import ProfileBuilder
from proxy.stats.row_sample import MAX_BODY_COST, MAX_RATED, MAX_TEXTS, VALUE_COST

GUARD = Guard({"disagreement": Limit(max=0.05), "input_drift": Limit(max_psi=0.2), "accuracy": Limit(min=0.5)})
VALUES = 262_144


def leg(exchange: int, role: Any, **read: Any) -> Observation:
    facts: dict[str, Any] = {"exchange": exchange, "request_id": str(exchange), "route": "r", "share": 1.0}
    facts |= {"version": "v1" if role == "primary" else "v2", "role": role, "status": 200, "failure": ""}
    facts |= {"started": 0.0, "first_byte": 0.0, "total": 0.0, "copies": int(role == "primary"), "analysed": True}
    return Observation(**facts | read)


def board(**analysis: Any) -> Board:
    made = Board()
    made.watch("r", ("v2",), "v1", GUARD, "oip", 0.0, Analysis(**analysis))
    return made


@contextmanager
def counted(place: object, name: str) -> Iterator[list[tuple[Any, ...]]]:
    """The arguments of the calls of a function, which does what it did."""
    calls: list[tuple[Any, ...]] = []
    real = getattr(place, name)

    def call(*args: Any, **named: Any) -> Any:
        calls.append(args)
        return real(*args, **named)

    with patch.object(place, name, call):
        yield calls


def exchange(at: int, mine: Tensor, other: Tensor) -> list[Observation]:
    return [leg(at, "primary", inputs=(mine,), outputs=(mine,)), leg(at, "shadow", outputs=(other,))]


@pytest.mark.parametrize(
    ("rows", "width", "kind"),
    [(VALUES, 1, "number"), (1310, 200, "number"), (60_000, 2, "number"), (58_000, 1, "category")],
)
def test_of_a_large_body_a_bounded_part_is_measured_for_drift(rows: int, width: int, kind: Any) -> None:
    made, cost = board(), 1 if kind == "number" else VALUE_COST
    data: list[Any] = [float(at) if kind == "number" else f"s{at}" for at in range(rows * width)]
    tensor = Tensor("y", rows, width, kind, data)
    with counted(ProfileBuilder, "update") as learnt, counted(Layout, "measure") as measured:
        for at in range(12):
            made.on_observations(exchange(at, tensor, tensor), float(2 * at))
    looked_at = [group.rows for _, groups in learnt for group in groups] + [len(tables[0]) for _, tables in measured]
    most = max(MAX_BODY_COST // (width * cost), 1)
    assert max(looked_at) <= 2 * max(most, -(-131_072 // (width * cost)))  # what waits is counted from 4 MiB on
    sampled = 12 * 3 * (rows - most)  # requests, answers, copies
    assert made.bounds_reached()["rows"] == sampled
    assert all(row.n <= 12 * most for row in made.drift("r"))


def test_the_drift_of_a_sample_is_that_of_all_rows() -> None:
    made, usual = board(reference=1000), [float(at % 100) for at in range(VALUES)]
    moved = [value + 40.0 for value in usual]
    for at in range(40):
        data = usual if at < 20 else moved
        made.on_observations([leg(at, "primary", inputs=(Tensor("x", VALUES, 1, "number", data),))], float(2 * at))
        if at == 19:
            assert not any(row.drifted for row in made.drift("r"))
    assert all(row.drifted and row.psi > 0.2 for row in made.drift("r"))


def test_texts_of_an_answer_are_compared_by_a_sample() -> None:
    made = board()
    words = [f"the {at} answer is a text of several words" for at in range(20_000)]
    mine, other = (Tensor("t", len(words), 1, "category", [each + end for each in words]) for end in ("", " now"))
    with counted(labels, "compare_text") as compared:
        made.on_observations(exchange(1, mine, other), 0.0)
    assert len(compared) == MAX_TEXTS
    assert made.bounds_reached()["texts"] == 20_000 - MAX_TEXTS
    tally = made.agreement("r", "v2", "shadow")
    assert tally.pairs == 1
    assert tally.shift == pytest.approx(1 / 10, abs=0.02)  # each has one word more


def test_rated_classes_are_read_for_a_sample_of_rows() -> None:
    made = board()
    mine, other = (
        Tensor("c", 40_000, 1, "category", [f"{0.5 + more}:{at}:c{at}" for at in range(40_000)]) for more in (0.0, 1e-9)
    )
    with counted(labels, "RatedClass") as read:
        made.on_observations(exchange(1, mine, other), 0.0)
    assert len(read) == 2 * MAX_RATED


def test_calls_of_tools_are_read_once_and_met_within_a_bound() -> None:
    made = board()
    tail = [[at, at] for at in range(400)]
    calls = [("f", f'{{"a":{tail},"z":{at}.1}}') for at in range(64)]
    others = [("f", f'{{"a":{tail},"z":{at}.10}}') for at in reversed(range(64))]
    with counted(texts, "document_of") as read, counted(documents.DocumentComparison, "differs") as met:
        made.on_observations(
            [
                leg(1, "primary", text=Text("", tools=tuple(calls))),
                leg(1, "shadow", text=Text("", tools=tuple(others))),
            ],
            0.0,
        )
    assert len(read) <= 2 * 64
    assert len(met) <= texts.MAX_STEPS + 64 * 64 + 64


def test_lists_without_order_are_met_within_a_bound() -> None:
    deep: Any = [[[at, other, 0] for at in range(60)] for other in range(60)]
    comparison = documents.DocumentComparison(
        AnswerRules(Analysis(outputs={"*": OutputRule(unordered=True)})), steps=5000
    )
    with counted(documents.DocumentComparison, "differs") as met:
        comparison.differs(deep, [each[::-1] for each in deep[::-1]])
    assert len(met) <= 5000 + 3 * 60 * 60


def test_equal_boxes_are_met_once_each() -> None:
    with counted(boxes, "overlaps") as met:
        data = [0.0, 0.0, 1.0, 1.0] * 20_000
        tensor = Tensor("boxes", 20_000, 4, "number", data)
        board().on_observations(exchange(1, tensor, tensor), 0.0)
    assert [len(each) for args in met for each in args] == [boxes.MAX_BOXES, boxes.MAX_BOXES]


def test_labels_of_many_rows_read_each_prediction_once() -> None:
    from proxy.stats.quality import predictions

    made = board()
    tensor = Tensor("p", 128, 2, "number", [0.2, 0.8] * 128)
    made.on_observations(exchange(1, tensor, tensor), 0.0)
    with counted(predictions, "Prediction") as read:
        assert made.on_label("1", [1] * 128, 1.0) == "joined"
    assert len(read) <= 128 * 2 * 4  # rows, versions, and a few looks at each


def test_a_label_of_more_rows_than_any_answer_does_not_wait() -> None:
    made = board()
    assert made.on_label("nobody", [1] * VALUES, 0.0) == "unknown"
    assert made.bounds_reached()["early_labels"] == 1


def test_many_routes_are_counted_in_several_turns_and_all_of_them() -> None:
    made = Board()
    body = (Tensor("x", 1, 200, "number", [float(at) for at in range(200)]),)
    names = [f"r{at}" for at in range(40)]
    for name in names:
        made.watch(name, ("v2",), "v1", GUARD, "oip", 0.0)

    def observe(now: float, rows: int) -> None:
        for name in names:
            legs = [leg(at, "primary", inputs=body, route=name) for at in range(rows)]
            made.on_observations(legs, now)

    observe(0.0, 250)
    for turn in range(60):
        made.on_time(2.0 + turn / 10)
    observe(9.0, 250)
    looks: list[int] = []
    for turn in range(60):
        with counted(Layout, "measure") as measured:
            made.on_time(12.0 + turn / 100)
        looks.append(len(measured))
    assert sum(looks) == len(names)
    assert max(looks) < len(names)
    assert all(row.n == 250 for name in names for row in made.drift(name))
