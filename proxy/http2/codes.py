"""Error codes of HTTP/2 (RFC 9113 §7) that this proxy sends or tells apart, and the rules that streams break."""

from __future__ import annotations

from typing import Final

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
"""The request was not processed at all: it may be sent again."""
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11

NAMES: Final = {
    NO_ERROR: "NO_ERROR",
    PROTOCOL_ERROR: "PROTOCOL_ERROR",
    INTERNAL_ERROR: "INTERNAL_ERROR",
    FLOW_CONTROL_ERROR: "FLOW_CONTROL_ERROR",
    4: "SETTINGS_TIMEOUT",
    STREAM_CLOSED: "STREAM_CLOSED",
    FRAME_SIZE_ERROR: "FRAME_SIZE_ERROR",
    REFUSED_STREAM: "REFUSED_STREAM",
    CANCEL: "CANCEL",
    COMPRESSION_ERROR: "COMPRESSION_ERROR",
    10: "CONNECT_ERROR",
    ENHANCE_YOUR_CALM: "ENHANCE_YOUR_CALM",
    12: "INADEQUATE_SECURITY",
    13: "HTTP_1_1_REQUIRED",
}

BEHIND_END: Final = "more comes behind the end"
MALFORMED_HEAD: Final = "a head that RFC 9113 §8 calls malformed"
MALFORMED_TRAILERS: Final = "trailers that RFC 9113 §8 calls malformed"
NO_HEAD: Final = "a body has no head"
NO_WINDOW: Final = "a window is none any more"
OPENED_BY_NOTHING: Final = "a window is opened by nothing"
TOO_LARGE: Final = "a frame is too large"
TOO_MUCH: Final = "more has come than the window of the stream"
WRONG_LENGTH: Final = "the body is not as long as the head says"
WRONG_SIZE: Final = "a frame is not of its size"
"""What is wrong with a stream, or with its connection: as it is counted and logged."""


def name_of(code: int) -> str:
    """The name of a code; an unknown one has none, and a peer may send any (RFC 9113 §7)."""
    return NAMES.get(code, "unknown")


class Http2Error(Exception):
    """The connection cannot go on: the peer has broken a rule of the whole connection, or gone beyond a bound.

    - `code`: what it is told in GOAWAY
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
