"""How legs and copies end in a real `penumbra run`: long streams of a shadow, crashes after work, silence, clients that
close with the end of a stream."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process.test_outcomes import DONE, END, SSE, TOKEN, rows
from tests.support.chaos import Servers
from tests.support.running import Running, eventually
from tests.support.scripted import Request, Script, Served, answer


@contextmanager
def running(tmp_path: Path, route: str, **scripts: Script) -> Iterator[tuple[Running, Servers]]:
    with Servers(scripts) as servers:
        urls = ", ".join(f"{name}: {{url: {servers.url(name)}}}" for name in scripts)
        path = tmp_path / "penumbra.yaml"
        path.write_text(
            f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path}/state.db\nanalysis_cpu: 80\n"
            f"versions: {{{urls}}}\nroutes: {{r: {{match: {{path: /}}, protocol: openai, primary: a, {route}}}}}\n"
        )
        with Running(path) as it:
            yield it, servers


def ask(it: Running, until: bytes = b"") -> bytes:
    """One request on a connection of its own; the client closes with `until`, or reads to the end."""
    host, _, port = it.data.rpartition(":")
    body = b'{"model": "m", "messages": []}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30.0) as sock:
        sock.sendall(head.encode() + body)
        got = b""
        while data := sock.recv(65536):
            got += data
            if until and until in got:
                break
    return got


def codes(it: Running) -> dict[tuple[str, str], int]:
    return {(row["version"], row["code"]): count for row, count in rows(it, "penumbra_requests_total")}


def streams(gaps: int, seconds: float) -> Script:
    async def script(served: Served, request: Request) -> bool:
        served.writer.write(SSE)
        for _ in range(gaps):
            served.writer.write(TOKEN)
            await asyncio.sleep(seconds)
        served.writer.write(DONE + END)
        return True

    return script


def test_a_copy_of_a_stream_longer_than_the_time_of_its_head_is_whole(tmp_path: Path) -> None:
    long = streams(8, 0.2)
    route = "shadows: [{version: b}], timeouts: {response: 500ms, idle: 5s}"
    with running(tmp_path, route, a=long, b=long) as (it, _):
        assert ask(it).endswith(END)
        eventually(lambda: codes(it) == {("a", "200"): 1, ("b", "200"): 1}, "both answers")


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.0])
def test_a_crash_after_work_is_no_stale_connection(tmp_path: Path, seconds: float) -> None:
    async def crashes(served: Served, request: Request) -> bool:
        if len(asked) > 1:
            await asyncio.sleep(seconds)
            if seconds:
                served.reset()  # at once, it could not be told from a connection that was closed before
            return False
        served.writer.write(answer(b"{}"))
        return True

    asked: list[Request] = []

    async def counted(served: Served, request: Request) -> bool:
        asked.append(request)
        return await crashes(served, request)

    with running(tmp_path, "rescue: off", a=counted) as (it, _):
        assert b" 200 " in ask(it)
        assert b'"reset"' in ask(it)
        eventually(lambda: codes(it) == {("a", "200"): 1, ("a", "reset"): 1}, "both legs")
        assert len(asked) == 2 and not rows(it, "penumbra_retries_total")


def test_a_shadow_that_hangs_for_some_is_not_judged_by_its_other_answers(tmp_path: Path) -> None:
    text = answer(b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}')
    asked: list[Request] = []

    async def says(served: Served, request: Request) -> bool:
        served.writer.write(text)
        return True

    async def hangs_for_some(served: Served, request: Request) -> bool:
        asked.append(request)
        if len(asked) % 3 == 0:
            await asyncio.sleep(20.0)
        served.writer.write(text)
        return True

    release = "release: {candidate: b, strategy: canary, stages: [{shadow: 100, requests: 50}]}"
    with running(tmp_path, f"{release}, timeouts: {{response: 5s}}", a=says, b=hangs_for_some) as (it, _):
        for _ in range(500):
            ask(it)
        eventually(lambda: it.route()["phase"] == "rolled_back", "the rollback")
        assert it.route()["primary"] == "a"


def test_connections_that_a_server_closes_after_each_answer_cost_clients_next_to_nothing(tmp_path: Path) -> None:
    """A request is sent again where the server has not taken it. What it took just as it closed, it may have worked on:
    that is not sent again, and is rare."""

    async def once(served: Served, request: Request) -> bool:
        served.writer.write(answer(b"{}"))
        return False

    with running(tmp_path, "rescue: off", a=once) as (it, _):
        answered = sum(b" 200 " in ask(it) for _ in range(20))
        assert answered >= 18
        eventually(lambda: codes(it).get(("a", "200")) == answered, "all answers")


def test_silence_ends_a_stream(tmp_path: Path) -> None:
    async def stops(served: Served, request: Request) -> bool:
        served.writer.write(SSE + TOKEN)
        await asyncio.sleep(20.0)
        return False

    with running(tmp_path, "timeouts: {idle: 2s}", a=stops) as (it, _):
        since = time.monotonic()
        assert not ask(it).endswith(END)
        took = time.monotonic() - since
        eventually(lambda: codes(it) == {("a", "idle_timeout"): 1}, "the leg")
        assert took >= 2.0


def test_a_client_that_closes_with_the_end_of_a_stream_has_had_its_answer(tmp_path: Path) -> None:
    async def slow_end(served: Served, request: Request) -> bool:
        served.writer.write(SSE + TOKEN + DONE)
        await asyncio.sleep(0.2)
        served.writer.write(END)
        return True

    with running(tmp_path, "shadows: [{version: b}]", a=slow_end, b=slow_end) as (it, _):
        for _ in range(20):
            ask(it, until=b"[DONE]")
        eventually(lambda: codes(it) == {("a", "200"): 20, ("b", "200"): 20}, "all answers")
