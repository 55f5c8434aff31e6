"""What is sent to a destination."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct, field

from proxy.contracts.bounds import clipped
from proxy.contracts.messages import EventObject


class Around(Struct, frozen=True):
    """What a format needs beside the message."""

    key: str = ""
    """Of an integration."""
    object: EventObject | None = None
    instance: str = ""
    """Who sends."""
    now: float = 0.0
    """Unix time."""


class Call(Struct, frozen=True):
    """One POST."""

    body: bytes
    path: str = ""
    """What is added to the destination's URL."""
    fields: dict[str, str] = field(default_factory=dict)
    media: str = "application/json"


def in_json(document: Any) -> bytes:
    """A document as JSON."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode(errors="replace")


def cut(text: str, most: int) -> str:
    """A text as one line of at most so many characters: names and reasons were written by anybody, and none of them
    may look like a line of ours, turn the direction of reading, or hide what comes behind it.

    >>> cut("v1" + chr(10) + "All is well." + chr(0x202E), 40)
    'v1 All is well.'
    """
    return clipped(" ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split()), most)


def fit(text: str, most: int) -> str:
    """The same of at most so many bytes of UTF-8."""
    text = cut(text, most)
    while len(text.encode(errors="replace")) > most:
        text = cut(text, len(text) * 3 // 4)
    return text
