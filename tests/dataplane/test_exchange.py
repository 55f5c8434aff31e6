"""An exchange between fake streams: its route, its body, its one answer; and that the table holds whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.memory import MIB
from proxy.contracts.message import ResponseHead
from proxy.contracts.table import Limits, Match, Rescue, Route, Share, Sticky, Timeouts
from proxy.dataplane.exchange import SILENT_CALL, Exchange
from proxy.dataplane.states import ASKING, OVER, QUEUED, ROUTED, ROUTING
from tests.support.fakes import Bench, FakeClient, FakePool, asked
from tests.support.plane import route

ALL = (Share("v2", 100.0),)


def test_the_primary_s_answer_goes_to_the_client() -> None:
    bench = Bench(route())
    exchange, client = bench.ask(b"hello")
    stream = bench.pools["v1"].last
    assert (stream.body, stream.calls) == (b"hello", ["end"])
    stream.answer(200, b"one")
    assert (client.status, client.body, client.whole, client.ends) == (200, b"one", True, ["done"])
    assert bench.legs() == {("v1", "primary", "200"): 1}
    assert exchange.over() and bench.inflight() == 0


def test_a_body_in_pieces_is_streamed_as_it_comes() -> None:
    bench = Bench(route())
    exchange, client = bench.begin()
    stream = bench.pools["v1"].last
    for piece in (b"a", b"bc"):
        exchange.request_body(piece)
        exchange.flush_request()
    assert stream.sent == [b"a", b"bc"] and stream.calls == []
    exchange.request_end()
    exchange.flush_request()
    assert stream.calls == ["end"]
    stream.answer()
    assert client.ends == ["done"]


CALL = b"content-type: application/grpc\r\n"
MESSAGE = b"\0\0\0\0\x03abc"


def test_a_call_goes_with_its_first_message() -> None:
    bench = Bench(route(buffer=100))
    exchange, _ = bench.begin(asked(fields=CALL))
    for piece in (MESSAGE[:3], MESSAGE[3:7]):
        exchange.request_body(piece)
        exchange.flush_request()
    assert exchange.state == ROUTED and bench.pools["v1"].streams == []
    exchange.request_body(MESSAGE[7:])
    exchange.flush_request()
    stream = bench.pools["v1"].last
    assert (stream.body, stream.calls) == (MESSAGE, [])
    exchange.request_body(MESSAGE)
    exchange.flush_request()
    assert (stream.body, stream.calls) == (MESSAGE * 2, [])


def test_a_call_that_is_complete_with_its_first_message_goes_as_one() -> None:
    bench = Bench(route(buffer=100))
    exchange, client = bench.ask(MESSAGE, asked(fields=CALL))
    stream = bench.pools["v1"].last
    assert (stream.body, stream.calls) == (MESSAGE, ["end"])
    stream.answer()
    assert client.ends == ["done"] and exchange.over()


@pytest.mark.parametrize(("fields", "goes"), [(CALL, True), (b"", False)], ids=["a call", "no call"])
def test_a_call_without_a_message_goes_in_a_while_since_its_server_may_speak_first(fields: bytes, goes: bool) -> None:
    bench = Bench(route(buffer=100))
    exchange, _ = bench.begin(asked(fields=fields))
    assert bench.pools["v1"].streams == []
    exchange.expire(bench.clock.pass_(2 * SILENT_CALL))
    assert bool(bench.pools["v1"].streams) == goes
    assert exchange.state == (ASKING if goes else ROUTED)


INFER = "inference.GRPCInferenceService/ModelInfer"
IRIS = Route("r", Match(f"/{INFER}", grpc=INFER, model="iris"), "grpc", "v1", limits=Limits(request_buffer=100))


def named(name: bytes, rest: bytes = b"") -> bytes:
    """The first message of a call that asks for a model."""
    message = b"\x12\x011" + rest + b"\x0a%c%b" % (len(name), name)
    return b"\0" + len(message).to_bytes(4, "big") + message


@given(st.lists(st.integers(1, 30), max_size=8), st.sampled_from([b"iris", b"wine"]), st.binary(max_size=20))
def test_the_model_of_a_call_decides_once_its_message_is_there_in_any_pieces(
    cuts: list[int], name: bytes, more: bytes
) -> None:
    bench, first = Bench(IRIS), named(name, b"\x3a\x05hello")
    exchange, client = bench.begin(asked(fields=CALL, path=b"/" + INFER.encode()))
    body, size = first + more, 0
    while size < len(body):
        step = cuts.pop() if cuts else len(body)
        exchange.request_body(body[size : size + step])
        exchange.flush_request()
        size += step
        there = size >= len(first)
        assert bool(bench.pools["v1"].streams) == (there and name == b"iris")
        assert client.ends == (["no_route", "done"] if there and name == b"wine" else [])
        if client.ends:
            break
    if name == b"iris":
        assert bench.pools["v1"].last.body == body


def test_a_call_that_names_no_model_is_refused_as_soon_as_that_is_known() -> None:
    bench = Bench(IRIS)
    _, client = bench.begin(asked(fields=CALL, path=b"/inference.GRPCInferenceService/ServerLive"))
    assert client.ends == ["no_route", "done"]
    exchange, client = bench.begin(asked(fields=CALL, path=b"/" + INFER.encode()))
    assert exchange.state == ROUTING and client.ends == []
    exchange.request_body(b"\0\0\0\0\0")
    exchange.flush_request()
    assert client.ends == ["no_route", "done"]
    assert bench.tally.take(0, "test", 1, True, {}).unread_keys == [("", "absent", 1)]


def test_a_long_message_names_its_model_within_what_is_held_of_it() -> None:
    bench = Bench(IRIS)
    bench.shared.deciding_body = 100
    exchange, _ = bench.begin(asked(fields=CALL, path=b"/" + INFER.encode()))
    exchange.request_body(b"\0\0\0\x10\0\x0a\x04iris\x3a\x80\x20" + b"x" * 100)
    assert exchange.state == ASKING


def test_what_is_no_call_waits_for_its_end() -> None:
    bench = Bench(route(buffer=100))
    exchange, _ = bench.begin(asked())
    exchange.request_body(MESSAGE)
    exchange.flush_request()
    assert exchange.state == ROUTED and bench.pools["v1"].streams == []


def test_a_request_takes_a_connection_once_it_is_complete() -> None:
    bench = Bench(route(buffer=100, limits=Limits(inflight=1)))
    exchange, client = bench.begin()
    exchange.request_body(b"x" * 60)
    exchange.flush_request()
    assert exchange.state == ROUTED and client.asked == 1
    assert bench.pools["v1"].streams == [] and bench.route.inflight.count == 0
    other, done = bench.ask()
    bench.pools["v1"].last.answer()
    assert done.ends == ["done"] and other.over(), "it is in nobody's way"
    exchange.read_at = bench.clock.pass_(20.0)
    exchange.request_body(b"x" * 40)
    exchange.request_end()
    exchange.flush_request()
    stream = bench.pools["v1"].last
    assert (stream.sent, stream.calls) == ([b"x" * 60, b"x" * 40], ["end"])
    stream.answer(at=bench.clock.pass_(0.25))
    arms = bench.tally.take(0, "test", 1, True, {}).arms
    assert [arm.total_sum for arm in arms] == [0.25], "the client's time is not the version's"


def test_a_request_larger_than_what_is_held_is_streamed() -> None:
    bench = Bench(route(buffer=100))
    exchange, _ = bench.begin()
    exchange.request_body(b"x" * 100)
    assert bench.pools["v1"].streams == []
    exchange.request_body(b"y")
    exchange.flush_request()
    exchange.request_body(b"z")
    exchange.flush_request()
    assert bench.pools["v1"].last.sent == [b"x" * 100, b"y", b"z"]


@pytest.mark.parametrize("how", ["gone", "late"])
def test_an_upload_that_never_ends_is_charged_to_nobody(how: str) -> None:
    bench = Bench(route(buffer=100, timeouts=Timeouts(idle=2.0), shadows=(Share("v3", 100.0),)))
    exchange, client = bench.begin()
    exchange.request_body(b"x")
    exchange.aborted() if how == "gone" else bench.sweep(2.1)
    counted = bench.counted()
    assert counted["legs"] == {} and counted["mirrored"] == {}
    reason = "client_abort" if how == "gone" else "body_timeout"
    assert counted["rejected"] == {("r", reason): 1} and bench.inflight() == 0
    assert client.ends == ([] if how == "gone" else ["body_timeout", "done"])


def test_a_place_in_flight_that_is_gone_when_the_request_is_complete() -> None:
    bench = Bench(route(buffer=100, limits=Limits(inflight=1)))
    exchange, client = bench.begin()
    bench.ask()
    exchange.request_body(b"x")
    exchange.request_end()
    assert client.ends == ["overloaded", "done"] and exchange.over()
    assert bench.counted()["rejected"] == {("r", "overloaded"): 1}


def test_without_a_table_or_a_route_the_proxy_answers() -> None:
    bench = Bench(route())
    _, client = bench.ask(head=asked(5, path=b"/elsewhere"))
    assert client.ends == ["no_route", "done"]
    bench.shared.table = None
    _, client = bench.ask()
    assert client.ends == ["no_table", "done"]
    assert bench.counted()["rejected"] == {("", "no_route"): 1, ("", "no_table"): 1}
    assert bench.inflight() == 0


def test_one_exchange_too_many_is_turned_away_and_the_place_comes_back() -> None:
    bench = Bench(route(limits=Limits(inflight=1)))
    bench.ask()
    _, refused = bench.ask()
    assert refused.ends == ["overloaded", "done"]
    bench.pools["v1"].last.answer()
    bench.ask()
    bench.pools["v1"].last.answer()
    counted = bench.counted()
    assert counted["legs"] == {("v1", "primary", "200"): 2}
    assert counted["rejected"] == {("r", "overloaded"): 1}


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_and_counted_once(announced: bool) -> None:
    bench = Bench(route(limits=Limits(body=10)))
    if announced:
        _, client = bench.begin(asked(11))
    else:
        exchange, client = bench.begin()
        exchange.request_body(b"x" * 11)
    assert client.ends == ["body_too_large", "done"]
    counted = bench.counted()
    assert sum(counted["legs"].values()) + sum(counted["rejected"].values()) == 1
    assert counted["bad"] == {} and bench.inflight() == 0


def test_a_version_that_depends_on_the_body_waits_for_it() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/user")))
    exchange, client = bench.begin(asked(13))
    assert exchange.state == ROUTED and client.asked == 1
    exchange.request_body(b'{"user": "a"}')
    exchange.request_end()
    exchange.flush_request()
    (stream,) = [pool.last for pool in bench.pools.values() if pool.streams]
    assert stream.body == b'{"user": "a"}'
    stream.answer()
    assert exchange.key != 0 and client.ends == ["done"]


def test_a_body_too_large_to_decide_goes_out_as_one_without_a_key() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/user"), limits=Limits(mirror_body=100_000)))
    exchange, _ = bench.begin()
    exchange.request_body(b"x" * 100_001)
    assert exchange.key == 0 and exchange.leg is not None


def test_a_key_at_the_beginning_of_a_large_body_decides() -> None:
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/user"), limits=Limits(mirror_body=100_000)))
    keys = set()
    for size in (10, 200_000):
        exchange, _ = bench.begin()
        exchange.request_body(b'{"user": "a", "x": "' + b"x" * size)
        exchange.request_body(b'"}')
        exchange.request_end()
        keys.add(exchange.key)
    assert len(keys) == 1 and 0 not in keys
    assert not bench.tally.take(0, "test", 1, True, {}).unread_keys


@pytest.mark.parametrize(("body", "reason"), [(b"no", "not_json"), (b'{"a": 1}', "absent"), (b"", "absent")])
def test_why_a_key_cannot_be_read_is_counted(body: bytes, reason: str) -> None:
    bench = Bench(route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/user")))
    exchange, _ = bench.begin()
    exchange.request_body(body)
    exchange.request_end()
    assert exchange.key == 0 and exchange.leg is not None
    assert bench.tally.take(0, "test", 1, True, {}).unread_keys == [("r", reason, 1)]


def test_a_model_that_a_large_body_names_first_is_found() -> None:
    bench = Bench(Route("r", Match("/v2", model="m1"), "openai", primary="v1"))
    exchange, _ = bench.begin(asked(path=b"/v2/chat"))
    exchange.request_body(b'{"model": "m1", "x": "' + b"x" * bench.shared.bounds.deciding_body)
    assert exchange.leg is not None and exchange.route_name == "r"
    exchange, client = bench.begin(asked(path=b"/v2/chat"))
    exchange.request_body(b'{"x": 1}')
    exchange.request_end()
    assert client.ends == ["no_route", "done"]
    assert bench.tally.take(0, "test", 1, True, {}).unread_keys == [("", "absent", 1)]


def test_a_route_that_depends_on_the_body_is_found_with_it() -> None:
    bench = Bench(Route("r", Match("/v2", model="m1"), "openai", primary="v1"))
    exchange, _ = bench.begin(asked(15, path=b"/v2/chat"))
    assert exchange.state == ROUTING
    exchange.request_body(b'{"model": "m1"}')
    exchange.request_end()
    exchange.flush_request()
    assert bench.pools["v1"].last.body == b'{"model": "m1"}'
    exchange, client = bench.begin(asked(path=b"/v2/chat"))
    exchange.request_body(b"x" * (bench.shared.bounds.deciding_body + 1))
    assert client.ends == ["body_too_large", "done"]


def test_a_request_that_waits_for_its_turn_does_nothing_yet() -> None:
    bench = Bench(route())
    client = FakeClient()
    exchange = Exchange(client, bench.shared, asked(5), 100.0)
    exchange.request_body(b"hello")
    exchange.request_end()
    assert exchange.state == QUEUED and bench.pools["v1"].streams == []
    exchange.start(bench.clock.pass_(3.0))
    exchange.flush_request()
    bench.pools["v1"].last.answer()
    assert client.ends == ["done"]
    assert exchange.started == 103.0  # the time in the line is not the version's


def test_a_client_that_goes_cancels_its_leg_and_nobody_is_charged() -> None:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    exchange, client = bench.begin()
    exchange.request_body(b"half")
    exchange.aborted()
    exchange.aborted()
    assert bench.pools["v1"].last.calls == ["reset"]
    counted = bench.counted()
    assert counted["legs"] == {("v1", "primary", "upload_abort"): 1}
    assert counted["shadow_dropped"] == {("r", "v3", "client_abort"): 1}
    assert counted["bad"] == {} and client.ends == [] and bench.inflight() == 0


@pytest.mark.parametrize(
    ("it", "name"),
    [
        (Route("r", Match("/v2", model="m1"), "openai", primary="v1"), ""),
        (route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/user")), "r"),
    ],
    ids=["for its route", "for its version"],
)
def test_a_client_that_goes_while_its_body_should_decide_is_counted(it: Route, name: str) -> None:
    bench = Bench(it)
    exchange, _ = bench.begin(asked(path=b"/v2/chat"))
    exchange.aborted()
    assert bench.counted()["rejected"] == {(name, "client_abort"): 1} and bench.inflight() == 0


def test_a_rescue_answers_in_place_of_a_failed_canary() -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(0.3)))
    _, client = bench.ask(b"hello")
    bench.pools["v2"].last.fail("malformed")
    assert bench.pools["v1"].last.body == b"hello"
    bench.pools["v1"].last.answer(200, b"one")
    counted = bench.counted()
    assert (client.body, client.ends) == (b"one", ["done"])
    assert counted["legs"] == {("v2", "canary", "malformed"): 1, ("v1", "rescue", "200"): 1}
    assert counted["rescued"] == {("r", "v2", "malformed"): 1} and counted["bad"] == {("v2", "canary"): 1}


def test_what_a_canary_had_queued_is_thrown_away_by_a_rescue() -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(0.3)))
    _, client = bench.ask()
    canary = bench.pools["v2"].last
    canary.head(200, 100)
    canary.piece(b"half")
    assert client.written == []
    canary.fail()
    bench.pools["v1"].last.answer(200, b"one")
    assert client.body == b"one" and len([1 for kind, _ in client.written if kind == "head"]) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_answers_of_a_gateway_are_replaced(status: int) -> None:
    bench = Bench(route(split=ALL))
    _, client = bench.ask()
    bench.pools["v2"].last.answer(status, b"bad")
    bench.pools["v1"].last.answer(200, b"one")
    assert (client.status, client.body) == (200, b"one")
    assert bench.legs() == {("v2", "canary", str(status)): 1, ("v1", "rescue", "200"): 1}


def test_when_the_rescue_fails_too_the_client_gets_a_problem() -> None:
    bench = Bench(route(split=ALL))
    _, client = bench.ask()
    bench.pools["v2"].last.fail("malformed")
    bench.pools["v1"].last.fail("malformed")
    assert client.ends == ["malformed", "done"]
    assert bench.legs() == {("v2", "canary", "malformed"): 1, ("v1", "rescue", "malformed"): 1}


def test_after_a_part_of_an_answer_failure_is_an_aborted_stream() -> None:
    bench = Bench(route())
    _, client = bench.ask()
    stream = bench.pools["v1"].last
    stream.head(200, 100)
    stream.piece(b"half")
    stream.fail()
    assert client.ends == ["cut off"] and not client.whole
    assert bench.legs() == {("v1", "primary", "reset"): 1}


def test_a_body_that_stops_is_the_client_s() -> None:
    bench = Bench(route(timeouts=Timeouts(idle=1.0)))
    exchange, client = bench.begin()
    exchange.request_body(b"half")
    exchange.flush_request()
    bench.sweep(1.1)  # it has sent something since it began
    bench.sweep(1.1)
    assert client.ends == ["body_timeout", "done"] and bench.counted()["bad"] == {}


def test_a_body_that_should_decide_about_the_route_has_a_time_of_its_own() -> None:
    bench = Bench(Route("r", Match("/v2", model="m1"), "openai", primary="v1", timeouts=Timeouts(idle=1.0)))
    exchange, client = bench.begin(asked(path=b"/v2/chat"))
    bench.sweep(bench.shared.timings.body - 1.0)
    assert client.ends == []
    bench.sweep(2.0)
    assert client.ends == ["body_timeout", "done"] and exchange.state == OVER


@pytest.mark.parametrize("complete", [True, False])
def test_an_exchange_that_takes_too_long_in_all(complete: bool) -> None:
    bench = Bench(route(timeouts=Timeouts(total=1.0)))
    _, client = bench.ask() if complete else bench.begin()
    bench.sweep(1.1)
    assert client.ends == ["total_timeout" if complete else "body_timeout", "done"]
    assert bench.counted()["bad"] == ({("v1", "primary"): 1} if complete else {})


def test_a_tunnel_passes_bytes_both_ways_and_is_neither_copied_nor_recorded() -> None:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    head = asked(0)
    head.tunnel = True
    exchange, client = bench.ask(b"", head)
    stream = bench.pools["v1"].last
    agreed = ResponseHead(101)
    agreed.tunnel = True
    assert stream.user is not None
    stream.user.response_head(agreed)
    stream.user.response_flush()
    exchange.tunnel_data(b"hello")
    stream.piece(b"HELLO")
    assert stream.body == b"hello" and client.body == b"HELLO"
    stream.end_answer()
    assert client.ends == ["done"] and bench.shadow_pools["v3"].streams == [] and bench.outbox.records == []


def test_trailers_go_both_ways() -> None:
    bench = Bench(route())
    exchange, client = bench.begin()
    exchange.request_body(b"a")
    exchange.request_trailers(b"x-sum: 1\r\n")
    exchange.request_end()
    exchange.flush_request()
    stream = bench.pools["v1"].last
    assert stream.calls == ["trailers", "end"]
    stream.answer(200, b"one", trailers=b"grpc-status: 0\r\n")
    assert ("trailers", b"grpc-status: 0\r\n") in client.written


# whatever happens

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("client"), st.sampled_from(["body", "end", "flush", "gone", "slow", "fast", "trailers"])),
        st.tuples(
            st.just("server"),
            st.sampled_from(["200", "503", "head", "streamed", "piece", "end", "reset", "malformed", "stop", "go"]),
        ),
        st.tuples(st.just("shadow"), st.sampled_from(["200", "500", "reset"])),
        st.tuples(st.just("pools"), st.sampled_from(["used", "fresh", "wait", "serve", "refuse", "allow"])),
        st.tuples(st.just("time"), st.sampled_from([0.01, 0.5, 3.0])),
    ),
    max_size=40,
)


def happens(bench: Bench, exchange: Exchange, kind: str, what: object) -> None:
    pools = [*bench.pools.values(), *bench.shadow_pools.values()]
    if kind == "time":
        bench.sweep(float(what))  # type: ignore[arg-type]
    elif kind == "pools":
        for pool in pools:
            if what == "serve":
                pool.serve(bench.clock.now)
            elif what in ("refuse", "allow"):
                pool.reason = "connect_failed" if what == "refuse" else ""
            else:
                pool.how = str(what)
    elif kind == "client":
        client_does(bench, exchange, str(what))
    else:
        for pool in bench.pools.values() if kind == "server" else bench.shadow_pools.values():
            server_does(pool, str(what))


def client_does(bench: Bench, exchange: Exchange, what: str) -> None:
    client = exchange.client
    assert isinstance(client, FakeClient)
    exchange.read_at = bench.clock.now
    if what in ("slow", "fast"):
        client.is_congested = what == "slow"
        (exchange.pause_answer if what == "slow" else exchange.resume_answer)()
    elif what == "gone":
        exchange.aborted()
    elif what == "flush":
        exchange.flush_request()
    elif not exchange.complete:
        if what == "body":
            exchange.request_body(b"x" * 30_000)
        elif what == "trailers":
            exchange.request_trailers(b"a: b\r\n")
        else:
            exchange.request_end()
        exchange.flush_request()


def server_does(pool: FakePool, what: str) -> None:
    """What a protocol's stream may say: a head only once, pieces only after it, nothing after the end."""
    for stream in pool.streams:
        if stream.user is None or stream.begun is None:
            continue
        headed = stream.received
        if what in ("stop", "go"):
            (stream.user.pause_request if what == "stop" else stream.user.resume_request)()
        elif what in ("reset", "malformed"):
            stream.fail(what)
        elif what in ("200", "500", "503") and not headed:
            stream.answer(int(what), b"answer")
            stream.user = None
        elif what in ("head", "streamed") and not headed:
            stream.head(200, 100_000 if what == "head" else None)
            if stream.user is not None:
                stream.user.response_flush()
        elif what == "piece" and headed:
            stream.piece(b"y" * 100)
        elif what == "end" and headed:
            stream.end_answer()
            stream.user = None


