"""Spans as OpenTelemetry has them, and their way to a collector. The only module that imports OpenTelemetry.

- Sampling is ParentBased over TraceIdRatioBased: a caller that recorded its span, or did not, is followed; where there
  is none the trace id decides.
- Attributes follow the semantic conventions for HTTP, or those for RPC where it is a call of gRPC: named by its method,
  an error by what its status means to who answers, or who asks. `penumbra.*` stands beside them.
- A BatchSpanProcessor sends. At most `MAX_QUEUED_SPANS` spans wait or are under way, and no exchange is traced once
  `MAX_SPANS_PER_SECOND` spans were made in a second, whatever callers have sampled; further ones are counted, not
  made.
- Standard environment variables for the service's name and resource, and for headers, certificates, compression and
  timeout of the exporter are heard by OpenTelemetry itself (`OTEL_SERVICE_NAME`, `OTEL_EXPORTER_OTLP_HEADERS`, …).
  Where there is a section `tracing.tls`, it alone says how TLS is spoken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import StatusCode

from proxy import __version__
from proxy.contracts.bounds import MAX_NAME, MAX_PATH, clipped
from proxy.contracts.grpc_status import HTTP_STATUS, NAMES
from proxy.contracts.journal import Tracing
from proxy.contracts.record import Record
from proxy.contracts.table import Version
from proxy.control.telemetry.calls import RpcMethod, method_at, method_of, status_of
from proxy.control.telemetry.exchanges import ExchangeStory
from proxy.control.telemetry.throttle import Throttle
from proxy.control.telemetry.trace_context import trace_context

if TYPE_CHECKING:
    from proxy.control.telemetry.span_transport import SpanTransport

log = logging.getLogger("penumbra.tracing")

MAX_QUEUED_SPANS = 8192
"""Spans that wait: at a kilobyte each what control can spare, and seconds of a collector that restarts."""
MAX_SPANS_PER_SECOND = 1000
"""Spans a second: about 9 % of a CPU."""
MAX_BATCH = 512
DELAY_MILLISECONDS = 500
"""Milliseconds until a span is sent."""


class Parent(NamedTuple):
    """Parent span of the legs of an exchange, and the request that they share."""

    context: Context
    method: str
    path: str
    call: RpcMethod | None = None


Attributes = dict[str, str | int | float]


class CountingExporter(SpanExporter):
    """Counts what an exporter does. Called by the processor's thread only."""

    def __init__(self, inner: SpanExporter, endpoint: str, transport: SpanTransport | None = None) -> None:
        self._inner, self._endpoint, self._transport = inner, endpoint, transport
        self._failing = self._said = False
        self.exported = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch; the exporter tries again by itself, for ten seconds."""
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            fine = result is SpanExportResult.SUCCESS
            if fine:
                self.exported += len(spans)
            else:
                self.failed += len(spans)
            self._tell(not fine)
        return result

    def shutdown(self) -> None:
        """Ends also a try that is under way."""
        self._inner.shutdown()

    def filter(self, record: logging.LogRecord) -> bool:
        """As a filter of the exporter's log: lets it say once why it fails, and not with each try."""
        first, self._said = not self._said, True
        return first

    def _tell(self, failing: bool) -> None:
        if failing and not self._failing:
            why = self._transport.why if self._transport else ""
            because = f": tls_failed ({why})" if why else ""
            log.error("spans are lost: %s does not take them%s", self._endpoint, because)
        elif self._failing and not failing:
            log.info("spans are exported again to %s", self._endpoint)
        self._failing = failing
        self._said = self._said and failing


