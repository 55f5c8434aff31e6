"""Spans of real exchanges, as a collector gets them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.process.conftest import Start, Write
from tests.support.collector import Collector, Seen
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CANARY = "canary: {version: b, percent: 100}"
SHADOW = "shadows: [{version: b, percent: 100}]"
RESOLUTION = 1e-6
"""Seconds. A float of Unix time tells 0.24 us, and the end of a leg is the sum of two."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def tracing(collector: Collector, percent: int = 0) -> str:
    return f"tracing: {{endpoint: {collector.endpoint}, percent: {percent}}}"


def ask(running: Running, path: str = "/predict?q=1", flags: str = "01", method: str = "GET") -> int:
    traceparent = f"00-{TRACE}-{CALLER}-{flags}" if flags else ""
    return call(running.data, method, path, headers={"traceparent": traceparent, "x-request-id": "req-1"}).status


def exchange(collector: Collector, legs: int) -> tuple[Seen, list[Seen]]:
    """The only exchange and its legs, as soon as they are there."""
    eventually(lambda: len(collector.spans) >= 1 + legs, f"an exchange and {legs} legs")
    (server,) = collector.of("SERVER")
    return server, collector.of("CLIENT")


def test_an_exchange_and_its_legs_belong_to_the_trace_of_the_caller(
    start: Start, collector: Collector, a: Upstream, b: Upstream
) -> None:
    running = start(route=SHADOW, top=tracing(collector))
    begun = time.time()
    assert ask(running, method="POST") == 200
    server, legs = exchange(collector, 2)
    assert (server.trace_id, server.parent_id, server.name) == (TRACE, CALLER, "POST r")
    assert begun - 1 < server.start < server.end < time.time() + 1
    assert server.attributes.items() >= {
        "http.request.method": "POST",
        "url.path": "/predict",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "penumbra.route": "r",
        "penumbra.version": "a",
        "penumbra.role": "primary",
        "penumbra.request_id": "req-1",
    }.items()  # fmt: skip
    assert server.resource["service.name"] == "penumbra"
    assert {(leg.attributes["penumbra.role"], leg.attributes["server.port"]) for leg in legs} == {
        ("primary", a.server_port), ("shadow", b.server_port),
    }  # fmt: skip
    for leg in legs:
        assert (leg.trace_id, leg.parent_id, leg.failed) == (TRACE, server.span_id, False)
        assert leg.attributes["url.full"].endswith("/predict") and leg.start < leg.end


def test_what_is_no_inference_has_its_spans_and_no_copy(start: Start, collector: Collector, b: Upstream) -> None:
    running = start(route=SHADOW, top=tracing(collector))
    assert ask(running, "/healthz") == 200
    server, (leg,) = exchange(collector, 1)
    assert (server.name, server.attributes["url.path"]) == ("GET r", "/healthz")
    assert (leg.trace_id, leg.parent_id, leg.attributes["penumbra.role"]) == (TRACE, server.span_id, "primary")
    assert ask(running, method="POST") == 200
    eventually(lambda: b.seen, "a copy of the inference")
    assert b.seen == [("POST", "/predict?q=1")]


def test_a_rescue_is_two_legs(start: Start, collector: Collector, b: Upstream) -> None:
    running = start(route=CANARY, top=tracing(collector))
    b.status = 503
    assert ask(running) == 200
    server, legs = exchange(collector, 2)
    assert not server.failed and server.attributes["penumbra.rescued_from"] == "b"
    by_role = {leg.attributes["penumbra.role"]: leg for leg in legs}
    canary, rescue = by_role["canary"], by_role["rescue"]
    assert canary.failed and canary.attributes["error.type"] == "503"
    assert server.start == canary.start < canary.end <= rescue.start + RESOLUTION
    assert rescue.start < rescue.end == server.end
    assert not rescue.failed and rescue.attributes["http.response.status_code"] == 200


def test_a_failure_is_an_error_with_its_reason(start: Start, collector: Collector, a: Upstream) -> None:
    running = start(top=tracing(collector, percent=100))
    a.garbage = b"no HTTP\r\n\r\n"
    assert ask(running) == 502
    server, (leg,) = exchange(collector, 1)
    assert (server.trace_id, server.parent_id, server.attributes["url.path"]) == (TRACE, CALLER, "/predict")
    assert server.start == leg.start < leg.end == server.end
    assert server.failed and leg.failed
    assert server.attributes["error.type"] == leg.attributes["error.type"] == "malformed"
    assert server.attributes["http.response.status_code"] == 502
    assert "http.response.status_code" not in leg.attributes


def test_who_decides_what_is_traced(start: Start, write: Write, collector: Collector) -> None:
    running = start(top=tracing(collector, percent=100))
    assert ask(running, "/not-sampled-by-the-caller", flags="00") == 200
    assert ask(running, "/without-a-caller", flags="") == 200
    server, _ = exchange(collector, 1)
    assert server.attributes["url.path"] == "/without-a-caller" and server.parent_id == ""
    assert re.fullmatch("[0-9a-f]{32}", server.trace_id) and server.trace_id != TRACE
    write(top=tracing(collector, percent=0))
    eventually(lambda: running.events("the configuration file has changed"), "a reload")
    eventually(lambda: traced_by_caller_only(running, collector), "the new percentage")


def traced_by_caller_only(running: Running, collector: Collector) -> bool:
    """One of each: the percentage is 0 when only the one that the caller has sampled arrives."""
    collector.spans.clear()
    ask(running, "/without-a-caller", flags="")
    ask(running, "/sampled-by-the-caller")
    eventually(lambda: any(s.attributes.get("url.path") == "/sampled-by-the-caller" for s in collector.spans), "a span")
    return all(s.attributes["url.path"] == "/sampled-by-the-caller" for s in collector.of("SERVER"))


def test_what_waits_is_sent_at_the_end(start: Start, collector: Collector) -> None:
    running = start(top=tracing(collector))
    ask(running)
    eventually(
        lambda: metric(running, 'requests_total{code="200",role="primary",route="r",version="a"}') >= 1, "a count"
    )
    running.kill(running.pid, 15)
    assert running.wait() == 0
    assert {span.kind for span in collector.spans} == {"SERVER", "CLIENT"}


def test_spans_that_a_collector_refuses_are_counted_and_said_once(start: Start, collector: Collector) -> None:
    running = start(top=tracing(collector))
    assert metric(running, 'spans_total{outcome="exported"}') == 0
    collector.status = 400
    for number in range(2):
        ask(running)
        eventually(lambda: metric(running, 'spans_total{outcome="failed"}') == 2 * (number + 1), "the loss")  # noqa: B023
    assert len(running.events("spans are lost")) == 1
    assert len(running.events("Failed to export")) == 1
    collector.status = 200
    ask(running)
    eventually(lambda: metric(running, 'spans_total{outcome="exported"}') == 2, "spans that are taken again")
    running.event("spans are exported again")


def test_a_collector_that_hangs_does_not_hold_up_the_end(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        running = start(top=f"tracing: {{endpoint: 'http://127.0.0.1:{deaf.getsockname()[1]}/', percent: 100}}")
        ask(running)
        with deaf.accept()[0]:
            running.kill(running.pid, 15)
            assert running.wait() == 0
    (control,) = [event for event in running.events("child exited") if event["child"] == "control"]
    assert control["code"] == 0


def metric(running: Running, name: str) -> float:
    lines = running.ask("GET", "/metrics").body.decode().splitlines()
    found = (float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"penumbra_{name}"))
    return next(found, -1.0)
