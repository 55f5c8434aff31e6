"""Failures of an exchange or a leg, by source, with the status that the client gets.

A failure is a value: the code that notices one returns its reason, and the edge looks the answer up in `FAILURES`. The
reasons are label values of metrics too, so their number is bounded.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FailureSource = Literal["downstream", "upstream", "internal"]


class Failure(Struct, frozen=True):
    """One way in which an exchange or a leg fails."""

    reason: str
    """Stable name: in problem documents, logs and the label `code`."""
    source: FailureSource
    """Side that caused the failure. What is charged to a version says `contracts.outcome`."""
    status: int
    """Status of the client's answer (RFC 9110 §15); 499: the client has gone, and nothing is sent."""
    title: str
    """Sentence of the problem document."""


FAILURES: dict[str, Failure] = {
    failure.reason: failure
    for failure in (
        Failure("bad_request", "downstream", 400, "The request is not valid HTTP"),
        Failure("no_route", "downstream", 404, "No route matches this request"),
        Failure("head_timeout", "downstream", 408, "The request head did not arrive in time"),
        Failure("body_timeout", "downstream", 408, "The request body did not arrive in time"),
        Failure("body_too_large", "downstream", 413, "The request body is larger than this route allows"),
        Failure("uri_too_long", "downstream", 414, "The request target is too long"),
        Failure("expectation_failed", "downstream", 417, "Only the expectation 100-continue is supported"),
        Failure("head_too_large", "downstream", 431, "The request head is too large"),
        Failure("client_abort", "downstream", 499, "The client went away"),
        Failure("client_deadline", "downstream", 504, "The deadline that the client gave its call has passed"),
        Failure("upload_abort", "downstream", 499, "The client went away before its request was complete"),
        Failure("not_implemented", "downstream", 501, "This method or transfer coding is not supported"),
        Failure("version_not_supported", "downstream", 505, "Only HTTP/1.0 and HTTP/1.1 are supported"),
        Failure("tls_hello", "downstream", 400, "A TLS handshake came to a port of plain HTTP/1.1"),
        Failure("not_tls", "downstream", 400, "Plain HTTP came to a port of TLS"),
        Failure("proxy_preface", "downstream", 400, "A header of the PROXY protocol came to a port of HTTP/1.1"),
        Failure("http2_preface", "downstream", 505, "HTTP/2 began where it cannot: after another request"),
        Failure("http2_flood", "downstream", 400, "A client of HTTP/2 did what none would, too often"),
        Failure(
            "rewrite_too_large", "downstream", 413, "The request is too large to be rewritten for the model server"
        ),
        Failure("rewrite_not_json", "downstream", 422, "The request's body cannot be read to be rewritten"),
        Failure("rewrite_no_place", "downstream", 422, "The request's body has no place for what is to be set in it"),
        Failure("rewrite_coding", "downstream", 415, "The request has a content coding that cannot be rewritten"),
        Failure("rewrite_path", "downstream", 404, "The request's path cannot be rewritten for the model server"),
        Failure("rewrite_grpc", "downstream", 501, "A call of gRPC cannot be rewritten for the model server"),
        Failure("rewrite_call", "downstream", 422, "The request has no call of gRPC that means the same"),
        Failure("answer_untellable", "internal", 502, "The answer to a call of gRPC cannot be told by REST"),
        Failure("loop", "internal", 508, "This request has passed through this proxy before"),
        Failure("connect_failed", "upstream", 502, "The model server cannot be reached"),
        Failure("connect_timeout", "upstream", 504, "The model server did not accept a connection in time"),
        Failure("tls_failed", "upstream", 502, "The model server and this proxy do not agree on TLS"),
        Failure("reset", "upstream", 502, "The model server closed the connection before its answer was complete"),
        Failure(
            "fields_too_large",
            "upstream",
            502,
            "The head or the trailers of the answer are larger than its client takes",
        ),
        Failure("answer_too_large", "internal", 502, "The answer of a shadow is larger than is read"),
        Failure("malformed", "upstream", 502, "The model server's answer is not valid HTTP"),
        Failure("response_timeout", "upstream", 504, "The model server did not answer in time"),
        Failure("idle_timeout", "upstream", 504, "The model server stopped in the middle of its answer"),
        Failure("total_timeout", "upstream", 504, "The whole exchange took longer than this route allows"),
        Failure("no_resources", "internal", 503, "This proxy's host has no resources for another connection"),
        Failure("pool_full", "internal", 503, "All connections to the model server are busy, and too many wait"),
        Failure("stalled", "internal", 504, "This proxy stood still while the model server had its time to answer"),
        Failure("late", "upstream", 504, "The first byte of a canary or baseline did not arrive in time"),
        Failure("no_memory", "internal", 503, "This proxy has no memory for another request"),
        Failure("internal", "internal", 500, "This proxy has made a mistake of its own"),
        Failure("overloaded", "internal", 503, "Too many requests are in flight on this route"),
        Failure("too_many_connections", "internal", 503, "Too many connections are open"),
        Failure("rolled_back", "internal", 503, "The version that the stream was with has been rolled back"),
        Failure("draining", "internal", 503, "This proxy is about to end"),
        Failure("no_table", "internal", 503, "There is no routing table yet"),
    )
}
