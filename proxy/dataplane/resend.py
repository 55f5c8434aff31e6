"""Whether a request is sent again to the same version, once, when its connection ends without a byte of an answer.

| `retry` of the route | sent again |
|---|---|
| `unprocessed` | where nothing of it can have been processed: `stale` |
| `idempotent` | also where it may have been, if it is idempotent (RFC 9110 §9.2.2): `reset` |
| `always` | also every other: `reset` |
| `never` | none |

`stale` (RFC 9112 §9.3.1): the connection was used before, and its server had closed it while it was idle, which only
its use has shown. That is so where the end came within `STALE_SECONDS`, and the server's kernel has not taken the
request, or has reset the connection within `UNREAD_SECONDS`: its program closed without having read the request.

A try that may have been processed has failed: it counts as a leg that did, and a canary's is not sent again where the
primary can answer in its place. What takes too long is not sent again, nor what was answered, whatever the status.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.message import RequestHead

IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))
"""Methods whose requests may be processed twice (RFC 9110 §9.2.2)."""

IDEMPOTENCY_KEY: Final = b"idempotency-key"
"""The field by which a client says so of any other (draft-ietf-httpapi-idempotency-key-header)."""

REFUSALS: Final[dict[str, str]] = {
    "never": "this route says `retry: never`",
    "again": "it was sent again before",
    "processed": "the server may have worked on it",
    "not_idempotent": "the server may have worked on it, and it is not idempotent",
    "too_large": "its body is larger than what is kept of one (limits.rescue_body)",
    "no_memory": "this proxy had no memory to keep its body",
}
"""Why a request is not sent again, as a metric has it and as the client is told."""


def is_idempotent(head: RequestHead) -> bool:
    """Whether a request may be processed twice, as far as its head tells."""
    return head.method in IDEMPOTENT or head.field(IDEMPOTENCY_KEY) is not None


def decide(retry: str, head: RequestHead, stale: bool, again: bool) -> tuple[bool, str]:
    """Whether the request is sent again, and why, or why not (a key of `REFUSALS`). `again`: it was already."""
    if retry == "never" or again:
        return False, "never" if retry == "never" else "again"
    if stale:
        return True, "stale"
    if retry == "always" or (retry == "idempotent" and is_idempotent(head)):
        return True, "reset"
    return False, "not_idempotent" if retry == "idempotent" else "processed"
