"""Status codes of gRPC, and how they correspond to those of HTTP: for outcomes, and for what this proxy says itself.

Sources: `statuscodes.md`, `http-grpc-status-mapping.md` and `PROTOCOL-HTTP2.md` of the gRPC project; the HTTP status of
each code is that of `google.rpc.Code`. A version is charged with a failure by the codes whose status is 5xx: UNKNOWN,
DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, as linkerd and OpenTelemetry do for servers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from proxy.contracts.bounds import clipped

OK: Final = 0
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14

HTTP_STATUS: Final = {
    0: 200,
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""Code of gRPC to the status of HTTP that means the same."""

NAMES: Final = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)

LABELS: Final = tuple([f"grpc:{code}" for code in HTTP_STATUS])
"""Code to what counts its calls: in ticks, metrics and rescues."""

PREFIX: Final = 5
"""Bytes before a message: 0 or 1 (compressed), and the length, high byte first."""

GRPC: Final = b"application/grpc"
"""What the media types of gRPC begin with: `application/grpc+proto` names the codec, parameters follow a semicolon."""

_ENDS: Final = (b"", b"+", b";", b" ")

_OF_HTTP: Final = {
    400: INTERNAL,
    401: 16,
    403: 7,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}
"""What a client makes of an answer that is none of gRPC."""

_OF_FAILURE: Final = {
    "no_route": UNIMPLEMENTED,
    "head_too_large": RESOURCE_EXHAUSTED,
    "body_too_large": RESOURCE_EXHAUSTED,
    "fields_too_large": RESOURCE_EXHAUSTED,
    "overloaded": RESOURCE_EXHAUSTED,
    "no_memory": RESOURCE_EXHAUSTED,
    "pool_full": RESOURCE_EXHAUSTED,
    "bad_request": INTERNAL,
    "loop": INTERNAL,
    "internal": INTERNAL,
    "not_implemented": UNIMPLEMENTED,
    "rewrite_grpc": UNIMPLEMENTED,
}
"""Reason of a failure of ours to its code, where its HTTP status does not say it."""

MAX_MESSAGE: Final = 1_024
"""Bytes of `grpc-message` that are written."""

MAX_TOLD: Final = 256
"""Characters of a `grpc-message` of a version that are kept, as part of what its log and its records say."""

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_PLAIN: Final = frozenset(range(0x20, 0x7F)) - {0x25}


def code_of(value: bytes | None, http: int) -> int:
    """The code that an answer ended with: that of its `grpc-status`, and where it has none that of its HTTP status.
    That counts as well where it is not the 200 of all calls and the other says OK: clients take the call for failed.
    One that is no number, or beyond the known ones, is UNKNOWN."""
    if value is None:
        return _OF_HTTP.get(http, UNKNOWN)
    code = int(value) if value.isdigit() and len(value) < 4 else UNKNOWN
    if code == OK and http != 200:
        return _OF_HTTP.get(http, UNKNOWN)
    return code if code in HTTP_STATUS else UNKNOWN


def joined_status(values: Sequence[bytes]) -> bytes | None:
    """The `grpc-status` of an answer that says it so often; b"", which is none, where it says different ones: clients
    take the first or the last."""
    if not values:
        return None
    return values[0] if len(set(values)) == 1 else b""


def status_of(label: str) -> int | None:
    """The status of HTTP that means the same as a label; None: it is none of gRPC."""
    return HTTP_STATUS[int(label[5:])] if label.startswith("grpc:") else None


def label_of(code: int) -> str:
    """What counts the calls that end with a code, and its name, for people: `grpc:14 UNAVAILABLE`."""
    return f"{LABELS[code]} {NAMES[code]}"


def is_grpc(content_type: bytes | None) -> bool:
    """Whether a message is of gRPC, by its content type. gRPC-Web is another protocol, whose trailers are in bodies."""
    if content_type is None:
        return False
    begin = content_type[:17].lower()
    return begin[:16] == GRPC and begin[16:] in _ENDS


def code_of_failure(reason: str, http: int) -> int:
    """The code of a failure of ours; `http`: the status that a client of HTTP gets."""
    code = _OF_FAILURE.get(reason)
    if code is not None:
        return code
    return DEADLINE_EXCEEDED if http in (408, 504) else _OF_HTTP.get(http, UNAVAILABLE)


def escaped(message: str) -> bytes:
    """A `grpc-message`: percent-encoded UTF-8."""
    raw = message.encode()[:MAX_MESSAGE]
    return b"".join(b"%c" % byte if byte in _PLAIN else b"%%%02X" % byte for byte in raw)


def unescaped(message: bytes) -> str:
    """A `grpc-message` as it is shown: what is no UTF-8, and what would move a terminal's cursor, is replaced."""
    raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), message[: 3 * MAX_MESSAGE])
    text = raw.decode("utf-8", "replace")
    return clipped("".join([each if each.isprintable() else "\ufffd" for each in text]), MAX_TOLD)
