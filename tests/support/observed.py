"""Records as tests write them: who, what, when, and then what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.contracts.observation import Observation, Tensor, Text
from proxy.contracts.table import Role


def observation(
    source: tuple[int, str],
    exchange: int,
    request_id: str,
    route: str,
    version: str,
    role: Role,
    share: float,
    status: int,
    failure: str,
    started: float,
    first_byte: float,
    total: float,
    key: int = 0,
    inputs: Sequence[Tensor] = (),
    outputs: Sequence[Tensor] = (),
    text: Text | None = None,
    **more: Any,
) -> Observation:
    """A leg that needed no body."""
    return Observation(
        exchange=exchange,
        route=route,
        version=version,
        role=role,
        share=share,
        started=started,
        total=total,
        status=status,
        failure=failure,
        first_byte=first_byte,
        request_id=request_id,
        key=key,
        source=source,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        text=text,
        **more,
    )
