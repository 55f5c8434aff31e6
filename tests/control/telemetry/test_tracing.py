"""Spans from records: who belongs where, what is not traced, and what is lost. No collector: see tests/process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from proxy.contracts.bounds import MAX_PATH
from proxy.contracts.grpc_status import NAMES
from proxy.contracts.journal import Tracing
from proxy.contracts.leg_join import MAX_WAIT
from proxy.contracts.record import Record
from proxy.contracts.table import Version
from proxy.control.telemetry import spans
from proxy.control.telemetry.exchanges import Stories
from proxy.control.telemetry.tracing import Tracer
from tests.control.records import SOURCE, answer, failure, leg
from tests.support.running import eventually

VERSIONS = {"v1": Version("v1", "127.0.0.1", 81, "v1.example:81", "/base"), "v2": Version("v2", "::1", 82, "[::1]:82")}
UNSAMPLED = b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n"


class Exporter:
    """In place of the one that sends."""

    def __init__(self, endpoint: str) -> None:
        self.spans: list[ReadableSpan] = []
        self.result = SpanExportResult.SUCCESS
        MADE.append(self)

    def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += batch
        return self.result

    def shutdown(self) -> None:
        """Nothing is open."""


MADE: list[Exporter] = []
Make = Callable[..., Tracer]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(spans, "OTLPSpanExporter", Exporter)
    MADE.clear()
    tracers: list[Tracer] = []

    def make(percent: float = 100.0) -> Tracer:
        tracers.append(Tracer(lambda: VERSIONS))
        tracers[-1].use(Tracing("http://collector/", percent))
        return tracers[-1]

    yield make
    for tracer in tracers:
        tracer.use(None)


def sent(tracer: Tracer) -> list[ReadableSpan]:
    """Everything, once it was sent: tracing ends with it."""
    tracer.use(None)
    eventually(lambda: not any(thread.is_alive() for _, thread in tracer._retired), "the end of all threads")
    return MADE[-1].spans


class Told:
    """A tracer behind the join that feeds it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer, self._stories = tracer, Stories()

    def __call__(self, *records: Record, source: tuple[int, str] = SOURCE, now: float = 10.0) -> None:
        self._tracer.take(self._stories.take(records, source, now, copies=True), now)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def roles(found: list[ReadableSpan]) -> list[str]:
    return [f"{span.kind.name} {facts(span)['penumbra.role']}" for span in found]


def test_copies_find_their_exchange_before_and_after_it(make: Make) -> None:
    tracer = make(0.0)
    tell = Told(tracer)
    tell(leg("shadow", 1), leg("shadow", 2))
    tell(leg("shadow", 1), source=(1, "another worker"))
    tell(answer())
    tell(leg("noise", 1))
    found = sent(tracer)
    assert roles(found) == ["SERVER primary", "CLIENT primary", "CLIENT shadow", "CLIENT noise"]
    server, *legs = found
    assert server.parent is not None and server.parent.span_id == 0x00F067AA0BA902B7
    assert all(each.parent is not None and each.parent.span_id == server.context.span_id for each in legs)
    assert facts(legs[0])["url.full"] == "http://v1.example:81/base/v2"
    assert facts(legs[0])["server.address"] == "127.0.0.1"
    assert "server.address" not in facts(legs[1])  # v3 is no longer configured


def test_nothing_is_sent_of_what_is_not_traced(make: Make) -> None:
    for percent, fields, traced in [
        (100.0, b"", True),
        (0.0, b"", False),
        (100.0, UNSAMPLED, False),
        (100.0, UNSAMPLED * 2, True),
        (0.0, UNSAMPLED, False),
        (0.0, answer().request_fields, True),
    ]:
        tracer = make(percent)
        Told(tracer)(answer(request_fields=fields), leg("shadow"))
        assert len(sent(tracer)) == 3 * traced, (percent, fields)