@given(
    EVENTS,
    st.sampled_from([100.0, 50.0]),
    st.booleans(),
    st.sampled_from([None, 2.0]),
    st.sampled_from([1000, 70_000, 1_000_000]),
    st.booleans(),
    st.sampled_from([0, 50_000, 1_000_000]),
    st.sampled_from([MIB, 200_000, 64_000]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_happens_an_exchange_ends_once_and_each_leg_is_counted_once(
    events: list[tuple[str, object]],
    percent: float,
    rescued: bool,
    total: float | None,
    most: int,
    by_body: bool,
    buffer: int,
    memory: int,
) -> None:
    bench = Bench(
        memory=memory,
        route=route(
            buffer=buffer,
            split=(Share("v2", percent),),
            shadows=(Share("v3", 100.0),),
            rescue=Rescue(0.3) if rescued else None,
            timeouts=Timeouts(response=1.0, idle=2.0, total=total),
            limits=Limits(body=most, mirror_body=min(most, 100_000)),
            sticky=Sticky("json", "/user") if by_body else None,
        ),
    )
    exchange, client = bench.begin()
    for kind, what in events:
        happens(bench, exchange, kind, what)  # an illegal step raises
        bench.owed()
    exchange.aborted()
    for _ in range(3):
        bench.sweep(5.0)  # copies that hang
    assert exchange.over()
    assert len([end for end in client.ends if end in ("done", "cut off")]) <= 1
    assert not (client.whole and "cut off" in client.ends)
    assert bench.inflight() == 0 and bench.owed() == 0
    counted = bench.counted()
    asked = sum(len(pool.asked) - sum(pool.asked) for pool in [*bench.pools.values(), *bench.shadow_pools.values()])
    assert sum(counted["legs"].values()) == asked, "each leg is counted once; a stream asked for again is no new leg"
    due = sum(counted["mirrored"].values())
    copies = sum(count for (_, role, _), count in counted["legs"].items() if role == "shadow")
    assert due == copies + sum(counted["shadow_dropped"].values()), "a copy that is due is sent or dropped"
    assert sum(counted["rescued"].values()) <= 1
