"""The door of payload: a record in, an observation out. Never raises; what cannot be read is a reason and a count.

A codec turns one parsed body into tensors. Protocols without a codec are `opaque`: latency and status still count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.record import Record
from proxy.contracts.table import Protocol
from proxy.payload import oip
from proxy.payload.reading import Unreadable

REASONS = frozenset(
    ("json", "schema", "shape", "too_many_tensors", "too_many_values", "values", "encoding", "internal")
)
"""Why a body could not be read; label values of metrics. `internal`: a bug of a codec, logged by whoever counts it."""


class Codec(Struct, frozen=True):
    """How the two bodies of a protocol are read. Both may raise Unreadable."""

    request: Callable[[Any], tuple[Tensor, ...]]
    response: Callable[[Any], tuple[Tensor, ...]]


CODECS: dict[Protocol, Codec] = {"oip": Codec(oip.read_request, oip.read_response)}


def decode(record: Record, protocol: Protocol, source: tuple[int, str]) -> Observation:
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
        seen.inputs, seen.unreadable_request = _read(codec.request, record.request)
    if record.response and seen.answered:
        seen.outputs, seen.unreadable_response = _read(codec.response, record.response)
    return seen


def _read(codec: Callable[[Any], tuple[Tensor, ...]], body: bytes) -> tuple[tuple[Tensor, ...], str]:
    try:
        return codec(orjson.loads(body)), ""
    except Unreadable as error:
        return (), error.reason
    except orjson.JSONDecodeError:
        return (), "json"
    except Exception:
        # Bodies come from strangers; a codec's bug must cost one observation, not the control process.
        return (), "internal"
