"""Lookups by the C library, in threads."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from proxy.dataplane import resolver
from proxy.dataplane.endpoints import Found
from proxy.dataplane.resolver import Answer, found, look_up, numeric


def test_what_is_an_address() -> None:
    assert numeric("10.0.0.1", 80) == [(socket.AF_INET, "10.0.0.1", 80)]
    assert numeric("::1", 80) == [(socket.AF_INET6, "::1", 80)]
    assert numeric("localhost", 80) is None


def test_a_name_of_this_host_has_an_address() -> None:
    answer = found("localhost", 80)
    assert isinstance(answer, Found) and answer.ttl is None
    assert answer.addresses and {host for _, host, _ in answer.addresses} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "again"), socket.EAI_AGAIN),
        (OSError(24, "too many open files"), socket.EAI_SYSTEM),
        (UnicodeError("label empty"), socket.EAI_NONAME),
        (MemoryError(), socket.EAI_SYSTEM),
    ],
)
def test_whatever_goes_wrong_is_an_answer(error: Exception, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(host: bytes, port: int, **_: int) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    answer = found("name.test", 80)
    assert isinstance(answer, socket.gaierror) and answer.errno == code


def test_a_name_that_is_no_ascii_does_not_exist() -> None:
    answer = found("n\u00e4me.test", 80)
    assert isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_NONAME


def test_a_lookup_that_hangs_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()

    def slow(host: bytes, port: int, **_: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host == b"slow.test":
            hanging.wait(10)
        return [(2, 1, 6, "", (host.decode(), port))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    async def test() -> list[str]:
        order: list[str] = []
        both = asyncio.Event()

        def heard(answer: Answer) -> None:
            assert isinstance(answer, Found)
            order.append(answer.addresses[0][1])
            if len(order) == 2:
                both.set()
            hanging.set()

        look_up("slow.test", 80, heard)
        look_up("fast.test", 80, heard)
        await both.wait()
        return order

    assert asyncio.run(test()) == ["fast.test", "slow.test"]


def test_without_a_thread_the_answer_is_that_of_a_full_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)

    async def test() -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        look_up("name.test", 80, future.set_result)
        return await future

    answer = asyncio.run(test())
    assert isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_MEMORY


def test_an_answer_after_the_loop_s_end_is_nobody_s() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    resolver._in_thread("127.0.0.1", 80, lambda answer: None, loop)
