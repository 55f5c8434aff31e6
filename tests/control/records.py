"""Records as workers report them, for tests."""

from __future__ import annotations

from typing import Any

from proxy.contracts.record import Record

SOURCE = (0, "a")
FIELDS = b"accept: */*\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx-request-id: id\r\n"


def leg(role: str = "primary", exchange: int = 1, **changes: Any) -> Record:
    """A leg that the client has not seen: a copy, or one that failed."""
    versions = {"canary": "v2", "shadow": "v3"}
    given: dict[str, Any] = {
        "request_id": "id",
        "route": "cancer",
        "version": versions.get(role, "v1"),
        "share": 0.9,
        "status": 200,
        "failure": "",
        "started": 1000.0,
        "first_byte": 0.01,
        "total": 0.02,
    }
    return Record(exchange=exchange, role=role, **(given | changes))  # type: ignore[arg-type]


def answer(role: str = "primary", exchange: int = 1, **changes: Any) -> Record:
    """A leg that answered the client."""
    return leg(role, exchange, **({"path": "/v2", "method": "POST", "request_fields": FIELDS} | changes))


def failure(role: str = "primary", exchange: int = 1, reason: str = "reset", **changes: Any) -> Record:
    """A leg that failed, before anything came of it, and was not the last."""
    return leg(role, exchange, **({"status": 0, "failure": reason, "first_byte": 0.0} | changes))
