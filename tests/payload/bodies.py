"""Bodies through the door of payload, for tests of the codecs."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import DEFAULT_ANALYSIS, Analysis
from proxy.contracts.table import Protocol
from proxy.payload.decode import decode
from tests.support.records import record as made


def read(
    protocol: Protocol, request: Any = None, response: Any = None, analysis: Analysis = DEFAULT_ANALYSIS, **more: Any
) -> Observation:
    bodies = [None if x is None else x if isinstance(x, bytes) else orjson.dumps(x) for x in (request, response)]
    record = made(request=bodies[0], response=bodies[1], **more)
    return decode(record, protocol, (0, "a"), analysis)


def shown(tensors: tuple[Tensor, ...]) -> list[Any]:
    return [(t.name, t.rows, t.width, t.kind, list(t.data), t.columns) for t in tensors]
