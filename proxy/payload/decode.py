"""The door of payload: a record in, an observation out. Never raises; what cannot be read is a reason and a count.

A codec turns one parsed body into tensors. Protocols without a codec are `opaque`: latency and status still count.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor, unread
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


Usual = Callable[[bytes], tuple[Tensor, ...] | None]


class Codec(Struct, frozen=True):
    """How the two bodies of a protocol are read. Both may raise Unreadable or orjson.JSONDecodeError.

    A `usual` reader is tried first: it takes a body of the commonest form in one step, and says None to all others.
    """

    request: Callable[[Body], Found]
    response: Callable[[Body], Found]
    usual_request: Usual | None = None
    usual_response: Usual | None = None


CODECS: dict[Protocol, Codec] = {
    "oip": Codec(oip.read_request, oip.read_response, oip.usual_request, oip.usual_response),
    "kserve-v1": Codec(kserve_v1.read_request, kserve_v1.read_response),
    "mlflow": Codec(mlflow.read_request, mlflow.read_response),
    "openai": Codec(openai.read_request, openai.read_response),
    "json": Codec(plain.read_request, plain.read_response),
}

NOTHING = Found()
USUAL = Analysis()


def decode(record: Record, protocol: Protocol, source: tuple[int, str], analysis: Analysis = USUAL) -> Observation:
    """What `record` says in the words of `protocol`. `source` is (worker, incarnation).

    An observation is filled in where it stands and gives up its bodies; any other record stays as it is.
    """
    seen = record if type(record) is Observation else unread(record)
    seen.source = source
    codec = CODECS.get(protocol)
    if codec is not None:
        _read_request(seen, codec, analysis)
        if not seen.failure and 200 <= seen.status < 300:
            _read_response(seen, codec, analysis)
    seen.request = seen.response = None
    return seen


def _read_request(seen: Observation, codec: Codec, analysis: Analysis) -> None:
    data = seen.request
    if data:
        usual = codec.usual_request(data) if codec.usual_request else None
        if usual is not None:
            seen.inputs = usual
        else:
            found, seen.unreadable_request = _read(codec.request, data, seen.request_fields, analysis, [])
            seen.inputs = found.tensors
    elif data is None and seen.request_fields and not seen.failure:
        seen.unreadable_request = "too_large"


def _read_response(seen: Observation, codec: Codec, analysis: Analysis) -> None:
    data = seen.response
    if data:
        usual = codec.usual_response(data) if codec.usual_response else None
        if usual is not None:
            seen.outputs = usual
        else:
            fields, chunks = seen.response_fields, seen.chunks
            found, seen.unreadable_response = _read(codec.response, data, fields, analysis, chunks)
            seen.outputs, seen.text = found.tensors, found.text
    elif data is None:
        seen.unreadable_response = "too_large"


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
