"""The door of payload: a record in, an observation out. Never raises; what cannot be read is a reason and a count.

A codec turns one parsed body into tensors. Protocols without a codec are `opaque`: latency and status still count.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor, Text, observed
from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS, Analysis
from proxy.contracts.table import Protocol
from proxy.payload import kserve_v1, mlflow, oip, openai, plain
from proxy.payload.encoding import decompress
from proxy.payload.reading import Body, Content, Unreadable, field

Usual = Callable[[bytes], tuple[Tensor, ...] | None]


class Codec(Struct, frozen=True):
    """Readers of the two bodies of a protocol. Both may raise Unreadable or orjson.JSONDecodeError.

    A `usual` reader is tried first: it reads a body of the commonest form in one step, and returns None for any other.
    """

    request: Callable[[Body], Content]
    response: Callable[[Body], Content]
    usual_request: Usual | None = None
    usual_response: Usual | None = None


CODECS: dict[Protocol, Codec] = {
    "oip": Codec(oip.read_request, oip.read_response, oip.usual_request, oip.usual_response),
    "kserve-v1": Codec(kserve_v1.read_request, kserve_v1.read_response),
    "mlflow": Codec(mlflow.read_request, mlflow.read_response),
    "openai": Codec(openai.read_request, openai.read_response),
    "json": Codec(plain.read_request, plain.read_response),
}

NO_CONTENT = Content()


def decode(
    record: Record, protocol: Protocol, source: tuple[int, str], analysis: Analysis = DEFAULT_ANALYSIS
) -> Observation:
    """Reads the bodies of a record by the rules of `protocol`; the record stays as it is.

    - `source`: the worker and its incarnation.
    - `analysis`: what is configured of the route.
    """
    codec = CODECS.get(protocol)
    if codec is None:
        return observed(record, source)
    inputs, unread_request = _read_request(record, codec, analysis)
    if record.failure or not 200 <= record.status < 300:
        return observed(record, source, inputs, (), None, unread_request)
    outputs, text, unread_response = _read_response(record, codec, analysis)
    return observed(record, source, inputs, outputs, text, unread_request, unread_response)


def _read_request(record: Record, codec: Codec, analysis: Analysis) -> tuple[tuple[Tensor, ...], str]:
    data = record.request
    if not data:
        return (), "too_large" if data is None and record.request_fields and not record.failure else ""
    usual = codec.usual_request(data) if codec.usual_request else None
    if usual is not None:
        return usual, ""
    content, unread = _read(codec.request, data, record.request_fields, analysis, [])
    return content.tensors, unread


def _read_response(record: Record, codec: Codec, analysis: Analysis) -> tuple[tuple[Tensor, ...], Text | None, str]:
    data = record.response
    if not data:
        return (), None, "too_large" if data is None else ""
    usual = codec.usual_response(data) if codec.usual_response else None
    if usual is not None:
        return usual, None, ""
    content, unread = _read(codec.response, data, record.response_fields, analysis, record.chunks)
    return content.tensors, content.text, unread


def _read(
    codec: Callable[[Body], Content], data: bytes, fields: bytes, analysis: Analysis, chunks: list[float]
) -> tuple[Content, str]:
    try:
        lines = fields.lower()
        if coding := field(lines, b"content-encoding"):
            data = decompress(data, coding)
        return codec(Body(data, lines, analysis, chunks)), ""
    except Unreadable as error:
        return NO_CONTENT, error.reason
    except (orjson.JSONDecodeError, RecursionError):
        return NO_CONTENT, "json"
    except Exception:  # noqa: BLE001
        # Bodies come from strangers; a codec's bug must cost one observation, not the control process.
        return NO_CONTENT, "internal"
