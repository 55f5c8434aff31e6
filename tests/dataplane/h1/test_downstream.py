"""A client's connection on a socket in memory: turns, heads as they leave, endings, times."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.message import ResponseHead
from proxy.contracts.table import Forwarded, Limits, Route, Share
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.introduction import manner_of
from proxy.dataplane.memory import CLIENT_BYTES, REQUESTS
from tests.support.fakes import Bench, FakePool, FakeTransport
from tests.support.plane import get, post, post_chunks, route

VERSION = b"x-penumbra-version: v1\r\n"


class Line:
    """A connection to a data plane of one route."""

    def __init__(self, it: Route | None = None, bench: Bench | None = None) -> None:
        self.bench = bench or Bench(it or route())
        self.socket = FakeTransport()
        self.down = Downstream(self.bench.shared)
        self.down.connection_made(self.socket)  # type: ignore[arg-type]

    @property
    def pool(self) -> FakePool:
        return self.bench.pools["v1"]

    def say(self, data: bytes) -> None:
        self.down.read(data, self.bench.clock.now)

    def hear(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of what was written since the last call."""
        head, _, body = self.socket.taken().partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head + b"\r\n", body

    def quiet(self, seconds: float) -> None:
        """Nothing happens for so long, and the sweep comes by."""
        self.down.sweep(self.down._since + seconds)


def test_a_request_and_its_answer_are_one_write_each() -> None:
    line = Line()
    line.say(post(b"hello", "X-Request-Id: 1\r\n"))
    assert line.pool.last.body == b"hello" and line.socket.writes == 0
    line.pool.last.answer(200, b"one")
    status, head, body = line.hear()
    assert (status, body, line.socket.writes) == (200, b"one", 1)
    assert VERSION in head and b"Content-Length: 3\r\n" in head and b"onnection" not in head


def test_a_request_id_that_the_proxy_made_goes_to_the_client_unless_the_server_has_one() -> None:
    line = Line()
    line.say(post())
    line.pool.last.answer()
    assert b"\r\nx-request-id: " in line.hear()[1]
    line.say(post())
    own = ResponseHead(200, b"x-request-id: theirs\r\n")
    own.length, own.request_id = 0, b"theirs"
    user = line.pool.last.user
    assert user is not None
    user.response_head(own)
    user.response_end()
    user.response_flush()
    assert line.hear()[1].count(b"x-request-id") == 1


def test_a_streamed_answer_leaves_in_chunks_to_1_1_and_until_the_end_to_1_0() -> None:
    line = Line()
    for raw, wanted in (
        (get(), b"3\r\nabc\r\n0\r\n\r\n"),
        (b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"abc"),
    ):
        line.say(raw)
        line.pool.last.head(200, None)
        line.pool.last.piece(b"abc")
        line.pool.last.end_answer()
        _, head, body = line.hear()
        assert body == wanted
        assert (b"Transfer-Encoding: chunked" in head) == (raw == get())
        assert (b"Connection: close" in head) == (raw != get())
    assert line.socket.ends == ["close"]


