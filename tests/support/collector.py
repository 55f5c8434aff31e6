"""A collector of spans for tests: takes OTLP over HTTP as any other does, and keeps what it got."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.serving import Handler, Serving


class Seen(NamedTuple):
    """A span as it arrived: ids in hex, times in Unix seconds."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start: float
    end: float
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Collector(Serving):
    """`spans` so far; `status` is what it answers with; `headers` are those of the last request."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.status = 200
        self.refused = 0
        self.spans: list[Seen] = []
        self.headers: dict[str, str] = {}

    @property
    def endpoint(self) -> str:
        return f"{self.url}/v1/traces"

    def of(self, kind: str, **attributes: object) -> list[Seen]:
        """The spans of a kind that have all these attributes, `penumbra.` being left out of their names."""
        wanted = {f"penumbra.{name}": value for name, value in attributes.items()}.items()
        return [span for span in list(self.spans) if span.kind == kind and wanted <= span.attributes.items()]


class _Handler(Handler):
    server: Collector

    def do_POST(self) -> None:  # noqa: N802
        collector = self.server
        body = self.body()
        collector.headers = {name.lower(): value for name, value in self.headers.items()}
        assert self.path == "/v1/traces"
        if collector.status == 200:
            collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
        else:
            collector.refused += 1
        self.answer(collector.status, ExportTraceServiceResponse().SerializeToString(), "application/x-protobuf")


def _spans(request: ExportTraceServiceRequest) -> list[Seen]:
    return [
        Seen(
            span.name,
            trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano / 1e9,
            span.end_time_unix_nano / 1e9,
            span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
            _plain(span.attributes),
            _plain(group.resource.attributes),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _plain(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")
