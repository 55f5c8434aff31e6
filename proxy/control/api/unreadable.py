"""What comes to the admin API and is no request that it can read: named in one line of the log, never by a traceback.

- A client that takes the port for another (TLS, HTTP/2, the PROXY protocol) is told by its first bytes, as on the port
  of the traffic.
- The rest aiohttp answers with 400 and would log with its stacks, as if this program had failed.

The same is logged once in `AGAIN_SECONDS`.
"""

from __future__ import annotations

import logging
from json import dumps

from aiohttp.http import HttpProcessingError

from proxy.contracts.failure import FAILURES
from proxy.contracts.prefaces import PREFACES

log = logging.getLogger("penumbra.control")

AGAIN_SECONDS = 60.0
"""Seconds before the same is logged again."""

LONGEST = max(len(preface) for preface, _, _ in PREFACES)


class UnreadableRequests(logging.Filter):
    """Says so; as a filter of aiohttp's log, in place of its stacks."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def answer(self, first: bytes, now: float) -> bytes:
        """The answer to a client whose first bytes are those of another protocol; b"" to any other."""
        for preface, reason, detail in PREFACES:
            if first.startswith(preface):
                self._tell(detail, now)
                return problem(reason, detail)
        return b""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether aiohttp may log this: not what a client got wrong."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._tell(error.message.partition("\n")[0].rstrip(": ") or type(error).__name__, record.created)
        return False

    def _tell(self, what: str, now: float) -> None:
        if now - self._told.get(what, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._told[what] = now
        log.warning("a request to the admin API cannot be read: %s", what)


def problem(reason: str, detail: str) -> bytes:
    """The answer, in clear, to what comes by another protocol; `reason` is one of `contracts.failure`."""
    failure = FAILURES[reason]
    document = {"type": "/problems/malformed", "title": failure.title, "status": failure.status, "detail": detail}
    body = dumps(document).encode()
    head = f"HTTP/1.1 {failure.status} Malformed\r\nContent-Type: application/problem+json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