@pytest.mark.parametrize(("fields", "sent"), [("TE: trailers\r\nConnection: te\r\n", True), ("", False)])
def test_trailers_go_to_a_client_that_asked_for_them(fields: str, sent: bool) -> None:
    line = Line()
    line.say(get(fields=fields))
    stream = line.pool.last
    stream.head(200, None)
    stream.piece(b"abc")
    assert stream.user is not None
    stream.user.response_trailers(b"x-sum: 1\r\n")
    stream.end_answer()
    assert line.hear()[2] == (b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n" if sent else b"3\r\nabc\r\n0\r\n\r\n")
    line.say(get())  # and not with the next answer
    line.pool.last.head(200, None)
    line.pool.last.end_answer()
    assert line.hear()[2] == b"0\r\n\r\n"


def test_pipelined_requests_have_their_turns() -> None:
    line = Line()
    line.say(post(b"1") + post_chunks(b"2") + get())
    assert len(line.pool.streams) == 1 and not line.socket.reading
    for body in (b"1", b"2", b""):
        assert line.pool.last.body == body
        line.pool.last.answer(200, b"to " + body)
        assert line.hear()[2] == b"to " + body
    assert line.socket.reading and line.bench.inflight() == 0


def test_a_thousand_refusals_in_a_pipeline_do_not_nest() -> None:
    line = Line()
    line.say(post() + get("/nope") * 1500)
    line.pool.last.answer()
    assert line.socket.written.count(b"HTTP/1.1 404 ") == 1500


def test_nothing_is_read_for_a_client_that_does_not_take_its_answers() -> None:
    line = Line()
    line.say(get() * 3)
    line.down.pause_writing()
    line.pool.last.answer()
    assert len(line.pool.streams) == 1 and not line.socket.reading
    line.down.resume_writing()
    assert len(line.pool.streams) == 2


def test_a_slow_client_holds_back_its_server() -> None:
    line = Line()
    line.say(get())
    line.pool.last.head(200, None)
    line.pool.last.piece(b"a")
    line.down.pause_writing()
    assert line.pool.last.calls[-1] == "pause"
    line.down.resume_writing()
    assert line.pool.last.calls[-1] == "resume"


@pytest.mark.parametrize("raw", [get(fields="Connection: close\r\n"), b"GET /v2 HTTP/1.0\r\nHost: a\r\n\r\n"])
def test_the_client_asks_for_the_end(raw: bytes) -> None:
    line = Line()
    line.say(raw)
    line.pool.last.answer()
    assert b"Connection: close\r\n" in line.hear()[1]
    assert line.socket.ends == ["close"]


@pytest.mark.parametrize("half_closes", [True, False], ids=["tcp", "a socket that cannot half close"])
def test_after_a_refusal_in_the_middle_of_a_body_the_rest_is_thrown_away_for_a_while(half_closes: bool) -> None:
    line = Line(route(limits=Limits(body=10)))
    line.socket.half_closes = half_closes
    line.say(post_chunks(b"x" * 100)[:-5])
    status, head, body = line.hear()
    assert (status, json.loads(body)["reason"]) == (413, "body_too_large") and b"Connection: close\r\n" in head
    line.say(b"0\r\n\r\n" + post(b"second"))
    line.quiet(line.bench.shared.timings.linger - 0.1)
    assert line.socket.written == b"" and len(line.pool.streams) == 1
    assert line.socket.ends == (["eof"] if half_closes else [])
    line.quiet(line.bench.shared.timings.linger + 0.1)
    assert line.socket.ends[-1] == "abort"


def test_a_bad_request_ends_the_connection_and_is_counted() -> None:
    line = Line()
    line.say(b"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na")
    assert line.hear()[0] == 400
    assert line.socket.ends == ["eof"]
    assert line.bench.counted()["rejected"] == {("", "bad_request"): 1}


def test_a_bad_request_after_good_ones_does_not_cost_them_their_answers() -> None:
    line = Line()
    line.say(post(b"1") + post(b"2") + b"GET / HTTP/9\r\n\r\n")
    for _ in range(2):
        line.pool.last.answer()
        assert line.hear()[0] == 200
    assert line.socket.ends[0] in ("eof", "close")


def test_a_bad_body_in_a_pipeline_is_never_served() -> None:
    line = Line()
    line.say(post(b"1") + post_chunks(b"hello")[:-5] + b"zz\r\n")
    line.pool.last.answer()
    assert line.hear()[0] == 200 and line.socket.ends != []
    line.down.connection_lost(None)
    assert len(line.pool.streams) == 1 and line.bench.inflight() == 0


def test_expect_is_answered_once_and_not_where_the_body_is_there() -> None:
    line = Line()
    raw = post(b"hello", "Expect: 100-continue\r\n")
    line.say(raw[:-5])
    assert line.socket.taken() == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.say(b"hello")
    line.pool.last.answer()
    assert line.hear()[0] == 200


def test_a_head_alone_answers_a_head_with_a_problem() -> None:
    line = Line()
    line.say(b"HEAD /nope HTTP/1.1\r\nHost: a\r\n\r\n")
    status, head, body = line.hear()
    assert (status, body) == (404, b"") and b"x-request-id: " in head


def test_a_tunnel() -> None:
    line = Line()
    line.say(get(fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    agreed = ResponseHead(101, b"Sec-WebSocket-Accept: a\r\n")
    agreed.tunnel = True
    user = line.pool.last.user
    assert user is not None
    user.response_head(agreed)
    user.response_flush()
    status, head, _ = line.hear()
    assert status == 101 and b"Upgrade: websocket\r\n" in head and VERSION in head
    line.say(b"\x81\x05hello")
    assert line.pool.last.body == b"\x81\x05hello"
    line.pool.last.piece(b"\x81\x00")
    assert line.socket.taken() == b"\x81\x00"
    line.pool.last.end_answer()
    assert line.socket.ends != []


def test_a_tunnel_whose_first_bytes_came_too_early_passes_no_later_ones() -> None:
    """RFC 6455 §4.1: the client waits for the answer. Bytes before it were read as a request, and are gone."""
    line = Line()
    line.say(get(fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    line.say(b"\x81\x05early")
    agreed = ResponseHead(101)
    agreed.tunnel = True
    user = line.pool.last.user
    assert user is not None
    user.response_head(agreed)
    user.response_flush()
    line.say(b"\x81\x04late")
    assert line.hear()[0] == 101 and line.pool.last.body == b""
    assert line.bench.counted()["rejected"] == {("", "not_implemented"): 1}


def test_an_abort_is_not_a_clean_end() -> None:
    line = Line()
    line.say(get())
    line.pool.last.head(200, 100)
    line.pool.last.piece(b"half")
    line.pool.last.fail()
    assert line.socket.ends == ["abort"]


def test_a_client_that_goes_takes_its_requests_with_it() -> None:
    line = Line()
    line.say(post() * 3)
    line.down.connection_lost(None)
    assert line.pool.last.calls[-1] == "reset" and line.bench.inflight() == 0
    counted = line.bench.counted()
    assert counted["legs"] == {("v1", "primary", "client_abort"): 1}
    assert counted["rejected"] == {("", "client_abort"): 2}


def test_no_problem_tells_what_was_queued_before() -> None:
    line = Line(route(split=(Share("v2", 100.0),)))
    line.say(post())
    canary = line.bench.pools["v2"].last
    canary.head(200, 100)
    canary.piece(b"half")
    line.bench.pools["v1"].reason = "connect_failed"
    canary.fail()
    status, _, body = line.hear()
    assert (status, json.loads(body)["reason"]) == (502, "connect_failed")


# times


def test_a_head_has_a_time() -> None:
    line = Line()
    line.say(b"POST /v2 HT")
    line.quiet(line.bench.shared.timings.head - 0.1)
    assert line.socket.written == b""
    line.quiet(line.bench.shared.timings.head + 0.1)
    assert line.hear()[0] == 408


def test_time_of_a_slow_head_is_not_the_exchange_s() -> None:
    line = Line()
    line.say(get()[:10])
    line.bench.clock.pass_(5.0)
    line.say(get()[10:])
    (exchange,) = line.bench.shared.exchanges
    assert exchange.started == line.bench.clock.now  # type: ignore[attr-defined]


@pytest.mark.parametrize("draining", [False, True])
def test_an_idle_connection_has_a_time_shorter_while_the_worker_drains(draining: bool) -> None:
    line = Line()
    times = line.bench.shared.timings
    seconds = times.drain_idle if draining else times.keep_alive
    line.bench.shared.draining = draining
    line.quiet(seconds - 0.1)
    assert line.socket.ends == []
    line.quiet(seconds + 0.1)
    assert line.socket.ends == (["close"] if draining else ["eof"])


def test_while_the_worker_drains_an_answer_is_the_last() -> None:
    line = Line()
    line.bench.shared.draining = True
    line.say(post())
    line.pool.last.answer()
    assert b"Connection: close\r\n" in line.hear()[1]


def test_a_client_that_takes_its_last_answer_slowly_is_waited_for() -> None:
    line = Line()
    line.say(get(fields="Connection: close\r\n"))
    line.pool.last.answer()
    times = line.bench.shared.timings
    line.socket.buffered = 100
    for left in (100, 50, 10):
        line.socket.buffered = left
        line.quiet(times.linger + 1)
    assert "abort" not in line.socket.ends
    line.quiet(times.keep_alive + 1)
    assert line.socket.ends[-1] == "abort"


@pytest.mark.parametrize("half_closes", [True, False])
def test_an_idle_connection_ends_by_halves(half_closes: bool) -> None:
    """A request that is on its way meets the end of the answers, and no reset."""
    line = Line()
    line.socket.half_closes = half_closes
    times = line.bench.shared.timings
    line.quiet(times.keep_alive + 1)
    assert line.socket.ends == (["eof"] if half_closes else ["close"])
    if half_closes:
        line.say(post())
        assert line.socket.written == b"" and line.pool.streams == []
        line.quiet(times.linger - 0.1)
        assert line.socket.ends == ["eof"]
        line.quiet(times.linger + 0.1)
        assert line.socket.ends == ["eof", "abort"]


# the worker's bounds


def test_one_connection_too_many_is_turned_away() -> None:
    bench = Bench(route())
    bench.shared.max_clients = 1
    first, second = Line(bench=bench), Line(bench=bench)
    assert first.socket.written == b""
    status, head, body = second.hear()
    assert (status, json.loads(body)["reason"]) == (503, "too_many_connections")
    assert b"Retry-After: 1\r\nConnection: close\r\n" in head
    second.down.connection_lost(None)
    assert bench.tally.connections == 1


def test_a_draining_worker_takes_no_connection() -> None:
    bench = Bench(route())
    bench.shared.draining = True
    assert Line(bench=bench).socket.ends == ["close"]


def test_a_head_that_comes_in_parts_is_counted_and_given_back() -> None:
    line = Line()
    for _ in range(3):
        line.say(b"GET /v2/models/m/infer HTTP/1.1\r\nHost: m\r\nX: " + b"x" * 9000)
        assert line.bench.memory.exchanges > 9000
        line.say(b"y" * 1000 + b"\r\n\r\n")
        assert line.bench.memory.exchanges > 10_000, "it is in memory for as long as the exchange"
        line.pool.last.answer()
        line.hear()
        assert line.bench.owed() == 0


def test_a_small_head_that_comes_in_parts_is_given_back_too() -> None:
    line = Line()
    line.say(b"GET /v2/models/m")
    assert line.bench.memory.exchanges == 2 * 16
    line.down.connection_lost(None)
    assert line.bench.owed() == 0


def test_a_large_head_that_finds_no_memory_is_refused() -> None:
    line = Line()
    line.bench.memory.insist(REQUESTS, line.bench.memory.limit)
    line.say(b"GET / HTTP/1.1\r\nX: " + b"x" * 1000)
    assert line.socket.written == b""
    line.say(b"x" * 4000)
    status, head, body = line.hear()
    assert (status, json.loads(body)["reason"]) == (503, "no_memory") and b"Retry-After: 1\r\n" in head
    assert line.bench.memory.exchanges == line.bench.memory.limit, "and is let go at once"
    line.down.connection_lost(None)
    assert line.bench.memory.exchanges == line.bench.memory.limit


def test_a_client_that_does_not_read_is_watched_until_it_does() -> None:
    line = Line()
    line.down.pause_writing()
    line.socket.buffered = 5000
    line.bench.shared.look(line.bench.clock.now)
    assert line.bench.memory.used() == 5000 + CLIENT_BYTES
    line.down.resume_writing()
    assert line.bench.owed() == 0


def test_a_connection_has_an_age_give_or_take_a_tenth() -> None:
    bench = Bench(route())
    bench.shared.bounds = replace(bench.shared.bounds, connection_age=100.0)
    lines = [Line(bench=bench) for _ in range(20)]
    ages = [line.down._retires - line.down._since for line in lines]
    assert 89.9 < min(ages) < max(ages) < 110.1
    line = lines[0]
    line.down.retire(0.0)
    line.say(get())
    line.pool.last.answer()
    assert b"Connection: close\r\n" in line.hear()[1] and line.socket.ends == ["close"]


def test_a_client_that_always_asks_ahead_has_to_go_as_well() -> None:
    line = Line()
    line.say(get() + get())
    line.down.retire(line.bench.clock.now)
    for _ in range(2):
        line.say(get())  # there is always one that waits
        line.pool.last.answer(200, b"one")
    answers = line.socket.taken()
    assert answers.count(b"HTTP/1.1 200 OK") == 2 and answers.count(b"Connection: close\r\n") == 1
    assert line.socket.ends == ["eof"] and not line.down._queue and line.down.current is None
    line.say(get())
    assert not line.socket.taken()


def test_an_answer_till_the_end_that_was_cut_off_ends_with_a_reset() -> None:
    line = Line()
    asked: list[str] = []
    line.socket.get_extra_info = asked.append  # type: ignore[assignment]
    line.say(b"GET /v2 HTTP/1.0\r\n\r\n")
    line.pool.last.head(200, None)
    line.down.reset()
    assert asked == ["socket"] and line.socket.ends == ["abort"]


# -- who asks


class Named(FakeTransport):
    """A socket whose other end is known, by an identity as one by TLS is."""

    def __init__(self, identity: bytes = b"") -> None:
        super().__init__()
        self.known: dict[str, Any] = {"peername": ("192.0.2.7", 1), "ssl_object": self, "identity": identity}

    def get_extra_info(self, name: str) -> Any:
        return self.known.get(name)


def introduced(forwarded: Forwarded, identity: bytes = b"") -> tuple[Bench, Downstream]:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    down = Downstream(bench.shared, manner_of(forwarded, ["x-who"]))
    down.connection_made(Named(identity))  # type: ignore[arg-type]
    return bench, down


def test_a_connection_that_says_nothing_is_asked_nothing() -> None:
    assert Line().down.introduction() is None


def test_a_connection_of_before_is_introduced_as_the_new_table_says() -> None:
    bench, down = introduced("none")
    down.introduce(manner_of("x-forwarded", ["x-new"]))
    down.read(post(b"a", "X-New: forged\r\nX-Who: mine\r\n"), bench.clock.now)
    begun = bench.pools["v1"].last.begun
    assert begun is not None and b"forged" not in begun[0].fields
    assert b"X-Who: mine\r\n" in begun[0].fields and b"X-Forwarded-For: 192.0.2.7\r\n" in begun[0].fields


@pytest.mark.parametrize("identity", [b"", b"x-who: proved"])
def test_versions_and_shadows_hear_who_asks_and_not_what_the_client_says(identity: bytes) -> None:
    bench, down = introduced("x-forwarded", identity)
    for raw in (post(b"a", "X-Who: forged\r\n"), post(b"b", "x_who: forged\r\nConnection: x-who\r\n")):
        down.read(raw, bench.clock.now)
        begun = bench.pools["v1"].last.begun
        assert begun is not None
        fields = begun[0].fields
        assert b"forged" not in fields and fields.count(b"proved") == bool(identity)
        assert b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n" in fields
        copy = bench.shadow_pools["v3"].last.begun
        assert copy is not None and copy[0].fields == fields
        bench.pools["v1"].last.answer()


def test_trailers_say_nothing_either() -> None:
    bench, down = introduced("none")
    raw = b"POST /v2 HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n%b\r\n"
    down.read(raw % b"x-who: forged\r\n", bench.clock.now)
    assert "trailers" not in bench.pools["v1"].last.calls
    bench.pools["v1"].last.answer()
    down.read(raw % b"x-sum: 1\r\nx-who: forged\r\n", bench.clock.now)
    assert "trailers" in bench.pools["v1"].last.calls


def test_a_request_that_comes_again_costs_its_fields_once() -> None:
    bench, down = introduced("forwarded")
    heads = []
    for _ in range(3):
        down.read(get(), bench.clock.now)
        begun = bench.pools["v1"].last.begun
        assert begun is not None
        heads.append(begun[0])
        bench.pools["v1"].last.answer()
    assert heads[1] is heads[2]
