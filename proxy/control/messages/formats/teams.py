"""Microsoft Teams: an Adaptive Card by a webhook of Workflows ("when a Teams webhook request is received")."""

from __future__ import annotations

from typing import Any

from proxy.control.messages.formats.call import Around, Call, cut, in_json
from proxy.control.messages.message import Message, moment

MAX_TEXT = 4000
"""Characters of a text: a card with all of them has half of the 28 KB that Teams takes."""

COLOURS = {"info": "accent", "warning": "warning", "critical": "attention"}


def teams(message: Message, around: Around) -> Call:
    """A card with title, sentence, facts, and links as its actions."""
    colour = "good" if message.state == "resolved" else COLOURS[message.severity]
    facts = {"Routes": message.named, "State": message.state, "Severity": message.severity, "At": moment(message.at)}
    links = (("What happened", message.link), ("Runbook", message.runbook))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            _text(message.title, weight="bolder", size="medium", color=colour),
            _text(message.text),
            {"type": "FactSet", "facts": [{"title": k, "value": escaped(v)} for k, v in facts.items() if v]},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links if url],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return Call(in_json({"type": "message", "attachments": [content]}))


def _text(text: str, **more: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escaped(text), "wrap": True, **more}


def escaped(text: str) -> str:
    """A text in which nothing is Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]()#<>!|" else c for c in cut(text, MAX_TEXT // 2))
