"""Records: which exchanges have one, what travels with which leg, bounds."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import asdict, replace

from proxy.contracts.record import DISTURBED, MAX_REQUEST_ID, UNARY, UNREAD
from proxy.contracts.table import Match, Share
from proxy.dataplane.recorder import MAX_RECORDED
from tests.support.fakes import Bench, asked
from tests.support.plane import route


def test_a_part_of_the_exchanges_is_recorded_where_control_asks_for_a_part() -> None:
    bench = Bench(route())
    bench.shared.recorder.sample = 0.5
    numbers = [bench.shared.recorder.next_exchange() for _ in range(1000)]
    drawn = [number for number in numbers if number]
    assert drawn == list(range(1, len(drawn) + 1)) and 350 < len(drawn) < 650
    assert bench.outbox.dropped == Counter(sampled=1000 - len(drawn))


def test_an_exchange_that_is_not_recorded_is_counted_all_the_same() -> None:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    bench.shared.recorder.sample = 0.0
    bench.ask()
    bench.pools["v1"].last.answer()
    bench.shadow_pools["v3"].last.answer()
    assert bench.outbox.records == [] and sum(bench.legs().values()) == 2


def test_a_large_request_travels_without_its_body() -> None:
    for size, travels in ((MAX_RECORDED, True), (MAX_RECORDED + 1, False)):
        bench = Bench(route(shadows=(Share("v3", 100.0),)))
        bench.ask(b"x" * size)
        bench.pools["v1"].last.answer()
        (record,) = bench.outbox.records
        assert (record.request is not None) == travels and record.copies == 1


def test_a_request_id_is_cut() -> None:
    bench = Bench(route())
    head = asked(5)
    head.request_id = b"a" * 1000
    bench.ask(head=head)
    bench.pools["v1"].last.answer()
    assert bench.outbox.records[0].request_id == "a" * MAX_REQUEST_ID


def test_for_a_journal_opaque_legs_are_recorded_without_bodies() -> None:
    bench = Bench(route(protocol="opaque", journal=True))
    bench.ask(b"question")
    bench.pools["v1"].last.answer()
    (record,) = bench.outbox.records
    assert (record.request, record.response, record.path) == (None, None, "/v2/models/m/infer")
    opaque = Bench(route(protocol="opaque"))
    opaque.ask()
    opaque.pools["v1"].last.answer()
    assert opaque.outbox.records == []


def test_of_calls_that_nobody_reads_a_capture_has_the_requests() -> None:
    head = asked(8)
    head.fields = b"content-type: application/grpc\r\n"
    for unread in (True, False):
        for path in (b"/a.Service/Do", b"/grpc.health.v1.Health/Check"):
            bench = Bench(replace(route(protocol="grpc", unread=unread), match=Match("/")))
            call = head.changed(path, head.fields)
            call.length = 8
            bench.ask(b"question", head=call)
            bench.pools["v1"].last.answer()
            kept = [(record.request, record.response) for record in bench.outbox.records]
            assert kept == ([(b"question", None)] if unread and b"health" not in path else [])


def test_each_fact_stands_in_its_place() -> None:
    bench = Bench(route())
    exchange, _ = bench.ask(b"question")
    leg = exchange.leg
    assert leg is not None
    exchange.number, exchange.request_id, exchange.key, exchange.copies = 3, b"id", 5, 7
    leg.status, leg.failure, leg.started, leg.first_byte = 418, "reset", 11.0, 13.0
    leg.fields, leg.answer, leg.chunks, leg.ends = b"answer: 1\r\n", [b"an", b"swer"], [17.0], [19]
    leg.beginning, leg.ending, exchange.inference = b"begins", b"ends", False
    leg.parts, leg.marks, leg.detail, leg.call = 29, DISTURBED, "two lengths", 13
    bench.shared.recorder.put(exchange, leg, 23.0, True)
    (record,) = bench.outbox.records
    epoch = bench.shared.recorder.epoch
    head, arm = exchange.head, leg.arm
    assert asdict(record) == {
        "exchange": 3, "route": arm.route, "version": arm.version, "role": arm.role, "share": arm.share,
        "started": 11.0 + epoch, "total": 23.0, "status": 418, "failure": "reset", "first_byte": 13.0,
        "request_id": "id", "key": 5, "copies": 7, "inference": False, "call": 13, "method": head.method.decode(),
        "path": head.path.decode(), "request_fields": head.fields, "request": None,
        "response_fields": b"answer: 1\r\n", "response": b"answer", "chunks": [17.0], "ends": [19],
        "beginning": b"begins", "ending": b"ends", "parts": 29, "partial": False,
        "marks": DISTURBED | UNARY, "detail": "two lengths",
    }  # fmt: skip


@pytest.mark.parametrize("path", [b"/a.Service/Do", b"/inference.GRPCInferenceService/ModelInfer"])
@pytest.mark.parametrize("failure", ["", "response_timeout"])
def test_each_leg_of_a_call_says_whether_anybody_reads_its_messages(path: bytes, failure: str) -> None:
    """Its copies, too, which carry no path, and those that failed, which have no answer."""
    bench = Bench(replace(route(protocol="grpc", unread=True, shadows=(Share("v3", 100.0),)), match=Match("/")))
    head = asked(5)
    head.path = path
    bench.ask(head=head)
    bench.pools["v1"].last.answer()
    copy = bench.shadow_pools["v3"].last
    if failure:
        copy.fail(failure)
    else:
        copy.answer()
    marks = [record.marks & UNREAD for record in bench.outbox.records]
    assert marks == [0 if b"inference" in path else UNREAD] * 2