def test_the_percentage_is_that_of_the_traces(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MAX_SPANS_PER_SECOND", 1_000_000)
    tracer = make(10.0)
    Told(tracer)(*[answer(exchange=number, request_fields=b"") for number in range(3000)])
    found = sent(tracer)
    assert len(found) % 2 == 0 and 200 < len(found) / 2 < 400


def test_times_and_statuses(make: Make) -> None:
    tracer = make()
    Told(tracer)(failure("canary", reason="late", first_byte=0.5), answer("rescue", started=1001.0))
    server, canary, rescue = sent(tracer)
    times = [(span.start_time, span.end_time) for span in (server, canary, rescue)]
    assert times == [
        (1_000_000_000_000, 1_001_020_000_000),
        (1_000_000_000_000, 1_000_500_000_000),
        (1_001_000_000_000, 1_001_020_000_000),
    ]
    assert [span.status.is_ok for span in (server, canary, rescue)] == [True, False, True]
    assert facts(canary)["error.type"] == "late" and "http.response.status_code" not in facts(canary)
    assert facts(server)["penumbra.rescued_from"] == "v2"


def test_a_mistake_of_the_client_is_an_error_of_the_leg_only(make: Make) -> None:
    tracer = make()
    Told(tracer)(answer(status=404))
    server, client = sent(tracer)
    assert server.status.is_ok and not client.status.is_ok
    assert "error.type" not in facts(server) and facts(client)["error.type"] == "404"


def test_copies_without_an_exchange_are_counted(make: Make) -> None:
    tracer = make()
    tell = Told(tracer)
    tell(*[leg("shadow", number) for number in range(15)])
    assert tracer.counts == {"exported": 0, "failed": 0, "queue_full": 0, "rate": 0, "orphaned": 0}
    tell(answer(exchange=14), now=10.0 + MAX_WAIT)
    assert tracer.counts["orphaned"] == 14
    assert roles(sent(tracer)).count("CLIENT shadow") == 1


def test_a_tracer_remembers_no_longer_than_the_join(make: Make) -> None:
    tracer = make()
    tell = Told(tracer)
    tell(answer(exchange=1, copies=1), answer(exchange=2, copies=2), answer(exchange=3, copies=0))
    assert len(tracer._parents) == 2
    tell(leg("shadow", 1))
    assert len(tracer._parents) == 1
    tell(now=10.0 + MAX_WAIT)
    assert not tracer._parents


def test_spans_that_do_not_fit_are_counted_and_not_made(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MAX_QUEUED_SPANS", 7)
    monkeypatch.setattr(spans, "MAX_BATCH", 7)
    monkeypatch.setattr(spans, "DELAY_MILLISECONDS", 3_600_000)
    tracer = make()
    tell = Told(tracer)
    tell(*[answer(exchange=number) for number in range(3)])
    tell(failure("canary", 3), answer("rescue", 3))
    assert tracer.counts["queue_full"] == 2 or MADE[-1].spans  # the processor's thread may have made room meanwhile
    tell(leg("shadow", 3))
    total = tracer.counts["queue_full"] + len(sent(tracer))
    assert total == 3 * 2 + 3 + 1


def test_an_exchange_beyond_the_rate_is_not_traced(make: Make) -> None:
    tracer = make()
    tell = Told(tracer)
    tell(*[answer(exchange=number) for number in range(600)])
    tell(leg("shadow", 1), leg("shadow", 599))
    assert tracer.counts["rate"] == 200
    tell(answer(exchange=600), now=11.0)
    assert len(sent(tracer)) == 1000 + 1 + 2


def test_what_was_counted_stays_counted(make: Make) -> None:
    tracer = make()
    Told(tracer)(answer())
    MADE[-1].result = SpanExportResult.FAILURE
    sent(tracer)
    assert tracer.counts["failed"] == 2
    tracer.use(Tracing("http://other/", 100.0))
    Told(tracer)(answer())
    sent(tracer)
    assert (tracer.counts["failed"], tracer.counts["exported"]) == (2, 2)
    tracer.use(None)
    assert not tracer.on and len(MADE) == 2


def test_the_path_of_a_span_is_bounded(make: Make) -> None:
    tracer = make()
    tracer.take(Stories().take([answer(path="/" + "p" * 15_000)], SOURCE, 0.0, copies=True), 0.0)
    tracer.use(None)
    eventually(lambda: len(MADE[0].spans) == 2, "both spans")
    shown = [str(value) for span in MADE[0].spans for value in (span.attributes or {}).values()]
    assert max(map(len, shown)) < 2 * MAX_PATH


GRPC = b"content-type: application/grpc\r\n"
INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.mark.parametrize(
    ("code", "status", "server", "client"),
    [
        (0, 200, False, False),
        (3, 400, False, True),
        (13, 500, True, True),
        (14, 503, True, True),
        (1, 499, False, True),
    ],
)
def test_a_call_is_told_by_the_conventions_for_rpc(
    make: Make, code: int, status: int, server: bool, client: bool
) -> None:
    tracer = make()
    given: dict[str, Any] = {"path": INFER, "request_fields": GRPC, "call": code, "status": status, "detail": "why"}
    Told(tracer)(answer(**given), leg("shadow", call=0))
    by_kind = {f"{span.kind.name} {facts(span)['penumbra.role']}": span for span in sent(tracer)}
    wanted = {"rpc.system": "grpc", "rpc.service": "inference.GRPCInferenceService", "rpc.method": "ModelInfer"}
    for kind, failed in (("SERVER primary", server), ("CLIENT primary", client)):
        span = by_kind[kind]
        assert facts(span).items() >= (wanted | {"rpc.grpc.status_code": code}).items()
        assert "http.response.status_code" not in facts(span)
        assert span.name == "inference.GRPCInferenceService/ModelInfer"
        assert (span.status.is_ok, span.status.description) == (not failed, "why" if failed else None)
        assert facts(span).get("error.type") == (NAMES[code] if failed else None)
    assert facts(by_kind["CLIENT shadow"])["rpc.grpc.status_code"] == 0


def test_a_call_without_an_answer_fails_by_its_reason(make: Make) -> None:
    tracer = make()
    Told(tracer)(failure(reason="connect_failed", path=INFER, method="POST", request_fields=GRPC))
    for span in sent(tracer):
        assert (facts(span)["rpc.grpc.status_code"], facts(span)["error.type"]) == (14, "connect_failed")
