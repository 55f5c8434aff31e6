"""Grafana: annotations over all dashboards, shown by the tag `penumbra`. What lasted is a region once it is over."""

from __future__ import annotations

from html import escape
from typing import Any

from proxy.control.messages.formats.call import Around, Call, cut, in_json
from proxy.control.messages.message import Message

MAX_TEXT = 2000
MAX_TAG = 100
"""Characters of a tag, in its database."""


def grafana(message: Message, around: Around) -> Call:
    """An annotation; Grafana shows its text as HTML, so what is markup in it is escaped."""
    links = (("what happened", message.link), ("runbook", message.runbook))
    anchors = [f'<a href="{escape(url)}">{name}</a>' for name, url in links if url]
    text = escape(cut(message.whole, MAX_TEXT))
    resolved = message.state == "resolved"
    annotation: dict[str, Any] = {
        "time": int((message.since if resolved else message.at) * 1000),
        "tags": [
            "penumbra",
            message.event,
            message.severity,
            message.state,
            *filter(None, (cut(route, MAX_TAG) for route in message.routes[:20])),
        ],
        "text": "<br>".join([text, *anchors]),
    }
    if resolved:
        annotation["timeEnd"] = int(message.at * 1000)
    return Call(in_json(annotation), "/api/annotations")
