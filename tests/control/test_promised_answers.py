"""Answers that break what their request promises have failed: that of the leg, and those of its copies."""

from __future__ import annotations

import orjson
from msgspec.structs import replace

from proxy.contracts.leg_join import MAX_WAIT
from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.contracts.table import Protocol
from proxy.control.promised_answers import MAX_EARLY_BYTES, MAX_PROMISED_BYTES, PromisedAnswers
from proxy.payload.decode import decode
from tests.support.records import record as made

SCHEMA = {"type": "object", "required": ["city"]}
REQUEST = {
    "messages": [{"content": "Where?"}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
}


def leg(text: str, exchange: int = 1, asked: bool = True, **more: object) -> Record:
    answer = orjson.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
    facts = {"request": orjson.dumps(REQUEST), "copies": 1} if asked else {"role": "shadow"}
    return made(exchange=exchange, response=answer, **facts, **more)


def content(answers: PromisedAnswers, record: Record, protocol: Protocol = "openai") -> str:
    return answers.decode(record, protocol, (0, "a"), DEFAULT_ANALYSIS).content


def test_legs_and_copies_are_held_to_the_promise() -> None:
    answers = PromisedAnswers(decode)
    for good, bad in (('{"city":"Ulm"}', "Ulm"), ('{"city":"Bonn"}', '{"town":"Bonn"}')):
        assert content(answers, leg(good)) == content(answers, leg(good, asked=False)) == ""
        assert content(answers, leg(bad)) == content(answers, leg(bad, asked=False)) == "broken_schema"


def test_without_a_promise_nothing_is_broken() -> None:
    answers = PromisedAnswers(decode)
    assert content(answers, leg("Ulm", 2, asked=False)) == ""
    assert content(answers, leg("Ulm"), "oip") != "broken_schema"
    failed = made(request=orjson.dumps(REQUEST), response=b'{"error": "x"}')
    assert content(answers, failed) == "error_in_body"


def test_the_newest_promises_are_remembered_in_bounded_memory() -> None:
    answers = PromisedAnswers(decode)
    long = orjson.dumps(REQUEST | {"tools": ["x" * 60_000]})
    count = MAX_PROMISED_BYTES // len(long) + 1
    for exchange in range(count):
        content(answers, replace(leg("{}", exchange), request=long))
    assert content(answers, leg("Ulm", 0, asked=False)) == ""
    assert content(answers, leg("Ulm", count - 1, asked=False)) == "broken_schema"


def batch(answers: PromisedAnswers, *records: Record, now: float = 0.0) -> list[tuple[int, str, str]]:
    """What control counts after a batch: exchange, role and content of each."""
    seen: list[Observation] = [answers.decode(each, "openai", (0, "a"), DEFAULT_ANALYSIS) for each in records]
    return [(each.exchange, each.role, each.content) for each in answers.settled(seen, now)]


def promising() -> PromisedAnswers:
    """Whose route has had a request that promises."""
    answers = PromisedAnswers(decode)
    content(answers, leg('{"city":"Ulm"}', 99))
    return answers


def test_a_copy_that_is_faster_than_its_leg_is_held_to_the_promise() -> None:
    """In the same batch, and in a later one."""
    answers, broken = promising(), (1, "shadow", "broken_schema")
    assert broken in batch(answers, leg("Ulm", asked=False), leg('{"city":"Ulm"}'))
    assert batch(answers, leg("Ulm", 2, asked=False), leg('{"city":"Ulm"}', 3, asked=False)) == []
    assert batch(answers, leg('{"city":"Ulm"}', 2)) == [(2, "primary", ""), (2, "shadow", "broken_schema")]
    assert batch(answers, leg('{"city":"Ulm"}', 3)) == [(3, "primary", ""), (3, "shadow", "")]


def test_a_copy_waits_for_nothing_where_no_request_promises_and_behind_one_that_does_not() -> None:
    assert batch(PromisedAnswers(decode), leg("Ulm", asked=False)) == [(1, "shadow", "")]
    answers, plain = promising(), orjson.dumps({"messages": REQUEST["messages"]})
    assert batch(answers, replace(leg("Ulm"), request=plain)) == [(1, "primary", "")]
    assert batch(answers, leg("Ulm", asked=False)) == [(1, "shadow", "")]
    failed = replace(leg("Ulm", 2), request=None, response=None, failure="reset", status=0)
    assert batch(answers, leg("Ulm", 2, asked=False), failed) == [(2, "primary", ""), (2, "shadow", "")]


def test_copies_wait_for_a_bounded_time_and_in_bounded_memory() -> None:
    answers = promising()
    assert batch(answers, leg("Ulm", asked=False)) == []
    assert batch(answers, now=MAX_WAIT) == [(1, "shadow", "")]
    long = "x" * (MAX_EARLY_BYTES // 4)
    assert [batch(answers, leg(long, exchange, asked=False)) for exchange in range(2, 6)] == [
        *([],) * 3,
        [(2, "shadow", "")],
    ]