class Spans:
    """Makes spans of exchanges and legs and sends them. `close` blocks until what waits is sent, or has failed."""

    def __init__(self, settings: Tracing, versions: Callable[[], Mapping[str, Version]]) -> None:
        self._transport = _transport(settings)
        exporter = OTLPSpanExporter(settings.endpoint, **_by(self._transport))
        self._versions = versions
        self._exporter = CountingExporter(exporter, settings.endpoint, self._transport)
        self._log = logging.getLogger(OTLPSpanExporter.__module__)
        self._log.addFilter(self._exporter)
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=MAX_QUEUED_SPANS,
            max_export_batch_size=MAX_BATCH,
            schedule_delay_millis=DELAY_MILLISECONDS,
        )
        provider = TracerProvider(
            ParentBased(TraceIdRatioBased(settings.percent / 100)), _resource(), shutdown_on_exit=False
        )
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("penumbra", __version__)
        self._throttle = Throttle(MAX_SPANS_PER_SECOND)
        self._made = self._refused = self._late = 0

    def renew(self, settings: Tracing) -> None:
        """The same settings, of which the files may hold something else."""
        if self._transport is not None and settings.tls is not None:
            self._transport.use(settings.tls)

    @property
    def counts(self) -> dict[str, int]:
        """Spans since the start."""
        return {
            "exported": self._exporter.exported,
            "failed": self._exporter.failed,
            "queue_full": self._refused,
            "rate": self._late,
        }

    def exchange(self, exchange: ExchangeStory, now: float) -> Parent | None:
        """Makes the spans of an exchange and the legs that the client waited for; None: it is not traced."""
        leg, canary, start = exchange.leg, exchange.canary, _nanoseconds(exchange.started)
        legs = (canary, leg) if canary else (leg,)
        call = method_of(leg)
        name = call.whole if call else f"{_method(leg) or 'HTTP'} {leg.route}"
        span = self._tracer.start_span(name, _caller(leg.request_fields), SpanKind.SERVER, start_time=start)
        if not span.is_recording():
            return None
        if not self._throttle.allows(now, 1 + len(legs)):
            self._late += 1 + len(legs)
            return None
        context = set_span_in_context(NonRecordingSpan(span.get_span_context()), Context())
        parent = Parent(context, _method(leg), clipped(leg.path, MAX_PATH), call)
        if self._room():
            span.set_attributes(_of_exchange(exchange))
            _judge(span, leg, exchange.status, 500, call)
            self._end(span, leg)
        for each in legs:
            self.leg(each, parent)
        return parent

    def leg(self, leg: Record, parent: Parent) -> None:
        """Makes the span of a leg."""
        if not self._room():
            return
        start = _nanoseconds(leg.started)
        version = self._versions().get(leg.version)
        call = method_at(leg, version, parent.call)
        span = self._tracer.start_span(
            call.whole if call and call.name else f"{parent.method or 'HTTP'} {leg.version}",
            parent.context,
            SpanKind.CLIENT,
            _of_leg(leg, parent, version, call),
            start_time=start,
        )
        _judge(span, leg, leg.status, 400, call)
        self._end(span, leg)

    def close(self) -> None:
        """Sends what waits."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]
        self._log.removeFilter(self._exporter)

    def _room(self) -> bool:
        room = self._made - self._exporter.exported - self._exporter.failed < MAX_QUEUED_SPANS
        self._refused += not room
        return room

    def _end(self, span: Span, leg: Record) -> None:
        self._made += 1
        span.end(_nanoseconds(leg.started + max(leg.total, leg.first_byte)))


def _of_leg(leg: Record, parent: Parent, version: Version | None, call: RpcMethod | None) -> Attributes:
    attributes = _of_any(leg, parent.method)
    if version is not None:
        attributes |= {"server.address": version.host, "server.port": version.port}
        path = parent.path if call is parent.call else f"/{call.whole}" if call and call.name else ""
        attributes["url.full"] = f"{version.url}{path}"
    return attributes


def _of_any(leg: Record, method: str) -> Attributes:
    attributes: Attributes = {
        "penumbra.route": leg.route,
        "penumbra.version": leg.version,
        "penumbra.role": leg.role,
        "penumbra.share": leg.share,
    }
    if method:
        attributes["http.request.method"] = method
    if leg.first_byte:
        attributes["penumbra.first_byte"] = leg.first_byte
    return attributes


def _of_exchange(exchange: ExchangeStory) -> Attributes:
    leg = exchange.leg
    attributes = _of_any(leg, _method(leg))
    attributes |= {
        "url.scheme": "http",
        "url.path": clipped(leg.path, MAX_PATH),
        "penumbra.request_id": leg.request_id,
    }
    if exchange.canary is not None:
        attributes["penumbra.rescued_from"] = exchange.canary.version
    return attributes


def _method(leg: Record) -> str:
    return clipped(leg.method, MAX_NAME)


def _judge(span: Span, leg: Record, status: int, bad: int, call: RpcMethod | None) -> None:
    """A status from `bad` on is an error: 400 for who asks, 500 for who answers; one of gRPC by the status of HTTP that
    means the same."""
    code = status_of(leg) if call else None
    if call:
        span.set_attributes({"rpc.system": "grpc", "rpc.service": call.service})
        if call.name:
            span.set_attribute("rpc.method", call.name)
    if code is not None:
        span.set_attribute("rpc.grpc.status_code", code)
        status = HTTP_STATUS[code]
    elif status:
        span.set_attribute("http.response.status_code", status)
    if leg.failure or status >= bad:
        span.set_attribute("error.type", leg.failure or (str(status) if code is None else NAMES[code]))
        span.set_status(StatusCode.ERROR, leg.detail or None)


def _caller(fields: bytes) -> Context:
    """The span of the caller as the parent; an empty context where there is none."""
    context = trace_context(fields)
    if context is None:
        return Context()
    parent = SpanContext(int(context.trace_id, 16), int(context.parent_id, 16), True, TraceFlags(context.flags))
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _transport(settings: Tracing) -> SpanTransport | None:
    if settings.tls is None:
        return None
    from proxy.control.telemetry.span_transport import SpanTransport

    return SpanTransport(settings.tls)


def _by(transport: SpanTransport | None) -> dict[str, Any]:
    """Options of the exporter."""
    if transport is None:
        return {}
    from proxy.control.telemetry.span_transport import session_by

    return {"session": session_by(transport)}


def _resource() -> Resource:
    usual = Resource({"service.name": "penumbra", "service.version": __version__})
    return Resource.create().merge(usual).merge(OTELResourceDetector().detect())


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
