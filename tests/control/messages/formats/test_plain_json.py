"""The webhook as it was, and CloudEvents 1.0 as its specification has them."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from msgspec.structs import replace

from proxy.control.messages.formats.plain_json import binary, document, structured, webhook
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, body

REQUIRED = {"id", "source", "specversion", "type"}
NAME = re.compile(r"[a-z0-9]{1,20}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def test_the_webhook_has_what_it_had_and_more() -> None:
    call = webhook(MESSAGE, AROUND)
    told = body(call)
    assert (told["event"], told["why"], told["route"]) == ("rollback", "errors", "fraud")
    assert told["links"] == {"page": MESSAGE.link, "runbook": MESSAGE.runbook} and told["state"] == "firing"
    assert call.fields == {"X-Penumbra-Event": "rollback"} and call.media == "application/json"


def test_a_warning_has_the_same_members_as_a_change() -> None:
    told = document(replace(MESSAGE, event="warning", document={}, base=""))
    assert (told["event"], told["who"], told["why"], told["links"]) == ("warning", "penumbra", MESSAGE.text, {})


def test_a_structured_cloud_event_has_the_required_attributes_and_the_document() -> None:
    call = structured(MESSAGE, AROUND)
    event = body(call)
    assert call.media == "application/cloudevents+json" and event.keys() >= REQUIRED
    assert all(NAME.fullmatch(name) for name in event) and TIME.fullmatch(event["time"])
    assert event["specversion"] == "1.0" and event["data"] == document(MESSAGE)
    assert (event["type"], event["source"]) == ("penumbra.rollback.firing", "https://penumbra.example")
    assert body(structured(replace(MESSAGE, base=""), AROUND))["source"] == "/penumbra/host-7"


@pytest.mark.parametrize("key", ["release/fraud/rolled-back", 'ü "% \n', EVIL[:60]])
def test_a_binary_one_has_the_same_in_its_fields(key: str) -> None:
    message = replace(MESSAGE, key=key.replace("\ud800", "?"))
    call, event = binary(message, AROUND), body(structured(message, AROUND))
    told = {name.removeprefix("ce-"): unquote(value) for name, value in call.fields.items()}
    assert told == {name: value for name, value in event.items() if name not in ("data", "datacontenttype")}
    assert body(call) == event["data"]
    assert all(0x20 < ord(character) < 0x7F for value in call.fields.values() for character in value)
