"""Records as tests write them: usual facts, and by keyword what the test is about."""

from __future__ import annotations

from typing import Any

from proxy.contracts.record import Record

USUAL: dict[str, Any] = {
    "exchange": 1,
    "route": "r",
    "version": "v",
    "role": "primary",
    "share": 1.0,
    "started": 0.0,
    "total": 0.02,
    "status": 200,
    "first_byte": 0.01,
    "request_id": "id",
}


def record(**facts: Any) -> Record:
    """A leg that was answered with 200, with `facts` in place of the usual ones."""
    return Record(**USUAL | facts)
