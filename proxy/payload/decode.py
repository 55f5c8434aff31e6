"""The door of payload: a record in, an observation out. Never raises; what cannot be read is a reason and a count.

A codec turns one parsed body into tensors. Protocols without a codec are `opaque`: latency and status still count.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
from msgspec import Struct

from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload import kserve_v1, mlflow, oip, openai, plain
from proxy.payload.encoding import decompress
from proxy.payload.reading import Body, Found, Unreadable, field

REASONS = frozenset(
    (
        "json",
        "schema",
        "shape",
        "values",
        "binary",
        "pointer",
        "too_many_tensors",
        "too_many_values",
        "encoding",
        "expansion",
        "too_large",
        "internal",
    )
)
"""Why a body could not be read; label values of metrics. `too_large`: the worker did not keep it. `internal`: a bug of
a codec."""


class Codec(Struct, frozen=True):
    """How the two bodies of a protocol are read. Both may raise Unreadable or orjson.JSONDecodeError."""

    request: Callable[[Body], Found]
    response: Callable[[Body], Found]


CODECS: dict[Protocol, Codec] = {
    "oip": Codec(oip.read_request, oip.read_response),
    "kserve-v1": Codec(kserve_v1.read_request, kserve_v1.read_response),
    "mlflow": Codec(mlflow.read_request, mlflow.read_response),
    "openai": Codec(openai.read_request, openai.read_response),
    "json": Codec(plain.read_request, plain.read_response),
}

NOTHING = Found()
USUAL = Analysis()


def decode(record: Record, protocol: Protocol, source: tuple[int, str], analysis: Analysis = USUAL) -> Observation:
    """What `record` says in the words of `protocol`. `source` is (worker, incarnation)."""
    seen = Observation(
        source,
        record.exchange,
        record.request_id,
        record.route,
        record.version,
        record.role,
        record.share,
        record.status,
        record.failure,
        record.started,
        record.first_byte,
        record.total,
        record.key,
    )
    codec = CODECS.get(protocol)
    if codec is None:
        return seen
    if record.request:
        found, seen.unreadable_request = _read(codec.request, record.request, record.request_fields, analysis, [])
        seen.inputs = found.tensors
    elif record.request is None and record.request_fields:
        seen.unreadable_request = "too_large"
    if not seen.answered:
        return seen
    if record.response:
        fields = record.response_fields
        found, seen.unreadable_response = _read(codec.response, record.response, fields, analysis, record.chunks)
        seen.outputs, seen.text = found.tensors, found.text
    elif record.response is None:
        seen.unreadable_response = "too_large"
    return seen


def _read(
    codec: Callable[[Body], Found], data: bytes, fields: bytes, analysis: Analysis, chunks: list[float]
) -> tuple[Found, str]:
    try:
        lines = fields.lower()
        if coding := field(lines, b"content-encoding"):
            data = decompress(data, coding)
        return codec(Body(data, lines, analysis, chunks)), ""
    except Unreadable as error:
        return NOTHING, error.reason
    except (orjson.JSONDecodeError, RecursionError):
        return NOTHING, "json"
    except Exception:
        # Bodies come from strangers; a codec's bug must cost one observation, not the control process.
        return NOTHING, "internal"
