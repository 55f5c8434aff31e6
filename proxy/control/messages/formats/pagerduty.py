"""PagerDuty: Events API v2. A matter is one incident: it is triggered, acknowledged and resolved by its `dedup_key`."""

from __future__ import annotations

from typing import Any

from proxy.control.messages.formats.call import Around, Call, cut, in_json
from proxy.control.messages.formats.plain_json import document
from proxy.control.messages.message import Message, moment

MAX_SUMMARY = 1024
"""Characters that PagerDuty takes."""
MAX_URL = 2000
MAX_DETAILS = 400_000
"""Bytes of details: an event may have 512 KB."""

ACTIONS = {"told": "trigger", "firing": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}


def pagerduty(message: Message, around: Around) -> Call:
    """An event."""
    event: dict[str, Any] = {
        "routing_key": around.key,
        "event_action": ACTIONS[message.state],
        "dedup_key": message.dedup,
    }
    if event["event_action"] == "trigger":
        links = (("What happened", message.link), ("Runbook", message.runbook))
        event["client"] = "Penumbra"
        event["links"] = [{"href": href, "text": text} for text, href in links if 0 < len(href) <= MAX_URL]
        event["payload"] = {
            "summary": cut(message.whole, MAX_SUMMARY),
            "source": cut(around.instance or "penumbra", MAX_SUMMARY),
            "severity": message.severity,
            "timestamp": moment(message.at),
            "component": cut(message.named, MAX_SUMMARY) or "penumbra",
            "class": message.section,
            "custom_details": _details(message),
        }
        if 0 < len(message.link) <= MAX_URL:
            event["client_url"] = message.link
    return Call(in_json(event))


def _details(message: Message) -> dict[str, Any]:
    found = document(message)
    return (
        found
        if len(in_json(found)) <= MAX_DETAILS
        else {
            "why": message.text,
            "to_whom": message.account.to_whom,
            "routes": list(message.routes),
        }
    )
