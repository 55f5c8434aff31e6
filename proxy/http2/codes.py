"""Error codes of HTTP/2 (RFC 9113 §7) that this proxy sends or tells apart."""

from __future__ import annotations

from typing import Final

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
REFUSED_STREAM: Final = 7
"""The request was not processed at all: it may be sent again."""
CANCEL: Final = 8
ENHANCE_YOUR_CALM: Final = 11

NAMES: Final = {
    NO_ERROR: "NO_ERROR",
    PROTOCOL_ERROR: "PROTOCOL_ERROR",
    INTERNAL_ERROR: "INTERNAL_ERROR",
    FLOW_CONTROL_ERROR: "FLOW_CONTROL_ERROR",
    4: "SETTINGS_TIMEOUT",
    5: "STREAM_CLOSED",
    6: "FRAME_SIZE_ERROR",
    REFUSED_STREAM: "REFUSED_STREAM",
    CANCEL: "CANCEL",
    9: "COMPRESSION_ERROR",
    10: "CONNECT_ERROR",
    ENHANCE_YOUR_CALM: "ENHANCE_YOUR_CALM",
    12: "INADEQUATE_SECURITY",
    13: "HTTP_1_1_REQUIRED",
}


def name_of(code: int) -> str:
    """The name of a code; an unknown one has none, and a peer may send any (RFC 9113 §7)."""
    return NAMES.get(code, "unknown")
