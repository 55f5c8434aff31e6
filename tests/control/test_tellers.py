"""Whoever tells of a leg says the same of how it ended: counters, access log, spans, capture, story, audit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace.status import StatusCode

from proxy.contracts.failure import FAILURES
from proxy.contracts.grpc_status import HTTP_STATUS, LABELS
from proxy.contracts.journal import Tracing
from proxy.contracts.outcome import OUTCOMES, outcome_of
from proxy.contracts.record import UNARY, ArmTick, Record
from proxy.contracts.table import COPY_ROLES, Role, Version
from proxy.control.capture.format import arms_of, captured, is_bad, line_of, parsed
from proxy.control.capture.sampling import stratum_of
from proxy.control.failed_requests import FailedRequests
from proxy.control.stories.failed_legs import answer_of
from proxy.control.stories.failed_legs import is_bad as is_charged
from proxy.control.telemetry import spans
from proxy.control.telemetry.access_log import line
from proxy.control.telemetry.exchanges import Stories
from tests.control.records import SOURCE
from tests.control.telemetry.test_tracing import Exporter

ROLES: tuple[Role, ...] = ("primary", "canary", "rescue", "shadow", "noise")
BY_GRPC = b"content-type: application/grpc\r\n"
VERSIONS = {"grpc": Version("grpc", "::1", 1, "grpc", grpc=True, http=2), "rest": Version("rest", "::1", 2, "rest")}

ends = st.one_of(
    st.sampled_from(sorted(HTTP_STATUS)).map(lambda code: {"call": code, "status": HTTP_STATUS[code]}),
    st.just({"call": 0, "status": 503}),
    st.sampled_from((200, 204, 302, 404, 429, 500, 503)).map(lambda status: {"status": status}),
    st.sampled_from(sorted(FAILURES)).map(lambda reason: {"failure": reason}),
)
"""How legs end, with the status and the call of each as workers report them. One that REST has no message for, and is
called by gRPC, may be told as a 503: it is not ready."""


@st.composite
def records(draw: st.DrawFn) -> Record:
    end = draw(ends)
    version = "grpc" if "call" in end else draw(st.sampled_from(("grpc", "rest"))) if "failure" in end else "rest"
    fields = draw(st.sampled_from((b"", BY_GRPC))) if version == "grpc" else b""
    unready = end.get("call") == 0 and end["status"] != 200
    return Record(
        exchange=1,
        route="r",
        version=version,
        role=draw(st.sampled_from(ROLES)),
        share=0.5,
        started=1000.0,
        total=0.5,
        request_id="id",
        copies=0,
        inference=not unready and draw(st.booleans()),
        method="POST",
        path="/inference.GRPCInferenceService/ModelInfer" if fields else "/v2/models/m/infer",
        request_fields=b"" if unready else fields,
        marks=draw(st.sampled_from((0, UNARY))),
        **end,
    )


class Told(Exporter):
    """The spans of a record."""

    def __init__(self, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("")
        monkeypatch.setattr(spans, "OTLPSpanExporter", lambda endpoint: self)
        made = spans.Spans(Tracing("http://collector/", 100.0), lambda: VERSIONS)
        (story,) = Stories().take([record], SOURCE, 0.0).stories
        self.line, self.status = line(story), story.status
        made.exchange(story, 10.0)
        made.close()

    def facts(self, kind: str) -> tuple[ReadableSpan, dict[str, Any]]:
        (found,) = [span for span in self.spans if span.kind.name == kind]
        return found, dict(found.attributes or {})


@given(record=records().filter(lambda record: record.role not in COPY_ROLES))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_log_and_both_spans_agree(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(record, monkeypatch)
    (server, asked), (client, called) = told.facts("SERVER"), told.facts("CLIENT")
    assert told.line["status"] == told.status
    assert (server.status.status_code is StatusCode.ERROR) == (told.status >= 500 or bool(record.failure))
    good = record.call == 0 or (record.call < 0 and record.status in range(200, 400))
    assert (client.status.status_code is StatusCode.ERROR) != good
    if record.request_fields == BY_GRPC:
        assert told.line["grpc_status"] == asked["rpc.grpc.status_code"] == called["rpc.grpc.status_code"]
        assert HTTP_STATUS[asked["rpc.grpc.status_code"]] >= 400 or told.status < 400
    else:
        assert "grpc_status" not in told.line and "rpc.system" not in asked
        assert asked.get("http.response.status_code") == told.status
        assert ("rpc.system" in called) == (record.version == "grpc")
    if record.call >= 0:
        assert called["rpc.grpc.status_code"] == record.call and "http.response.status_code" not in called


@given(record=records())
def test_counters_capture_story_and_audit_agree(record: Record) -> None:
    arm = ArmTick("r", record.version, record.role, 0.5, {record.code: 1}, inference=record.inference)
    assert arm.outcomes() == {record.outcome: 1}
    kept = parsed(line_of(captured(record, SOURCE, False)))
    assert isinstance(kept, Record) and (kept.outcome, kept.unary) == (record.outcome, record.unary)
    assert [each.outcomes() for each in arms_of([kept])] == [arm.outcomes()]
    failed = FailedRequests()
    failed.update([record])
    bad = record.outcome == "failed"
    assert is_bad(kept) == bad == (failed.get("r", [record.version]) == ["id"])
    assert stratum_of([record]) == f"r/{record.version}/{record.outcome}"
    assert is_charged(record) == (OUTCOMES[record.outcome].charge == "version")
    assert (answer_of(record).outcome, answer_of(record).code) == (record.outcome, record.code)


def test_a_label_of_a_call_means_its_status() -> None:
    assert [outcome_of(LABELS[code]) for code in HTTP_STATUS] == [outcome_of(str(HTTP_STATUS[c])) for c in HTTP_STATUS]
