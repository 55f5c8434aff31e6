"""The proxy's own answers as JSON (RFC 9457)."""

from __future__ import annotations

import json

from proxy.contracts.failure import Failure


def problem_body(failure: Failure, detail: str) -> bytes:
    """The body of an `application/problem+json` answer; its type is `about:blank` with the reason beside it."""
    return json.dumps(
        {
            "type": "about:blank",
            "title": failure.title,
            "status": failure.status,
            "reason": failure.reason,
            "detail": detail,
        }
    ).encode()
