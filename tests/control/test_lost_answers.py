"""Warnings about answers that give nothing: how many, why, and which request to look at."""

from __future__ import annotations

from typing import Any

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import Guard
from proxy.control.lost_answers import MIN_ANSWERS, LostAnswers
from proxy.stats.board import Board


def board() -> Board:
    made = Board()
    made.watch("r", ("v2",), "v1", Guard({}), "oip", 0.0)
    return made


def leg(role: str, exchange: int, **facts: Any) -> Observation:
    version = "v2" if role == "shadow" else "v1"
    usual: dict[str, Any] = {
        "route": "r",
        "version": version,
        "share": 1.0,
        "started": 0.0,
        "total": 0.0,
        "status": 200,
    }
    outputs = (Tensor("y", 1, 1, "number", [1.0]),)
    more: dict[str, Any] = {"source": (0, "a"), "outputs": outputs, "copies": 1, "analysed": True, **facts}
    return Observation(**usual, exchange=exchange, role=role, request_id=f"id-{exchange}", **more)  # type: ignore[arg-type]


def pairs(made: Board, begin: int, count: int, **copy: Any) -> None:
    for exchange in range(begin, begin + count):
        made.on_observations([leg("primary", exchange), leg("shadow", exchange, **copy)], 0.0)


UNREAD = {"outputs": (), "unreadable_response": "too_large", "analysed": False}


def test_lost_pairs_are_named_with_reason_and_example_until_it_is_over() -> None:
    made, lost = board(), LostAnswers()
    pairs(made, 0, MIN_ANSWERS)
    lost.update(made)
    assert lost.of("r") == []
    pairs(made, 100, 20)
    pairs(made, 200, 5, **UNREAD)
    lost.update(made)
    assert lost.of("r") == [
        "5 of 25 answers of v2 could not be compared with the primary's: too_large 5; for example request id-204",
        "5 of 25 answers of v2 cannot be read or are no answers: too_large 5; for example request id-204",
    ]
    lost.update(made)
    assert len(lost.of("r")) == 2, "too little has come to take it back"
    assert lost.of("r", {"v2"}) == [], "nor will more, where the version was taken off"
    pairs(made, 300, 100)
    lost.update(made)
    assert lost.of("r") == [] and lost.of("other") == []


def test_what_is_judged_by_its_end_only_is_counted_once() -> None:
    made, lost = board(), LostAnswers()
    pairs(made, 0, 30, **{**UNREAD, "analysed": True, "content": "error_in_stream"})
    lost.update(made)
    assert lost.of("r") == [
        "30 of 30 answers of v2 cannot be read or are no answers: too_large 30; for example request id-29"
    ]


def test_a_tenth_is_not_warned_about() -> None:
    made, lost = board(), LostAnswers()
    pairs(made, 0, 90)
    pairs(made, 100, 10, **UNREAD)
    lost.update(made)
    assert lost.faults == {}


def test_numbers_that_are_none_are_no_answers() -> None:
    made, lost = board(), LostAnswers()
    pairs(made, 0, 30, content="not_a_number")
    lost.update(made)
    assert lost.of("r") == [
        "30 of 30 answers of v2 cannot be read or are no answers: not_a_number 30; for example request id-29"
    ]


def test_requests_that_cannot_be_read() -> None:
    made, lost = board(), LostAnswers()
    made.on_observations([leg("primary", at, copies=0, unreadable_request="schema") for at in range(40)], 0.0)
    lost.update(made)
    assert lost.of("r") == ["40 of 40 requests to v1 cannot be read: schema 40; for example request id-39"]
