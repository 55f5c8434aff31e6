"""Microsoft Teams: an Adaptive Card by a webhook of Workflows ("when a Teams webhook request is received")."""

from __future__ import annotations

from typing import Any

from proxy.control.messages.formats.call import Around, Call, fit, in_json
from proxy.control.messages.message import Message, moment

MAX_TITLE, MAX_WHOM, MAX_TEXT, MAX_FACT, MAX_URL = 600, 1200, 3000, 1000, 2000
"""Bytes of each part before it is escaped, which makes four of one at most: all together stay below `MAX_CARD`."""
MAX_CARD = 28 * 1024
"""Bytes that Teams takes of a message."""

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
            _text(message.title, MAX_TITLE, weight="bolder", size="medium", color=colour),
            *([_text(message.account.to_whom, MAX_WHOM, weight="bolder")] if message.account.to_whom else []),
            _text(message.text, MAX_TEXT),
            {"type": "FactSet", "facts": [{"title": k, "value": escaped(v, MAX_FACT)} for k, v in facts.items() if v]},
        ],
        "actions": [
            {"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links if 0 < len(url) <= MAX_URL
        ],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    # Without the character set Teams counts two bytes for each character.
    return Call(in_json({"type": "message", "attachments": [content]}), media="application/json; charset=utf-8")


def _text(text: str, most: int, **more: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escaped(text, most), "wrap": True, **more}


def escaped(text: str, most: int) -> str:
    """A text of at most so many bytes, in which nothing is Markdown."""
    fitting = fit(text, most)
    made = "".join(f"\\{c}" if c in "\\`*_[]()#<>!|~" else c for c in fitting)
    return f"\\{made}" if made[:1] in ("-", "+") else made
