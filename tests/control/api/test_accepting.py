"""The admin API where no descriptor is left: the limit is raised, or connections hear 503, but none is reset."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import cast

import pytest
import uvloop

from proxy.control.api import accepting
from proxy.control.api.accepting import Acceptor


class Greets(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"hello")
        self.transport.close()


@contextmanager
def spent() -> Iterator[None]:
    """No further descriptor for this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_free = os.dup(0)
    os.close(next_free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def heard(client: socket.socket) -> bytes:
    """What a client that is connected gets until the end."""
    reader, writer = await asyncio.open_connection(sock=client)
    writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
    got = await reader.read()
    writer.close()
    return got


async def story(short: bool) -> list[bytes]:
    """What three clients get; `short`: while there are no descriptors."""
    sock = socket.create_server(("127.0.0.1", 0))
    clients = [socket.create_connection(sock.getsockname()) for _ in range(3)]
    acceptor = Acceptor(sock, Greets, asyncio.get_running_loop())
    try:
        async with asyncio.timeout(10):
            with spent() if short else nullcontext():
                return list(await asyncio.gather(*map(heard, clients)))
    finally:
        acceptor.close()


def test_connections_are_served() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story(short=False)) == [b"hello"] * 3


def test_a_lowered_limit_is_noticed_by_nobody() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story(short=True)) == [b"hello"] * 3


def test_where_it_cannot_be_raised_each_hears_503(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(accepting, "raise_descriptor_limit", lambda: 0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        first, *others = runner.run(story(short=True))
    assert first == accepting.REFUSAL
    assert set(others) <= {b"hello", accepting.REFUSAL}, "those after it may get what it has given back"
    assert len(caplog.records) == 1
