"""One question to real name servers on the loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.dataplane.dns import resolv_conf
from proxy.dataplane.dns.exchange import Unanswered, ask
from proxy.dataplane.dns.message import NXDOMAIN, A, Reply
from proxy.dataplane.dns.resolv_conf import ResolvConf
from tests.support.name_server import NameServer, name_server


def asking(tmp_path: Path, prepare: Callable[[NameServer, ResolvConf], object]) -> tuple[Reply, NameServer]:
    async def test() -> tuple[Reply, NameServer]:
        async with name_server(tmp_path) as (server, path):
            server.zone["n.test"] = [("A", f"10.0.{i}.1", 30) for i in range(60)]
            conf = resolv_conf.load(path)
            prepare(server, conf)
            return await ask(conf, "n.test", A, server.port), server

    with asyncio.Runner() as runner:
        return runner.run(test())


def test_an_answer_by_udp(tmp_path: Path) -> None:
    reply, server = asking(tmp_path, lambda server, conf: None)
    assert len(reply.answers) == 60 and server.asked == [("n.test", "A")]


def test_what_is_too_long_comes_by_tcp(tmp_path: Path) -> None:
    reply, server = asking(tmp_path, lambda server, conf: setattr(server, "too_long", True))
    assert len(reply.answers) == 60 and server.asked == [("n.test", "A")] * 2


def test_no_such_name_is_an_answer(tmp_path: Path) -> None:
    reply, server = asking(tmp_path, lambda server, conf: server.zone.clear())
    assert (reply.code, reply.answers, len(server.asked)) == (NXDOMAIN, [], 1)


def test_the_next_server_is_asked_where_one_does_not_answer(tmp_path: Path) -> None:
    def dead_first(server: NameServer, conf: ResolvConf) -> None:
        conf.servers, conf.timeout = ["127.0.0.9", "127.0.0.1"], 0.05

    assert len(asking(tmp_path, dead_first)[0].answers) == 60


def test_who_cannot_answer_or_is_silent_is_asked_again_and_given_up(tmp_path: Path) -> None:
    with pytest.raises(Unanswered, match="code 2"):
        asking(tmp_path, lambda server, conf: setattr(server, "code", 2))

    def silent(server: NameServer, conf: ResolvConf) -> None:
        server.silent, conf.timeout = True, 0.02

    with pytest.raises(Unanswered, match="has not answered within"):
        asking(tmp_path, silent)


def test_an_answer_to_another_question_is_not_heard(tmp_path: Path) -> None:
    def forged(server: NameServer, conf: ResolvConf) -> None:
        right = server.answer

        def both(query: bytes, cut: bool) -> bytes:
            assert server._udp is not None
            server.answer = right  # type: ignore[method-assign]
            return bytes([query[0] ^ 1]) + right(query, cut)[1:]

        server.answer, conf.timeout = both, 0.05  # type: ignore[method-assign]

    reply, server = asking(tmp_path, forged)
    assert len(reply.answers) == 60 and len(server.asked) == 2


def test_an_answer_that_came_while_the_loop_stood_still_is_heard(tmp_path: Path) -> None:
    """The server has answered by then, and time in which nobody could hear it is not its own."""

    def stalled(server: NameServer, conf: ResolvConf) -> None:
        right, conf.timeout = server.answer, 0.05

        def late(query: bytes, cut: bool) -> bytes:
            time.sleep(0.2)
            return right(query, cut)

        server.answer = late  # type: ignore[method-assign]

    reply, server = asking(tmp_path, stalled)
    assert len(reply.answers) == 60 and len(server.asked) == 1
