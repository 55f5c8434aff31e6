"""The access log: one line for an exchange, of those that are in the sample or went wrong.

- Which are in the sample is decided by the request id alone, so that the lines of one request in several sidecars are
  there together, or not at all.
- Lines are made from records: an exchange without one (`penumbra_records_dropped_total`) has no line.
- A call of gRPC has its service, its method and its status besides; its `status` is that of HTTP which means the same.
  No line has anything of a message.
- At most `MAX_LINES_PER_SECOND` lines a second; the rest, and what stderr does not take, is counted in `dropped`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from proxy.contracts.bounds import MAX_NAME, MAX_PATH, clipped
from proxy.contracts.grpc_status import NAMES
from proxy.contracts.journal import AccessLog
from proxy.contracts.record import Record
from proxy.control.telemetry.calls import RpcMethod, method_of, status_of
from proxy.control.telemetry.exchanges import ExchangeStory
from proxy.control.telemetry.throttle import Throttle
from proxy.control.telemetry.trace_context import trace_context

MAX_LINES_PER_SECOND = 1000
"""Lines a second: about 3 % of a CPU, so that an outage under load does not slow down what ends it."""

HASH_VALUES = 1 << 32

Write = Callable[[Mapping[str, object]], bool]


class AccessLogger:
    """`use` what is configured, then `take` exchanges. `write` queues the fields of a line, or refuses at once."""

    __slots__ = ("_settings", "_throttle", "_write", "dropped")

    def __init__(self, write: Write) -> None:
        self._write = write
        self._settings: AccessLog | None = None
        self._throttle = Throttle(MAX_LINES_PER_SECOND)
        self.dropped = {"rate": 0, "unread": 0}

    @property
    def on(self) -> bool:
        """Whether there is anything to log."""
        return self._settings is not None

    def use(self, settings: AccessLog | None) -> None:
        """Logs by these settings from now on; None: nothing."""
        self._settings = settings

    def take(self, stories: Iterable[ExchangeStory], now: float) -> None:
        """Logs those that are to be logged."""
        settings = self._settings
        if settings is None:
            return
        for exchange in stories:
            if (settings.errors and exchange.failed) or sampled(exchange.leg.request_id, settings.percent):
                self._log(exchange, now)

    def _log(self, exchange: ExchangeStory, now: float) -> None:
        if not self._throttle.allows(now):
            self.dropped["rate"] += 1
        elif not self._write(line(exchange)):
            self.dropped["unread"] += 1


def sampled(request_id: str, percent: float) -> bool:
    """Whether a request belongs to the `percent` (0 to 100) that are logged, in whichever sidecar it is seen."""
    digest = blake2b(request_id.encode(errors="surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest) * 100 < percent * HASH_VALUES


def line(exchange: ExchangeStory) -> dict[str, Any]:
    """The fields of a line. Seconds; null where nothing is known. The query of the path may hold secrets, and goes."""
    leg, canary, method, context = (
        exchange.leg,
        exchange.canary,
        method_of(exchange.leg),
        trace_context(exchange.leg.request_fields),
    )
    before = leg.started - exchange.started
    return {
        "request_id": leg.request_id,
        "trace_id": context.trace_id if context else None,
        "route": leg.route,
        "version": leg.version,
        "role": leg.role,
        "method": clipped(leg.method, MAX_NAME) or None,
        "path": clipped(leg.path.partition("?")[0], MAX_PATH) or None,
        "status": exchange.status,
        "failure": leg.failure or None,
        "detail": leg.detail or None,
        "rescued": rescued(canary) if canary else None,
        "started": datetime.fromtimestamp(exchange.started, UTC).isoformat(timespec="milliseconds"),
        "duration": round(before + leg.total, 6) if leg.total else None,
        "first_byte": round(before + leg.first_byte, 6) if leg.first_byte else None,
        "share": leg.share,
    } | (called(leg, method) if method else {})


def called(leg: Record, method: RpcMethod) -> dict[str, Any]:
    """What a line says of a call of gRPC besides."""
    code = status_of(leg)
    return {
        "rpc_service": method.service,
        "rpc_method": method.name,
        "grpc_status": code,
        "grpc_status_name": None if code is None else NAMES[code],
    }


def rescued(canary: Record) -> dict[str, Any]:
    """Why another leg answered in place of this one."""
    return {"version": canary.version, "reason": canary.code, "detail": canary.detail or None}
