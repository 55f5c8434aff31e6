"""The connections to a server of HTTP/2, which is the reference's here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.cli.replay import connection
from proxy.cli.replay.http2_connection import NO_HTTP2
from proxy.cli.replay.http2_server import Http2ReplayServer
from proxy.cli.replay.target import ReplayTarget, UnreachableError
from proxy.contracts.table import Match, Timeouts, Version
from proxy.control.replay.asking import LiveAnswer
from proxy.http2.response import NO_STATUS
from tests.cli.replay.test_http2_message import call
from tests.support.certificates import Authority, client_tls
from tests.support.http2_client import Http2Client
from tests.support.http2_server import Asked, Http2Server, Script, says
from tests.support.http2_version import between
from tests.support.oip_messages import framed
from tests.support.plane import run
from tests.support.replayed import section, serving, settings, whole
from tests.support.secured import secured, server_context

GOOD = says(framed(b"ok"), (b"grpc-status", b"0"))
FREE = 1
"""A port at which nothing listens."""


def target(port: int, timeouts: Timeouts | None = None, secure: bool = False, **more: Any) -> Http2ReplayServer:
    version = Version("v2", "127.0.0.1", port, f"127.0.0.1:{port}", secure=secure, http=2)
    route = section(protocol="grpc", match=Match("/"))
    return Http2ReplayServer(replace(settings(), **more), route, version, timeouts or Timeouts())


async def asked(model: ReplayTarget, count: int = 1) -> list[LiveAnswer]:
    """What comes of so many calls at a time."""
    futures: list[asyncio.Future[LiveAnswer]] = []
    for _ in range(count):
        future: asyncio.Future[LiveAnswer] = asyncio.get_running_loop().create_future()
        model.ask(model.message(call(request=framed(b"asked"))), future.set_result)
        futures.append(future)
    return await asyncio.gather(*futures)


async def look(model: ReplayTarget) -> None:
    while True:
        await asyncio.sleep(0.01)
        model.expire(asyncio.get_running_loop().time())


Walk = Callable[[Http2ReplayServer, Http2Server], Awaitable[list[LiveAnswer]]]


def talk(
    script: Script,
    walk: Walk | None = None,
    timeouts: Timeouts | None = None,
    streams: int | None = None,
    count: int = 1,
) -> tuple[list[LiveAnswer], Http2Server]:
    """What came of calls, and the server that was asked."""

    async def main() -> tuple[list[LiveAnswer], Http2Server]:
        async with Http2Server(script, streams) as server:
            model = target(server.port, timeouts)
            await model.reach()
            looking = asyncio.create_task(look(model))
            answers = await (walk(model, server) if walk else asked(model, count))
            looking.cancel()
            model.close()
            return answers, server

    return asyncio.run(main())


def failures(answers: list[LiveAnswer]) -> list[str]:
    return [each.failure or f"grpc:{each.call}" for each in answers]


def test_an_answer_is_what_a_worker_would_have_noted() -> None:
    (answer,), server = talk(GOOD)
    assert (answer.status, answer.call, answer.failure, answer.detail) == (200, 0, "", "")
    assert answer.body == framed(b"ok") and answer.fields == b"content-type: application/grpc\r\n"
    assert 0 < answer.first_byte <= answer.total and answer.ends[-1] == len(framed(b"ok"))
    assert server.seen[0].body == framed(b"asked") and server.seen[0].field("x-penumbra-shadow") == "v2"


def test_a_call_ends_as_its_trailers_say() -> None:
    (answer,), _ = talk(says(b"", (b"grpc-status", b"14"), (b"grpc-message", b"no%20memory")))
    assert (answer.status, answer.call, answer.detail, answer.failure) == (503, 14, "no memory", "")

    async def alone(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head((b"grpc-status", b"12"), ended=True)

    (answer,), _ = talk(alone)
    assert (answer.status, answer.call) == (501, 12)
    (answer,), _ = talk(says(framed(b"ok")))
    assert (answer.call, answer.detail) == (2, NO_STATUS.decode()), "no end is no success"


def test_calls_share_a_connection_and_more_are_made_where_it_is_full() -> None:
    answers, server = talk(GOOD, count=40)
    assert failures(answers) == ["grpc:0"] * 40 and server.connections == 1

    async def slow(asked: Asked) -> None:
        await asyncio.sleep(0.02)
        await GOOD(asked)

    async def walk(model: Http2ReplayServer, server: Http2Server) -> list[LiveAnswer]:
        await asyncio.sleep(0.05)  # it has said what it allows
        return await asked(model, 8)

    answers, server = talk(slow, walk, streams=2)
    assert failures(answers) == ["grpc:0"] * 8 and server.connections > 1 and server.most <= 2


def test_what_was_refused_or_left_out_is_sent_once_more() -> None:
    refused: list[int] = []

    async def once(asked: Asked) -> None:
        if not refused:
            refused.append(asked.stream)
            asked.refuse(7)
            return
        await GOOD(asked)

    answers, server = talk(once)
    assert failures(answers) == ["grpc:0"] and len(server.seen) == 2

    async def always(asked: Asked) -> None:
        asked.refuse(7)

    answers, server = talk(always)
    assert failures(answers) == ["reset"] and len(server.seen) == 2

    async def leaving(asked: Asked) -> None:
        if asked.connection.server.connections == 1:
            asked.connection.goaway(0)
            return
        await GOOD(asked)

    answers, server = talk(leaving)
    assert failures(answers) == ["grpc:0"] and server.connections == 2


def test_a_connection_that_went_while_it_was_idle_costs_nothing() -> None:
    async def walk(model: Http2ReplayServer, server: Http2Server) -> list[LiveAnswer]:
        answers = await asked(model)
        for served in tuple(server.open):
            served.writer.transport.abort()
        return answers + await asked(model)

    answers, _ = talk(GOOD, walk)
    assert failures(answers) == ["grpc:0"] * 2


def test_a_call_that_is_reset_or_cut_has_failed() -> None:
    async def reset(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head((b"content-type", b"application/grpc"))
        asked.refuse(2)

    assert failures(talk(reset)[0]) == ["reset"]

    async def cut(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"))
        await asyncio.sleep(0.01)
        asked.connection.writer.transport.abort()

    assert failures(talk(cut, count=3)[0]) == ["reset"] * 3


def test_one_silent_call_ends_alone_and_a_silent_connection_gets_no_more() -> None:
    async def first_silent(asked: Asked) -> None:
        if asked.stream > 1:
            await GOOD(asked)

    answers, server = talk(first_silent, timeouts=Timeouts(response=0.1), count=3)
    assert failures(answers) == ["response_timeout", "grpc:0", "grpc:0"]
    assert server.connections == 1 and server.seen[0].reset == 8

    async def silent(asked: Asked) -> None:
        if asked.connection.server.connections > 1:
            await GOOD(asked)

    async def walk(model: Http2ReplayServer, server: Http2Server) -> list[LiveAnswer]:
        await asyncio.sleep(0.05)
        return await asked(model) + await asked(model)

    answers, server = talk(silent, walk, Timeouts(response=0.1))
    assert failures(answers) == ["response_timeout", "grpc:0"] and server.connections == 2


@pytest.mark.parametrize(
    ("timeouts", "reason"), [(Timeouts(idle=0.05), "idle_timeout"), (Timeouts(idle=9.0, total=0.05), "total_timeout")]
)
def test_an_answer_that_stops_in_the_middle_has_failed_in_time(timeouts: Timeouts, reason: str) -> None:
    async def half(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"))
        await asked.data(framed(b"ok")[:3])

    assert failures(talk(half, timeouts=timeouts)[0]) == [reason]


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cli.replay.http2_connection.MAX_ANSWER", 100_000)
    monkeypatch.setattr(connection, "MAX_KEPT", 50_000)
    answers, _ = talk(says(bytes(200_000), (b"grpc-status", b"0")))
    assert failures(answers) == ["answer_too_large"]
    monkeypatch.setattr("proxy.cli.replay.http2_connection.MAX_ANSWER", 1_000_000)
    (answer,), _ = talk(says(bytes(200_000), (b"grpc-status", b"0")))
    assert (answer.call, answer.body) == (0, None) and answer.beginning


def test_a_head_that_is_none_and_trailers_without_end_are_malformed() -> None:
    async def odd(asked: Asked) -> None:
        asked.head(status=b"20x", ended=True)

    assert failures(talk(odd)[0])[0] in ("malformed", "reset")
    many = tuple((b"x-%d" % number, b"") for number in range(300))
    (answer,), _ = talk(says(b"", *many))
    assert (answer.failure, answer.call) == ("malformed", -1) and "more than 256 fields" in answer.detail


def test_an_answer_before_the_whole_request_ends_the_request() -> None:
    async def early(asked: Asked) -> None:
        asked.connection.server.reads = False
        asked.head((b"content-type", b"application/grpc"))
        asked.end((b"grpc-status", b"8"))

    async def walk(model: Http2ReplayServer, server: Http2Server) -> list[LiveAnswer]:
        future: asyncio.Future[LiveAnswer] = asyncio.get_running_loop().create_future()
        model.ask(model.message(call(request=bytes(1_000_000))), future.set_result)
        answer = await future
        await asyncio.wait_for(server.seen[0].ended.wait(), 20)
        return [answer]

    answers, server = talk(early, walk)
    assert failures(answers) == ["grpc:8"] and server.seen[0].reset == 8


@pytest.mark.parametrize(("answer", "says"), [(whole(b"{}", 400), NO_HTTP2), (None, "no connection in time")])
def test_what_speaks_no_http2_is_not_reached(answer: bytes | None, says: str) -> None:
    async def main() -> None:
        async with serving(lambda number, body: answer) as (port, _):
            await target(port, Timeouts(connect=0.3)).reach()

    with pytest.raises(UnreachableError, match=says):
        asyncio.run(main())


def test_a_server_that_goes_away_has_failed() -> None:
    assert failures(asyncio.run(asked(target(FREE), 3))) == ["connect_failed"] * 3


@pytest.mark.parametrize(
    ("alpn", "known", "says"),
    [
        ("h2", True, ""),
        ("http/1.1", True, r"tls_failed \(protocol\)"),
        ("h2", False, r"tls_failed \(untrusted\)"),
    ],
)
def test_by_tls_the_server_agrees_to_http2_and_shows_who_it_is(alpn: str, known: bool, says: str) -> None:
    ours = secured()
    tls = ours.client if known else client_tls(Authority("other"))

    async def main() -> list[LiveAnswer]:
        context = server_context(ours.authority.issue("ip:127.0.0.1"))
        context.set_alpn_protocols([alpn])
        async with Http2Server(GOOD, context=context) as server:
            model = target(server.port, secure=True, tls={"v2": tls})
            await model.reach()
            answers = await asked(model)
            model.close()
            return answers

    if says:
        with pytest.raises(UnreachableError, match=says):
            asyncio.run(main())
    else:
        assert failures(asyncio.run(main())) == ["grpc:0"]


async def _no_status(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head((b"content-type", b"application/grpc"), status=b"503", ended=True)


@pytest.mark.parametrize(
    "script",
    [
        GOOD,
        says(b"", (b"grpc-status", b"5"), (b"grpc-message", b"no%20model")),
        says(framed(b"ok"), (b"grpc-status", b"0"), (b"grpc-status", b"13")),
        says(framed(b"ok"), (b"grpc-status", b"many")),
        says(framed(b"ok")),
        _no_status,
    ],
)
def test_an_answer_is_the_same_to_a_replay_as_to_a_worker(script: Script) -> None:
    (answer,), _ = talk(script)
    came = answer.status, answer.call, answer.failure, answer.detail, answer.body or b""

    async def test() -> None:
        async with between(script) as (p, _), Http2Client(p.port) as client:
            await client.ask(framed(b"asked"), [(b"content-type", b"application/grpc"), (b"te", b"trailers")])
            await p.until(lambda: bool(p.records))
            (record,) = p.records
            noted = record.status, record.call, record.failure, record.detail, record.response or b""
            assert noted == came

    run(test)
