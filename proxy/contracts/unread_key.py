"""Why the key of a sticky assignment, or the model of a request, is not known."""

from __future__ import annotations

from typing import Final

ABSENT: Final = "absent"
ENCODING: Final = "encoding"
NOT_JSON: Final = "not_json"
NOT_PROTOBUF: Final = "not_protobuf"
COST: Final = "cost"
TOO_LARGE: Final = "too_large"

UNREAD_KEYS: dict[str, str] = {
    ABSENT: "the request has none, or what stands there is no text or number",
    ENCODING: "the body is not in the content coding that it names, or in one that is not read",
    NOT_JSON: "the body is neither JSON nor a form",
    NOT_PROTOBUF: "the first message of the call of gRPC is no protocol buffer",
    COST: "it stands behind more than is looked through",
    TOO_LARGE: "it is not in the beginning of the body that is at hand when a version gets the request",
}
"""Reason to what it means."""
