"""What can go wrong with an exchange or a leg, by source, and the status that the client gets for it.

A failure is a value: whoever notices one returns or reports its reason; the edge looks the answer up here.
The reasons are also label values of metrics, so their number is bounded.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Source = Literal["downstream", "upstream", "internal"]


class Failure(Struct, frozen=True):
    """`status` is what the client is told (RFC 9110 §15); 499 means that there is no client left to tell."""

    reason: str
    source: Source
    status: int
    title: str


FAILURES: dict[str, Failure] = {
    failure.reason: failure
    for failure in (
        Failure("bad_request", "downstream", 400, "The request is not valid HTTP/1.1"),
        Failure("no_route", "downstream", 404, "No route matches this request"),
        Failure("head_timeout", "downstream", 408, "The request head did not arrive in time"),
        Failure("body_timeout", "downstream", 408, "The request body did not arrive in time"),
        Failure("body_too_large", "downstream", 413, "The request body is larger than this route allows"),
        Failure("uri_too_long", "downstream", 414, "The request target is too long"),
        Failure("expectation_failed", "downstream", 417, "Only the expectation 100-continue is supported"),
        Failure("head_too_large", "downstream", 431, "The request head is too large"),
        Failure("client_abort", "downstream", 499, "The client went away"),
        Failure("not_implemented", "downstream", 501, "This method or transfer coding is not supported"),
        Failure("version_not_supported", "downstream", 505, "Only HTTP/1.0 and HTTP/1.1 are supported"),
        Failure("connect_failed", "upstream", 502, "The model server cannot be reached"),
        Failure("connect_timeout", "upstream", 504, "The model server did not accept a connection in time"),
        Failure("reset", "upstream", 502, "The model server closed the connection before its answer was complete"),
        Failure("answer_too_large", "upstream", 502, "The answer of a shadow is larger than is read"),
        Failure("malformed", "upstream", 502, "The model server's answer is not valid HTTP/1.1"),
        Failure("response_timeout", "upstream", 504, "The model server did not answer in time"),
        Failure("idle_timeout", "upstream", 504, "The model server stopped in the middle of its answer"),
        Failure("total_timeout", "upstream", 504, "The whole exchange took longer than this route allows"),
        Failure("pool_full", "upstream", 503, "All connections to the model server are busy, and too many wait"),
        Failure("late", "upstream", 504, "The canary's first byte did not arrive in time"),
        Failure("draining", "internal", 503, "This proxy is shutting down"),
        Failure("overloaded", "internal", 503, "Too many requests are in flight on this route"),
        Failure("too_many_connections", "internal", 503, "Too many connections are open"),
        Failure("no_table", "internal", 503, "There is no routing table yet"),
        Failure("internal", "internal", 500, "The proxy failed; this is a bug"),
    )
}
