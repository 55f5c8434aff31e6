"""Messages held against what each receiver publishes of what it takes, whatever strangers have written into them.

| receiver | published at |
|---|---|
| Slack | docs.slack.dev/reference/block-kit: blocks, composition-objects/text-object, block-elements/button-element |
| Teams | adaptivecards.io/schemas 1.4; learn.microsoft.com: incoming webhooks take 28 KB |
| PagerDuty | developer.pagerduty.com/docs/events-api-v2/trigger-events |
| Alertmanager | github.com/prometheus/alertmanager api/v2/openapi.yaml (`postableAlerts`); prometheus.io |
| CloudEvents | github.com/cloudevents/spec 1.0.2: spec.md, json-format.md, http-protocol-binding.md §3.1.3.2 |
| Grafana | grafana.com/docs: HTTP API, annotations |
| Kubernetes | tests/control/messages/formats/test_kubernetes.py |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from msgspec.structs import replace

from proxy.contracts.messages import Account
from proxy.control.messages.formats.call import Call
from proxy.control.messages.formats.table import WRITE
from proxy.control.messages.message import Message
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, body

HOSTILE = (
    EVIL,
    "fraud\n\n*All is well.*\r\n> nothing to do",
    "<!everyone> @channel @here <@U123> <https://evil.example|runbook>",
    "[runbook](https://evil.example) ![](https://evil.example/x.png) `code` **bold**",
    '<a href="https://evil.example">runbook</a><img src=x onerror=alert(1)>',
    "\u202egnihton\u202c \u200b\x1b[2J\x00 \ud800",
    "模型" * 6000,
    "\\" * 9000,
    '"' * 9000,
    "",
)
"""What names, reasons and sentences may be."""


def messages() -> Iterator[Message]:
    for state in ("told", "firing", "acknowledged", "resolved"):
        for text in HOSTILE:
            account = Account(f"{text}@7", f"5 requests met {text}.", {text: {"live": {"requests": 5}}})
            whole = replace(MESSAGE, state=state, account=account)
            yield replace(whole, text=text)
            yield replace(
                whole,
                title=text,
                text=text,
                routes=(text, *("r" * 100,) * 40),
                key=f"release/{text}/x",
                section="breach-x",
            )
            yield replace(whole, routes=(), base="", text=text)


def is_time(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


def is_url(text: str) -> bool:
    return urlsplit(text).scheme == "https" and urlsplit(text).netloc == "penumbra.example" and text.isascii()


def one_line(text: str) -> bool:
    """Whether nothing in it looks like a line of ours."""
    return text.isprintable()


def slack(call: Call) -> None:
    told = body(call)
    assert told.keys() == {"text", "mrkdwn", "blocks"} and told["mrkdwn"] is False
    assert 0 < len(told["blocks"]) <= 50
    for block in told["blocks"]:
        SLACK[block["type"]](block)


def slack_header(block: dict[str, Any]) -> None:
    assert block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= 150
    assert one_line(block["text"]["text"])


def slack_section(block: dict[str, Any]) -> None:
    fields = block.get("fields", ())
    assert ("text" in block) != bool(fields) and len(fields) <= 10
    for text, most in [(block.get("text"), 3000), *((field, 2000) for field in fields)]:
        if text is not None:
            assert (text["type"], text["verbatim"]) == ("mrkdwn", True) and 0 < len(text["text"]) <= most
            assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text["text"]), "nobody is mentioned and nothing is linked"
            label, _, value = text["text"].rpartition("*\n")
            assert one_line(value) and one_line(label)


def slack_actions(block: dict[str, Any]) -> None:
    assert 0 < len(block["elements"]) <= 25
    for button in block["elements"]:
        assert button["type"] == "button" and 0 < len(button["text"]["text"]) <= 75
        assert is_url(button["url"]) and len(button["url"]) <= 3000


SLACK: dict[str, Callable[[dict[str, Any]], None]] = {
    "header": slack_header,
    "section": slack_section,
    "actions": slack_actions,
}


def teams(call: Call) -> None:
    told = body(call)
    (attachment,) = told["attachments"]
    card = attachment["content"]
    assert len(call.body) <= 28 * 1024 and call.media == "application/json; charset=utf-8"
    assert (told["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert card.keys() == {"$schema", "type", "version", "body", "actions"}
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    for block in card["body"]:
        if block["type"] == "TextBlock":
            assert block.keys() <= {"type", "text", "wrap", "weight", "size", "color"}
            assert block.get("color", "default") in ("default", "accent", "good", "warning", "attention")
            assert plain_markdown(block["text"])
        else:
            assert block["type"] == "FactSet" and all(fact.keys() == {"title", "value"} for fact in block["facts"])
            assert all(plain_markdown(fact["value"]) for fact in block["facts"])
    for action in card["actions"]:
        assert (
            action.keys() == {"type", "title", "url"} and action["type"] == "Action.OpenUrl" and is_url(action["url"])
        )


def plain_markdown(text: str) -> bool:
    """Whether all of Markdown's signs in it are escaped, and it is one line."""
    return one_line(text) and not re.search(r"[`*_\[\]()#<>!|~\\]", re.sub(r"\\.", "", text))


