"""What a call of gRPC tells by its first message: that it is there.

A message is a flag (0, or 1: compressed), four bytes of length, high byte first, and as many bytes
("Length-Prefixed-Message" of gRPC over HTTP/2). It crosses the borders of DATA frames.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = 5
"""Bytes before a message."""


def has_message(pieces: list[bytes], size: int) -> bool:
    """Whether the first message of a body is there, of which `pieces` have come, `size` bytes in all."""
    if size < PREFIX:
        return False
    head = pieces[0]
    if len(head) < PREFIX:
        head = b"".join(pieces[:PREFIX])  # no piece is empty
    return size - PREFIX >= int.from_bytes(head[1:PREFIX], "big")
