"""Settings of what is told of single exchanges: lines of the access log, and spans."""

from __future__ import annotations

from msgspec import Struct

from proxy.contracts.tls import ClientTls


class AccessLog(Struct, frozen=True):
    """Lines of the log about single exchanges."""

    percent: float = 1.0
    """Part of the exchanges, chosen by request id."""
    errors: bool = True
    """Also each exchange in which a version failed."""


class Tracing(Struct, frozen=True):
    """Spans of exchanges and legs. A request whose caller decided about its trace follows that decision."""

    endpoint: str
    """URL of the collector, to which spans are sent by OTLP/HTTP."""
    percent: float = 1.0
    """Part of the other exchanges that is traced."""
    tls: ClientTls | None = None
    """TLS towards the collector; None: as the system says, where its URL is one of https."""
