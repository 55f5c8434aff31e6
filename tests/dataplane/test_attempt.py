"""What a leg and a copy have in common: the stale connection, the bound of what is kept, one count."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from proxy.contracts.failure import FAILURES
from proxy.contracts.outcome import outcome_of
from proxy.contracts.record import Record
from proxy.contracts.table import Limits, Share
from proxy.dataplane.attempt import STALE_SECONDS
from proxy.dataplane.recorder import MAX_BEGINNING, MAX_CHUNK_TIMES, MAX_PART, MAX_RECORDED
from proxy.routing.breaker import FAILURES_TO_OPEN
from tests.support.fakes import Bench, FakePool, FakeStream
from tests.support.plane import route


def shadowed() -> Bench:
    return Bench(route(shadows=(Share("v3", 100.0),)))


def pool_of(bench: Bench, kind: str) -> FakePool:
    return bench.pools["v1"] if kind == "leg" else bench.shadow_pools["v3"]


KINDS = pytest.mark.parametrize("kind", ["leg", "copy"])


@KINDS
def test_a_stale_connection_is_nobody_s_fault(kind: str) -> None:
    bench = shadowed()
    bench.ask(b"hello")
    pool = pool_of(bench, kind)
    pool.last.fail("reset")
    assert pool.asked == [False, True]
    assert pool.last.body == b"hello"
    pool.last.answer()
    role = "primary" if kind == "leg" else "shadow"
    counted = bench.counted()
    assert counted["legs"] == {(pool.version.name, role, "200"): 1} and counted["bad"] == {}
    assert counted["retries"] == {("r", pool.version.name, "stale"): 1}


@KINDS
def test_a_connection_that_ends_later_was_open_and_the_request_is_not_sent_again(kind: str) -> None:
    bench = shadowed()
    bench.ask(b"hello")
    bench.clock.pass_(STALE_SECONDS + 0.01)
    pool = pool_of(bench, kind)
    pool.last.fail("reset")
    counted = bench.counted()
    assert pool.asked == [False] and counted["retries"] == {}
    assert sum(counted["bad"].values()) == 1


@KINDS
def test_a_second_reset_is(kind: str) -> None:
    bench = shadowed()
    bench.ask(b"hello")
    pool = pool_of(bench, kind)
    pool.last.fail("reset")
    pool.last.fail("reset")
    assert pool.asked == [False, True]
    assert sum(bench.counted()["bad"].values()) == 1


@KINDS
def test_nor_a_second_one_on_a_connection_that_was_used_before(kind: str) -> None:
    """A pool at its limit serves the retry from a connection that comes back."""
    bench = shadowed()
    bench.ask(b"hello")
    pool = pool_of(bench, kind)
    pool.how = "wait"
    pool.last.fail("reset")
    (user,) = pool.waiting
    pool.waiting = []
    pool.give(user, False, bench.clock.now)
    pool.last.fail("reset")
    assert pool.asked == [False, True]
    assert sum(bench.counted()["bad"].values()) == 1


def partly(stream: FakeStream) -> None:
    stream.received = True
    stream.fail("reset")


@KINDS
@pytest.mark.parametrize(
    ("how", "ends"),
    [
        ("fresh", lambda stream: stream.fail("reset")),
        ("used", lambda stream: stream.fail("malformed")),
        ("used", partly),
    ],
    ids=["a new connection", "not a reset", "something was received"],
)
def test_what_is_not_stale_fails(kind: str, how: str, ends: object) -> None:
    bench = shadowed()
    pool = pool_of(bench, kind)
    pool.how = how
    bench.ask(b"hello")
    assert callable(ends)
    ends(pool.last)
    assert pool.asked == [False]
    assert sum(bench.counted()["bad"].values()) == 1


def test_a_stale_connection_without_the_body_at_hand_fails() -> None:
    bench = Bench(route(limits=Limits(rescue_body=1)))
    bench.ask(b"x" * 100_000)
    bench.pools["v1"].last.fail("reset")
    assert bench.legs() == {("v1", "primary", "reset"): 1}


def in_pieces(
    bench: Bench, kind: str, pieces: Iterable[bytes], media: bytes, length: int | None = None
) -> list[Record]:
    """An answer that comes piece by piece, a second apart; the parts of it, and its record."""
    bench.ask()
    stream = pool_of(bench, kind).last
    stream.head(200, length, media=media)
    for piece in pieces:
        bench.clock.pass_(1.0)
        stream.piece(piece)
    stream.end_answer()
    (record,) = [each for each in bench.outbox.records if each.role != "primary" or kind == "leg"]
    return [*bench.outbox.parts, record]


@KINDS
@pytest.mark.parametrize("media", [b"application/json", b"text/event-stream"])
@pytest.mark.parametrize(("size", "count"), [(10, 0), (MAX_PART // 4, 2), (MAX_PART + 1, 10), (3 * MAX_PART, 10)])
def test_a_large_answer_goes_to_control_in_parts(kind: str, media: bytes, size: int, count: int) -> None:
    pieces = [bytes([65 + n]) * size for n in range(10)]
    *parts, record = in_pieces(shadowed(), kind, pieces, media)
    sent = [*parts, record]
    assert b"".join([each.response or b"" for each in sent]) == b"".join(pieces)
    assert [end for each in sent for end in each.ends] == [size * (n + 1) for n in range(10)]
    assert [round(chunk) for each in sent for chunk in each.chunks] == [n + 1 for n in range(10)]
    assert [each.parts for each in sent] == list(range(len(sent))) and len(parts) == count
    assert all(each.partial and (each.exchange, each.role) == (record.exchange, record.role) for each in parts)
    assert [bool(each.response_fields) for each in parts] == [n == 0 for n in range(len(parts))]
    assert not record.partial and (record.beginning, record.ending) == (b"", b"")


@KINDS
def test_a_part_goes_when_it_has_as_many_times_as_it_can_carry(kind: str) -> None:
    count = 2 * MAX_CHUNK_TIMES + 3
    *parts, record = in_pieces(shadowed(), kind, [b"data: x\n\n"] * count, b"text/event-stream")
    assert [len(each.ends) for each in [*parts, record]] == [MAX_CHUNK_TIMES, MAX_CHUNK_TIMES, 3]


@KINDS
@pytest.mark.parametrize(
    ("media", "length", "full"),
    [(b"application/json", None, False), (b"application/json", MAX_RECORDED + MAX_PART, False), (b"a/b", 10, True)],
    ids=["grows too large", "said to be too large", "no room"],
)
def test_of_what_does_not_fit_the_beginning_is_kept(kind: str, media: bytes, length: int | None, full: bool) -> None:
    bench = shadowed()
    bench.outbox.full = full
    pieces = [b"x" * MAX_PART] * (MAX_RECORDED // MAX_PART + 1)
    *parts, record = in_pieces(bench, kind, pieces, media, length)
    assert record.response is None and record.beginning == b"x" * MAX_BEGINNING
    assert record.parts == len(parts) and bool(parts) == (length is None)


@KINDS
@pytest.mark.parametrize(("message", "whole"), [(MAX_PART, True), (MAX_RECORDED, True), (2 * MAX_RECORDED, False)])
def test_a_stream_of_grpc_goes_whole_unless_its_messages_are_too_large(kind: str, message: int, whole: bool) -> None:
    framed = b"\0" + message.to_bytes(4, "big") + bytes(message)
    body = framed * (2 * MAX_RECORDED // message + 1)
    pieces = [body[at : at + 2 * MAX_PART] for at in range(0, len(body), 2 * MAX_PART)]
    sent = in_pieces(shadowed(), kind, pieces, b"application/grpc")
    if whole:
        assert b"".join([each.response or b"" for each in sent]) == body
    else:
        assert sent[-1].response is None and sum(len(each.response or b"") for each in sent) <= MAX_RECORDED


def test_a_stream_that_is_not_taken_is_known_by_its_ends() -> None:
    bench = shadowed()
    bench.outbox.full = True
    (record,) = in_pieces(bench, "leg", [b"data: " + b"x" * 1000 + b"\n\n"] * 300, b"text/event-stream")
    assert record.response is None and record.beginning.startswith(b"data: x") and record.ending.endswith(b"x\n\n")
    assert len(record.ending) < 16 * 1024


def test_an_error_page_has_no_parts() -> None:
    bench = shadowed()
    bench.ask()
    stream = pool_of(bench, "leg").last
    stream.head(500, None)
    stream.piece(b"x" * (MAX_PART + 1))
    stream.end_answer()
    assert bench.outbox.parts == [] and bench.outbox.records[0].response is None


@pytest.mark.parametrize("reason", [r for r, f in FAILURES.items() if f.source == "downstream"])
def test_what_the_client_did_is_counted_and_charged_to_nobody(reason: str) -> None:
    bench = Bench(route(split=(Share("v2", 100.0),)))
    exchange, _ = bench.begin()
    exchange.reject(reason, "a test")
    counted = bench.counted()
    code = "upload_abort" if outcome_of(reason) == "abandoned" else reason
    assert counted["legs"] == {("v2", "canary", code): 1}
    assert counted["bad"] == {} and bench.outbox.records == []


@KINDS
def test_no_connection_is_charged(kind: str) -> None:
    bench = shadowed()
    pool_of(bench, kind).reason = "connect_timeout"
    bench.ask()
    assert sum(bench.counted()["bad"].values()) == 1
    assert [record.failure for record in bench.outbox.records] == ["connect_timeout"]


def test_a_canary_that_fails_again_and_again_is_ejected_and_a_success_brings_it_back() -> None:
    bench = Bench(route(split=(Share("v2", 100.0),)))
    pool = bench.pools["v2"]
    for _ in range(FAILURES_TO_OPEN):
        bench.ask()
        pool.last.fail("malformed")
        bench.clock.pass_(0.1)
    breaker = bench.route.targets[1].breaker
    assert breaker is not None and breaker.open
    before = len(pool.streams)
    bench.clock.now -= 0.05  # the next probe is not due
    bench.ask()
    assert len(pool.streams) == before
    bench.clock.pass_(0.2)
    bench.ask()
    assert len(pool.streams) == before + 1
    pool.last.answer()
    assert not breaker.open


def test_an_arm_that_was_forgotten_meanwhile_counts_all_the_same() -> None:
    bench = Bench(route())
    bench.tally.keep(frozenset())
    bench.ask()
    bench.pools["v1"].last.answer()
    assert bench.legs() == {("v1", "primary", "200"): 1}
