"""Records: which exchanges have one, what travels with which leg, bounds."""

from __future__ import annotations

from collections import Counter

from proxy.contracts.record import MAX_REQUEST_ID
from proxy.contracts.table import Share
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
