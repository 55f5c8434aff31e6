"""Slack: Block Kit by an incoming webhook. Texts of others are plain text or escaped: nobody can mention a channel."""

from __future__ import annotations

from typing import Any

from proxy.control.messages.formats.call import Around, Call, cut, in_json
from proxy.control.messages.message import Message, moment

MAX_HEADER, MAX_SECTION, MAX_FIELD = 150, 3000, 2000
"""Characters that Slack takes."""

SIGNS = {"info": "🔵", "warning": "🟠", "critical": "🔴"}


def slack(message: Message, around: Around) -> Call:
    """A header, the sentence, facts, and buttons to page and runbook."""
    sign = {"resolved": "🟢", "acknowledged": "🟡"}.get(message.state, SIGNS[message.severity])
    title = cut(f"{sign} {message.title}", MAX_HEADER)
    facts = {"Routes": message.named, "State": message.state, "Severity": message.severity, "At": moment(message.at)}
    whom = message.account.to_whom
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title}},
        {"type": "section", "text": _text(message.text, MAX_SECTION)},
        *([{"type": "section", "text": _text(whom, MAX_SECTION)}] if whom else []),
        {"type": "section", "fields": [_field(name, value) for name, value in facts.items() if value]},
    ]
    links = (("What happened", message.link), ("Runbook", message.runbook))
    buttons = [_button(name, url) for name, url in links if 0 < len(url) <= MAX_SECTION]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return Call(in_json({"text": escaped(title, MAX_SECTION), "mrkdwn": False, "blocks": blocks}))


def _text(text: str, most: int) -> dict[str, Any]:
    """A text in which nothing but our own markup is one: `verbatim` makes no links and mentions of plain words."""
    return {"type": "mrkdwn", "text": escaped(text, most), "verbatim": True}


def _field(name: str, value: str) -> dict[str, Any]:
    label = f"*{name}*\n"
    return {"type": "mrkdwn", "text": label + escaped(value, MAX_FIELD - len(label)), "verbatim": True}


def _button(name: str, url: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": name}, "url": url}


def escaped(text: str, most: int) -> str:
    """A text in which nothing is markup of Slack's: `&`, `<` and `>` are entities, and it has at most so many
    characters with them."""
    made = ""
    for character in cut(text, most) or "-":
        more = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        if len(made) + len(more) > most:
            break
        made += more
    return made