def pagerduty(call: Call) -> None:
    told = body(call)
    assert len(call.body) < 512 * 1024
    assert told["routing_key"] and told["event_action"] in ("trigger", "acknowledge", "resolve")
    assert len(told["dedup_key"]) <= 255
    assert told.keys() <= {"routing_key", "event_action", "dedup_key", "client", "client_url", "links", "payload"}
    if told["event_action"] == "trigger":
        payload = told["payload"]
        known = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
        assert payload.keys() <= known and payload["source"] and is_time(payload["timestamp"])
        assert 0 < len(payload["summary"]) <= 1024 and one_line(payload["summary"])
        assert payload["severity"] in ("critical", "error", "warning", "info")
        assert isinstance(payload["custom_details"], dict)
        assert all(link.keys() == {"href", "text"} and is_url(link["href"]) for link in told["links"])


def alertmanager(call: Call) -> None:
    (alert,) = body(call)
    assert alert.keys() <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert is_time(alert["startsAt"]) and is_time(alert["endsAt"]) and alert["startsAt"] <= alert["endsAt"]
    for name, value in (alert["labels"] | alert["annotations"]).items():
        assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) and isinstance(value, str) and len(value) <= 4000
    assert alert["labels"]["alertname"] and all(alert["labels"].values()), "an empty label is none"
    assert "generatorURL" not in alert or is_url(alert["generatorURL"])


def cloudevent(attributes: dict[str, str]) -> None:
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in attributes)
    assert attributes["specversion"] == "1.0" and is_time(attributes["time"])
    assert all(attributes[name] for name in ("id", "source", "type")) and attributes.get("subject") != ""
    assert not re.search(r"[\s<>\"{}|\\^`]", attributes["source"]), "a URI reference"
    assert all(isinstance(value, str) for value in attributes.values())
    for value in attributes.values():
        assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", value), "the spec's String"


def structured(call: Call) -> None:
    told = body(call)
    assert call.media == "application/cloudevents+json" and isinstance(told.pop("data"), dict)
    assert told["datacontenttype"] == "application/json"
    cloudevent(told)


def binary(call: Call) -> None:
    assert call.media == "application/json" and isinstance(body(call), dict)
    assert all(re.fullmatch(r"ce-[a-z0-9]+", name) for name in call.fields)
    assert all(
        re.fullmatch(r"[\x21-\x7e]*", value) and not re.search(r'"|%(?![0-9A-F]{2})', value)
        for value in call.fields.values()
    )
    cloudevent({name.removeprefix("ce-"): unquote(value) for name, value in call.fields.items()})


def grafana(call: Call) -> None:
    told = body(call)
    assert told.keys() <= {"time", "timeEnd", "tags", "text"} and told["tags"][0] == "penumbra"
    assert isinstance(told["time"], int) and told.get("timeEnd", told["time"]) >= told["time"]
    assert all(0 < len(tag) <= 100 and one_line(tag) for tag in told["tags"])
    ours = re.sub(r'<a href="https://penumbra\.example/[^"<>]*">(what happened|runbook)</a>|<br>', "", told["text"])
    assert not re.search(r"[<>\"']", ours) and one_line(ours)


RECEIVERS: dict[str, Callable[[Call], None]] = {
    "slack": slack,
    "teams": teams,
    "pagerduty": pagerduty,
    "alertmanager": alertmanager,
    "cloudevents": structured,
    "cloudevents-binary": binary,
    "grafana": grafana,
}


def test_every_format_of_others_is_among_them() -> None:
    assert RECEIVERS.keys() | {"penumbra", "kubernetes"} == WRITE.keys()


@pytest.mark.parametrize("form", RECEIVERS)
def test_what_is_sent_is_what_the_receiver_takes(form: str) -> None:
    for message in messages():
        RECEIVERS[form](WRITE[form](message, AROUND))  # type: ignore[index]


@pytest.mark.parametrize("form", WRITE)
def test_a_rollback_says_to_whom_it_happened_and_leads_to_its_story(form: str) -> None:
    account = Account("fraud@7", "378 requests of 7 users met v2, 41 went wrong.", {})
    call = WRITE[form](replace(MESSAGE, account=account), AROUND)  # type: ignore[index]
    assert "378 requests of 7 users met v2, 41 went wrong." in call.body.decode()
    if form != "kubernetes":  # an event has no place for a link
        assert "https://penumbra.example/#/routes/fraud/releases/fraud%407" in call.body.decode()
