"""The last bytes of a streamed answer whose pieces are not kept: enough to see whether it has shown its end."""

from __future__ import annotations

from typing import Final

from proxy.contracts.stream_end import MAX_TAIL

SLACK: Final = 4 * 1024
"""Bytes beyond the last whole events that gather before the older ones are let go: some twenty tokens."""


class Tail:
    """`add` each piece. What is kept begins with an event, so that one as large as `MAX_TAIL` is still whole."""

    __slots__ = ("_pieces", "_room")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._room = 2 * SLACK

    def add(self, data: bytes) -> None:
        """A further piece. Copies each byte a few times at most."""
        self._pieces.append(data)
        self._room -= len(data)
        if self._room < 0:
            self._trim()

    def content(self) -> bytes:
        """What is kept."""
        return b"".join(self._pieces)

    def _trim(self) -> None:
        text = b"".join(self._pieces)
        least = max(len(text) - MAX_TAIL, 0)
        start = max(text.rfind(b"\n\n", least, -SLACK), least)
        start = max(text.rfind(b"\r\n\r\n", start, -SLACK), start)  # the other kind, where it comes later
        kept = text[start:]
        self._pieces = [kept]
        self._room = max(len(kept), SLACK)
