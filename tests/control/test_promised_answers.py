"""Answers that break what their request promises have failed: that of the leg, and those of its copies."""

from __future__ import annotations

import orjson

from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.contracts.table import Protocol
from proxy.control.promised_answers import MAX_PROMISES, PromisedAnswers
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


def test_the_newest_promises_are_remembered() -> None:
    answers = PromisedAnswers(decode)
    for exchange in range(MAX_PROMISES + 1):
        content(answers, leg("{}", exchange))
    assert content(answers, leg("Ulm", 0, asked=False)) == ""
    assert content(answers, leg("Ulm", MAX_PROMISES, asked=False)) == "broken_schema"
