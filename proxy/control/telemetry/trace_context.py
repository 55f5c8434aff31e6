"""Trace of a request: the header field `traceparent` (W3C Trace Context Level 2, §3.2).

What is not valid is as if it were not there: other versions than 00 are read as far as 00 goes, `ff` is none, ids of
zeros are none, letters are lower case, and two fields say nothing.
"""

from __future__ import annotations

import re

from msgspec import Struct

_FIELD = re.compile(rb"^traceparent:(.*)$", re.IGNORECASE | re.MULTILINE)
_VALUE = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

SAMPLED, RANDOM = 1, 2
"""The flags that version 00 knows."""


class TraceContext(Struct, frozen=True):
    """The header field `traceparent`, read."""

    trace_id: str
    """32 hexadecimal digits."""
    parent_id: str
    """16 hexadecimal digits: the caller's span."""
    flags: int
    """Bit 0: sampled."""

    @property
    def sampled(self) -> bool:
        """Whether the caller recorded its own span."""
        return bool(self.flags & SAMPLED)


def trace_context(fields: bytes) -> TraceContext | None:
    """The context in the header fields of a request, each line ended by CRLF; None without a valid one."""
    lines = _FIELD.findall(fields)
    match = _VALUE.fullmatch(lines[0].strip(b" \t\r")) if len(lines) == 1 else None
    if match is None or (match[1] == b"00" and match[5]):
        return None
    return TraceContext(match[2].decode(), match[3].decode(), int(match[4], 16) & (SAMPLED | RANDOM))
