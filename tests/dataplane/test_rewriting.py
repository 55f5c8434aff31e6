"""Legs whose requests are rewritten: held only where they must be, sent wholly or not at all, answers mapped back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.message import RequestHead
from proxy.contracts.rewrite import Credential, PathRewrite, Rewrite
from proxy.contracts.table import Limits, Rescue, Route, Share
from proxy.dataplane.sending import MAX_PENDING_REQUEST
from proxy.routing.rewrite.answer import MAX_ANSWER
from proxy.routing.rewrite.plan import MAX_REWRITTEN
from tests.support.fakes import Bench, FakeClient, FakeStream
from tests.support.plane import route

CHAT = b'{"model":"llama","messages":[]}'
FT = b'{"model":"ft","messages":[]}'
ANSWER = b'{"model":"ft","choices":[]}'
ALL = (Share("v2", 100.0),)
SHADOW = (Share("v3", 100.0),)
MODEL = {"v2": Rewrite(model="ft"), "v3": Rewrite(model="ft")}
KIB = 1024


def chat(length: int | None = len(CHAT), fields: bytes = b"content-type: application/json\r\n") -> RequestHead:
    head = RequestHead(b"POST", b"api.example", b"/v2/chat/completions", fields)
    head.length, head.streamed = length, length is None
    return head


def bench(split: tuple[Share, ...] = ALL, rewrites: dict[str, Rewrite] | None = None, **more: Any) -> Bench:
    rewritten: Route = route(split=split, protocol="openai", **more)
    return Bench(rewritten, rewrites=MODEL if rewrites is None else rewrites)


def sent(stream: FakeStream) -> RequestHead:
    assert stream.begun is not None
    return stream.begun[0]


def test_a_canary_gets_its_own_model_and_the_client_hears_of_the_one_it_asked_for() -> None:
    b = bench()
    _, client = b.ask(CHAT, chat(len(CHAT)))
    stream = b.pools["v2"].last
    assert stream.body == FT and sent(stream).length == len(FT) and stream.begun is not None
    assert stream.begun[3] == len(FT)
    stream.head(200, len(ANSWER), media=b"application/json")
    stream.piece(ANSWER[:10])
    assert client.written == []
    stream.piece(ANSWER[10:])
    stream.end_answer()
    assert client.body == ANSWER.replace(b"ft", b"llama") and client.ends == ["done"]
    head = next(value for kind, value in client.written if kind == "head")
    assert head.length == len(client.body)
    (record,) = b.outbox.records
    assert (record.request, record.response) == (CHAT, ANSWER), "what was asked, and what the version said"
    assert b.inflight() == b.owed() == 0


def test_the_primary_gets_the_bytes_that_it_gets_without_rewriting_neighbours() -> None:
    plain, beside = bench((), rewrites={}), bench((), shadows=SHADOW)
    for each in (plain, beside):
        exchange, _ = each.begin(chat(None))
        for piece in (CHAT[:7], CHAT[7:]):
            exchange.request_body(piece)
            exchange.flush_request()
        assert b"".join(each.pools["v1"].last.sent) == CHAT, "it is not held"
        exchange.request_end()
    one, other = (each.pools["v1"].last for each in (plain, beside))
    assert one.begun is not None and other.begun is not None
    assert (one.sent, one.begun[1], one.begun[3]) == (other.sent, other.begun[1], other.begun[3])
    assert sent(one).fields == sent(other).fields and sent(one).target == sent(other).target
    assert beside.shadow_pools["v3"].last.body == FT


@given(
    pieces=st.lists(st.binary(max_size=200), max_size=5),
    percent=st.sampled_from([0.0, 100.0]),
)
@settings(max_examples=60)
def test_any_request_reaches_the_primary_as_it_is(pieces: list[bytes], percent: float) -> None:
    b = bench((Share("v2", percent),), shadows=SHADOW)
    exchange, _ = b.begin(chat(None))
    for piece in pieces:
        exchange.request_body(piece)
        exchange.flush_request()
    exchange.request_end()
    exchange.flush_request()
    if percent and b.pools["v2"].streams:
        assert b"".join(pieces).startswith((b"{", b" ")), "only what could be rewritten is sent"
        return
    assert b.pools["v1"].last.body == b"".join(pieces)
    assert sent(b.pools["v1"].last) is exchange.head


@pytest.mark.parametrize(
    ("body", "fields", "reason"),
    [
        (b"no json", b"", "rewrite_not_json"),
        (b"[]", b"", "rewrite_no_place"),
        (CHAT, b"content-encoding: br\r\n", "rewrite_coding"),
        (b"", b"", "rewrite_path"),
    ],
)
@pytest.mark.parametrize("rescue", [Rescue(), None])
def test_what_cannot_be_rewritten_is_answered_by_the_primary_and_charged_to_nobody(
    body: bytes, fields: bytes, reason: str, rescue: Rescue | None
) -> None:
    b = bench(rescue=rescue, shadows=SHADOW)
    _, client = b.ask(body, chat(len(body), fields))
    assert b.pools["v2"].streams == [] and b.shadow_pools["v3"].streams == []
    stream = b.pools["v1"].last
    assert (stream.body, sent(stream).fields) == (body, fields)
    stream.answer()
    assert (client.body, client.ends) == (b"one", ["done"])
    tick = b.tally.take(0, "test", 1, True, {})
    assert tick.rescued == [("r", "v2", reason, 1)] and tick.shadow_dropped == [("r", "v3", reason, 1)]
    assert sorted(tick.not_rewritten) == [("r", "v2", "request", reason, 1), ("r", "v3", "request", reason, 1)]
    assert [arm.outcomes() for arm in tick.arms if arm.version == "v2"] == [{"limited": 1}]
    assert b.inflight() == b.owed() == 0


def test_a_primary_that_is_rewritten_refuses_what_cannot_be() -> None:
    b = bench((), {"v1": Rewrite(model="ft")})
    _, client = b.ask(b"no json", chat(7))
    assert b.pools["v1"].streams == [] and client.ends == ["rewrite_not_json", "done"]
    _, client = b.ask(CHAT, chat())
    assert b.pools["v1"].last.body == FT


def test_the_body_is_waited_for_where_it_is_rewritten_and_nowhere_else() -> None:
    b = bench()
    exchange, client = b.begin(chat(None))
    exchange.request_body(CHAT[:5])
    exchange.flush_request()
    assert b.pools["v2"].streams == [], "no connection is held meanwhile"
    b.sweep(1.0)
    exchange.request_body(CHAT[5:])
    exchange.request_end()
    exchange.flush_request()
    assert b"".join(b.pools["v2"].last.sent) == FT and client.held == set()
    b.pools["v2"].last.answer()
    b = bench(rewrites={"v2": Rewrite(path=PathRewrite("/v2/ft", "/v2/chat"))})
    exchange, _ = b.begin(chat(None))
    exchange.request_body(CHAT[:5])
    exchange.flush_request()
    assert b"".join(b.pools["v2"].last.sent) == CHAT[:5] and sent(b.pools["v2"].last).target == b"/v2/ft/completions"


@pytest.mark.parametrize("length", [None, MAX_REWRITTEN + 2])
def test_a_body_that_outgrows_the_bound_streams_to_the_primary(length: int | None) -> None:
    b = bench(limits=Limits(mirror_body=MAX_REWRITTEN + KIB))
    exchange, client = b.begin(chat(length))
    piece = b"x" * (256 * KIB)
    for _ in range(MAX_REWRITTEN // len(piece)):
        exchange.request_body(piece)
        exchange.flush_request()
        assert client.held == set()
    assert (b.pools["v1"].streams == []) == (length is None)
    exchange.request_body(b"yy")
    exchange.flush_request()
    exchange.request_end()
    assert b.pools["v2"].streams == [] and len(b.pools["v1"].last.body) == MAX_REWRITTEN + 2
    b.pools["v1"].last.answer()
    assert client.ends == ["done"] and b.counted()["rescued"] == {("r", "v2", "rewrite_too_large"): 1}
    assert b.inflight() == b.owed() == 0


def test_a_body_for_which_there_is_no_memory_goes_to_the_primary_as_it_comes() -> None:
    b = Bench(route(split=ALL, protocol="openai"), memory=2048 * KIB, rewrites=MODEL)
    exchange, client = b.begin(chat(None))
    for _ in range(20):
        exchange.request_body(b"x" * MAX_PENDING_REQUEST)
        exchange.flush_request()
    exchange.request_end()
    exchange.flush_request()
    assert b.pools["v2"].streams == [] and len(b.pools["v1"].last.body) == 20 * MAX_PENDING_REQUEST
    b.pools["v1"].last.answer()
    assert client.ends == ["done"] and b.counted()["rescued"] == {("r", "v2", "no_memory"): 1}
    assert b.inflight() == b.owed() == 0


def test_a_client_that_stops_in_the_middle_is_told_so() -> None:
    b = bench()
    exchange, client = b.begin(chat(None))
    exchange.request_body(b"{")
    b.sweep(59.0)
    assert client.ends == []
    b.sweep(2.0)
    assert client.ends == ["body_timeout", "done"] and b.inflight() == b.owed() == 0


def test_a_stale_connection_gets_the_rewritten_request_again() -> None:
    b = bench()
    b.ask(CHAT, chat())
    b.pools["v2"].last.fail("reset")
    assert [stream.body for stream in b.pools["v2"].streams] == [FT, FT]
    assert b.counted()["retries"] == {("r", "v2", "stale"): 1}


def test_a_failed_canary_is_rescued_with_the_primary_s_own_request() -> None:
    b = bench()
    _, client = b.ask(CHAT, chat())
    stream = b.pools["v2"].last
    stream.head(200, None, media=b"application/json")
    stream.piece(ANSWER)
    stream.fail("reset")
    assert b.pools["v1"].last.body == CHAT
    b.pools["v1"].last.answer()
    assert client.body == b"one" and b.inflight() == b.owed() == 0


def streamed() -> tuple[Bench, FakeClient, FakeStream]:
    b = bench()
    _, client = b.ask(CHAT, chat())
    stream = b.pools["v2"].last
    stream.head(200, None, media=b"text/event-stream")
    return b, client, stream


def test_a_stream_goes_on_event_by_event() -> None:
    b, client, stream = streamed()
    stream.piece(b'data: {"model":"ft","n":1}\n\ndata: {"mo')
    assert client.body == b'data: {"model":"llama","n":1}\n\n'
    stream.piece(b'del":"ft"}')
    stream.end_answer()
    assert client.body.endswith(b'data: {"model":"llama"}') and client.whole
    assert b.inflight() == b.owed() == 0


def test_a_stream_that_has_shown_its_end_is_whole() -> None:
    _, client, stream = streamed()
    stream.piece(b'data: {"model":"ft"}\n\ndata: [DONE]\n\ndata: {"model":"ft"}')
    stream.piece(b"\n\ndata: [DONE]\n\n")
    stream.fail("reset")
    assert client.whole and b"ft" not in client.body


@pytest.mark.parametrize("length", [None, 3 * MAX_ANSWER])
def test_an_answer_that_is_too_large_passes_as_it_is(length: int | None) -> None:
    b = bench(rescue=None)
    _, client = b.ask(CHAT, chat())
    stream = b.pools["v2"].last
    stream.head(200, length, media=b"application/json")
    for _ in range(6):
        stream.piece(b"x" * (MAX_ANSWER // 2))
    stream.end_answer()
    assert len(client.body) == 3 * MAX_ANSWER and client.ends == ["done"]
    assert b.tally.take(0, "test", 1, True, {}).not_rewritten == [("r", "v2", "answer", "rewrite_too_large", 1)]
    assert b.inflight() == b.owed() == 0


def test_an_answer_in_memory_is_given_back_when_its_client_leaves() -> None:
    b = bench()
    exchange, _ = b.ask(CHAT, chat())
    b.pools["v2"].last.head(200, None, media=b"application/json")
    b.pools["v2"].last.piece(b"x" * (512 * KIB))
    assert b.owed() > 0
    exchange.aborted()
    assert b.owed() == b.inflight() == 0


def test_a_compressed_answer_passes_as_it_is_and_is_counted() -> None:
    b = bench()
    _, client = b.ask(CHAT, chat())
    user = b.pools["v2"].last.user
    assert user is not None
    b.pools["v2"].last.head(200, 2, media=b"application/json\r\ncontent-encoding: gzip")
    b.pools["v2"].last.piece(b"\x1f\x8b")
    b.pools["v2"].last.end_answer()
    assert client.body == b"\x1f\x8b"
    assert b.tally.take(0, "test", 1, True, {}).not_rewritten == [("r", "v2", "answer", "rewrite_coding", 1)]


def test_a_version_s_credential_goes_to_it_alone_and_the_client_s_to_others() -> None:
    b = Bench(
        route(split=ALL, shadows=SHADOW, protocol="openai"),
        credentials={"v2": Credential("own", "api-key", "k2"), "v3": Credential("none")},
    )
    own = b"authorization: Bearer client\r\n"
    b.ask(CHAT, chat(len(CHAT), own))
    assert sent(b.pools["v2"].last).fields == b"api-key: k2\r\n"
    assert sent(b.shadow_pools["v3"].last).fields == b""
    b.pools["v2"].last.answer(503)
    assert sent(b.pools["v1"].last).fields == own, "the rescuing primary gets the client's"
    b.pools["v1"].last.answer()
    assert all(b"k2" not in record.request_fields for record in b.outbox.records)


@pytest.mark.parametrize(("host", "authority"), [("version", b""), ("client", b"api.example"), ("a.b", b"a.b")])
def test_host_is_by_one_rule_for_legs_and_copies(host: str, authority: bytes) -> None:
    rewrites = {name: Rewrite(host=host) for name in ("v1", "v3")} if host != "version" else {}
    b = bench((), rewrites, shadows=SHADOW)
    b.ask(CHAT, chat())
    for stream in (b.pools["v1"].last, b.shadow_pools["v3"].last):
        assert stream.begun is not None and stream.begun[1] == authority


def test_a_mistake_in_rewriting_is_no_matter_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    b = bench()
    monkeypatch.setattr("proxy.routing.rewrite.plan.json_text", None)
    _, client = b.ask(CHAT, chat())
    b.pools["v1"].last.answer()
    assert client.body == b"one" and b.counted()["rescued"] == {("r", "v2", "internal"): 1}


def call(length: int | None = None) -> RequestHead:
    head = RequestHead(b"POST", b"h", b"/v2/a.B/C", b"content-type: application/grpc\r\n")
    head.length, head.streamed = length, length is None
    return head


def test_a_call_that_would_have_to_be_rewritten_is_answered_by_the_primary_at_once() -> None:
    b = bench()
    exchange, client = b.begin(call())
    assert client.ends == [] and len(b.pools["v1"].streams) == 1 and b.pools["v2"].streams == []
    assert exchange.leg is not None and not exchange.complete
    assert b.tally.take(0, "test", 1, True, {}).not_rewritten == [("r", "v2", "request", "rewrite_grpc", 1)]


def test_a_primary_that_would_have_to_rewrite_a_call_refuses_it() -> None:
    b = bench(split=(), rewrites={"v1": Rewrite(json={"/a": "1"})})
    _, client = b.begin(call())
    assert client.ends == ["rewrite_grpc", "done"]
