"""The admin API on a socket: health answers whoever else is connected, and slow clients are let go."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from proxy.control.api import connections, listener
from proxy.control.api.connections import MAX_CONNECTIONS
from proxy.control.api.context import ApiContext
from proxy.control.api.handlers import application
from proxy.control.api.listener import AdminListener
from tests.control.api.test_handlers import context_of
from tests.control.houses import House, section, settings

CROWD = 3 * MAX_CONNECTIONS


async def asked(port: int, request: bytes, more: bytes = b"") -> bytes:
    """What comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    if more:
        await asyncio.sleep(0.05)
        writer.write(more)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


def play(story: Callable[[int, ApiContext], Awaitable[None]]) -> None:
    async def scene() -> None:
        context = context_of(House(settings(section("r"))))
        api = AdminListener(application(context), context.connections)
        sock = socket.create_server(("127.0.0.1", 0))
        await api.start([sock])
        try:
            await asyncio.wait_for(story(sock.getsockname()[1], context), 20)
        finally:
            await asyncio.wait_for(api.close(), 10)
        assert not len(context.connections)

    asyncio.run(scene())


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


HALF_A_BODY = b"POST /v1/routes/r/gate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"


@pytest.mark.parametrize("sent", [b"", b"GET /v1/routes HT", HALF_A_BODY])
def test_health_answers_beside_a_crowd_that_sends_nothing_or_not_all(sent: bytes) -> None:
    async def story(port: int, context: ApiContext) -> None:
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CROWD)]
        for _, writer in crowd:
            writer.write(sent)
        for path in (b"/healthz", b"/readyz", b"/metrics"):
            answer = await asked(port, HEALTH.replace(b"/healthz", path))
            assert answer.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in answer and b" 408 " not in answer[:20]
        assert len(context.connections) <= MAX_CONNECTIONS
        assert context.connections.let_go["api_connections"] >= CROWD - MAX_CONNECTIONS
        for _, writer in crowd:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    play(story)


def test_a_request_that_does_not_end_is_answered_and_logged_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(connections.PATIENCE, "asking", 0.2)
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.05)
    caplog.set_level(logging.INFO)

    async def story(port: int, context: ApiContext) -> None:
        for begun in (b"GET /v1/routes HT", HALF_A_BODY):
            assert (await asked(port, begun)).startswith(b"HTTP/1.1 408 ")
        assert context.connections.let_go["api_slow"] == 2

    play(story)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_request_in_two_pieces_is_answered() -> None:
    async def story(port: int, context: ApiContext) -> None:
        assert b'"ok"' in await asked(port, HEALTH[:20], HEALTH[20:])

    play(story)


def test_an_answer_that_nobody_reads_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.2)
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.05)

    async def story(port: int, context: ApiContext) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        for _ in range(400):  # more than the kernel takes for somebody who does not read
            writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not context.connections.let_go["api_slow"]:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.02)
        with suppress(OSError):
            while await reader.read(1 << 20):
                pass
        writer.close()

    play(story)
