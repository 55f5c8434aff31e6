"""A collector of spans for tests: takes OTLP over HTTP as any other does, and keeps what it got."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2


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


class Collector(ThreadingHTTPServer):
    """`spans` so far; `status` is what it answers with; `headers` are those of the last request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.refused = 0
        self.spans: list[Seen] = []
        self.headers: dict[str, str] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def of(self, kind: str, **attributes: object) -> list[Seen]:
        """The spans of a kind that have all these attributes, `penumbra.` being left out of their names."""
        wanted = {f"penumbra.{name}": value for name, value in attributes.items()}.items()
        return [span for span in list(self.spans) if span.kind == kind and wanted <= span.attributes.items()]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collector

    def do_POST(self) -> None:
        collector = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        collector.headers = {name.lower(): value for name, value in self.headers.items()}
        assert self.path == "/v1/traces"
        if collector.status == 200:
            collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
        else:
            collector.refused += 1
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(collector.status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


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
