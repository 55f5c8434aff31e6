"""Bytes of a terminal to keys. What is no key is nothing: answers of terminals, the mouse, what was pasted."""

from __future__ import annotations

import re
from typing import Literal

Key = Literal["up", "down", "page up", "page down", "first", "last", "open", "back", "quit", "look", "suspend"]

KEYS: dict[bytes, Key] = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"k": "up",
    b"\x1b[B": "down", b"\x1bOB": "down", b"j": "down",
    b"\x1b[5~": "page up", b"\x02": "page up",
    b"\x1b[6~": "page down", b"\x06": "page down", b" ": "page down",
    b"\x1b[H": "first", b"\x1b[1~": "first", b"\x1bOH": "first", b"g": "first",
    b"\x1b[F": "last", b"\x1b[4~": "last", b"\x1bOF": "last", b"G": "last",
    b"\r": "open", b"\n": "open", b"\x1b[C": "open", b"\x1bOC": "open", b"l": "open",
    b"\x1b[D": "back", b"\x1bOD": "back", b"h": "back", b"\x7f": "back", b"\x08": "back", b"\x1b": "back",
    b"q": "quit", b"Q": "quit", b"\x04": "quit",
    b"r": "look",
    b"\x1a": "suspend",
}  # fmt: skip

_TOKEN = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b|.", re.DOTALL)


def keys(data: bytes) -> list[Key]:
    """The keys in what was read at once.

    >>> keys(b"j\\x1b[B\\x1b[24;80Rq")
    ['down', 'down', 'quit']
    """
    return [KEYS[token] for token in _TOKEN.findall(data) if token in KEYS]
