"""The connections to one server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from proxy.cli.replay import target
from proxy.cli.replay.connection import MAX_FAULTS, OTHER_FAULTS, ServerTally
from proxy.cli.replay.server import ReplayServer
from proxy.cli.replay.target import UnreachableError
from proxy.contracts.table import Timeouts, Version
from proxy.control.replay.asking import LiveAnswer
from tests.support.replayed import leg, section, serving, settings, whole

FREE = 1
"""A port at which nothing listens."""


def server_at(port: int, timeouts: Timeouts | None = None) -> ReplayServer:
    version = Version("v2", "127.0.0.1", port, f"127.0.0.1:{port}")
    return ReplayServer(settings(), section(), version, timeouts or Timeouts())


async def asked(model: ReplayServer, number: int) -> LiveAnswer:
    future: asyncio.Future[LiveAnswer] = asyncio.get_running_loop().create_future()
    model.ask(model.message(leg(number)), future.set_result)
    return await future


def talk(respond: Callable[[int, bytes], bytes | None], count: int, timeouts: Timeouts | None = None) -> list[str]:
    """What came of requests, one after the other."""

    async def main() -> list[str]:
        async with serving(respond) as (port, _):
            model = server_at(port, timeouts)
            await model.reach()
            looking = asyncio.create_task(look(model))
            answers = [await asked(model, number) for number in range(count)]
            looking.cancel()
            model.close()
            return [answer.failure or str(answer.status) for answer in answers]

    async def look(model: ReplayServer) -> None:
        while True:
            await asyncio.sleep(0.01)
            model.expire(asyncio.get_running_loop().time() + 0.0)

    return asyncio.run(main())


def test_requests_go_out_on_one_connection() -> None:
    assert talk(lambda number, body: whole(b"{}"), 3) == ["200"] * 3


def test_a_connection_that_was_closed_between_two_requests_costs_nothing() -> None:
    """Every second request meets a connection that its server has just closed, and is sent again."""
    assert talk(lambda number, body: b"" if number % 2 else whole(b"{}"), 2) == ["200", "200"]


def test_a_server_that_closes_without_an_answer_has_failed() -> None:
    assert talk(lambda number, body: b"", 2) == ["reset", "reset"]


def test_a_server_that_is_silent_has_failed_in_time() -> None:
    assert talk(lambda number, body: None, 1, Timeouts(response=0.05)) == ["response_timeout"]
    half = whole(b"{}")[:-1]
    assert talk(lambda number, body: half, 1, Timeouts(idle=0.05)) == ["idle_timeout"]


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        asyncio.run(server_at(FREE).reach())


def test_a_server_that_goes_away_has_failed() -> None:
    async def main() -> LiveAnswer:
        return await asked(server_at(FREE), 1)

    assert asyncio.run(main()).failure == "connect_failed"


def test_a_server_that_never_answered_is_silent() -> None:
    model = server_at(FREE)
    model.tally.lost = target.MAX_SILENT
    assert model.silent and "gave no answer to 10 requests" in str(model.unreachable())
    model.tally.answered = 1
    assert not model.silent


def test_a_server_by_tls_is_asked_by_tls() -> None:
    async def main() -> None:
        async with serving(lambda number, body: whole(b"{}")) as (port, _):
            model = server_at(port)
            model.version = replace(model.version, secure=True)
            await model.reach()

    with pytest.raises(UnreachableError, match=r"https://.* no connection in time"):
        asyncio.run(main())


def test_why_a_server_is_silent_outlives_what_came_last() -> None:
    """What the system said of a connection says more than that there was none, and is told with its number."""

    async def main() -> str:
        async with serving(lambda number, body: b"") as (port, _):
            model = server_at(port)
            await model.reach()
            await asked(model, 0)
        for number in range(2):
            await asked(model, 1 + number)
        model.close()
        return str(model.unreachable())

    told = asyncio.run(main())
    assert "gave no answer to 3 requests: 2 x " in told and "(connect_failed)" in told, told
    assert "1 x the model server closed the connection before its answer was complete (reset)" in told


def test_further_faults_are_counted_together() -> None:
    tally = ServerTally()
    for number in range(MAX_FAULTS + 3):
        tally.note("connect_failed", f"why {number}")
    assert len(tally.faults) == MAX_FAULTS + 1 and f"3 x {OTHER_FAULTS}" in tally.told
    tally.note("")
    assert (tally.answered, tally.lost) == (1, MAX_FAULTS + 3)
