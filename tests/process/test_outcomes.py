"""Sums of a real `penumbra run` beside what independent clients and servers counted, under resets, hangs, streams that
are cut or stop, timeouts, rescues, retries, clients that leave, and kills of a model server and of the worker."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from proxy.contracts.outcome import outcome_of
from proxy.contracts.table import COPY_ROLES
from tests.support.chaos import Servers
from tests.support.mortal import Mortal
from tests.support.running import Running, eventually
from tests.support.scripted import Request, Script, Served, answer

REQUESTS = 400
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = b'{"prediction": 1}'
TOKEN, DONE, END = b"b\r\ndata: hi\n\n\n\r\n", b"e\r\ndata: [DONE]\n\n\r\n", b"0\r\n\r\n"

Row = dict[str, str]


def server(name: str, asked: Counter[str]) -> Script:
    """A model server that does what the request says, where it says it to this one, and counts."""
    used: set[asyncio.StreamWriter] = set()

    async def script(served: Served, request: Request) -> bool:
        what = json.loads(request.body) if request.body else {"who": "", "do": "ok"}
        asked["copy" if request.field("x-penumbra-shadow") else "live"] += 1
        do, write = what["do"] if name in what["who"] else "ok", served.writer.write
        reused = served.writer in used
        used.add(served.writer)
        if do == "stale" and reused:
            served.reset()  # as a server that has closed an idle connection
            return False
        if do.isdecimal():
            write(answer(ANSWER, f"{do} No"))
        elif do == "reset":
            served.reset()
            return False
        elif do == "hang":
            await asyncio.sleep(3.0)
            return False
        elif do in ("stream", "cut", "stop", "done and reset"):
            write(SSE + TOKEN + (b"" if do in ("cut", "stop") else DONE))
            await served.writer.drain()
            await asyncio.sleep(3.0 if do == "stop" else 0.1)
            if do == "stream":
                write(END)
                return True
            return False
        else:
            write(answer(ANSWER))
        return True

    return script


def client(address: str, what: dict[str, str]) -> str:
    """One request on a connection of its own, and how it ended for this client."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30.0) as sock:
        if what["do"] == "health":
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        else:
            body = json.dumps(what).encode()
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            sock.sendall(head.encode() + body)
        if what["leave"] == "soon":
            sock.settimeout(0.3)
        got = b""
        while True:
            try:
                data = sock.recv(65536)
            except TimeoutError:
                return "left"
            except ConnectionError:
                data = b""
            got += data
            if what["leave"] == "at the end" and b"[DONE]" in got:
                return "left with the end"
            if not data:
                return ended(got)


def ended(got: bytes) -> str:
    head, _, body = got.partition(b"\r\n\r\n")
    if b"application/problem+json" in head:
        return "problem"
    if not head:
        return "cut"
    chunked = b"transfer-encoding: chunked" in head.lower()
    return "whole" if not chunked or body.endswith(END) else "cut"


def questions() -> list[dict[str, str]]:
    random.seed(13)
    fine, cut = ("ok", "ok", "ok", "200", "stale", "stale", "health"), ("cut", "stop", "stream", "done and reset")
    does = (*fine, *cut, "400", "503", "500", "reset", "hang")
    whos = ("b", "ab", "abc", "c", "a")
    made = []
    for _ in range(REQUESTS):
        do = random.choice(does)
        leave = "at the end" if do in ("stream", "done and reset") else "soon" if do == "hang" else ""
        made.append({"do": do, "who": random.choice(whos), "leave": random.choice(("", leave))})
    return made


def rows(running: Running, name: str) -> list[tuple[Row, int]]:
    text = running.ask("GET", "/metrics").body.decode()
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return [(each.labels, int(each.value)) for each in samples if each.name == name]


def total(running: Running, name: str) -> int:
    return sum(count for _, count in rows(running, name))


def test_all_sums_agree_with_what_clients_and_servers_counted(tmp_path: Path) -> None:
    asked: dict[str, Counter[str]] = {name: Counter() for name in "abc"}
    with Servers({name: server(name, counts) for name, counts in asked.items()}) as servers:
        urls = ", ".join(f"{name}: {{url: {servers.url(name)}}}" for name in "abc")
        path = tmp_path / "penumbra.yaml"
        path.write_text(
            f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path}/state.db\nanalysis_cpu: 100\n"
            f"versions: {{{urls}}}\n"
            "routes: {r: {match: {path: /}, protocol: json, primary: a, canary: {version: b, percent: 50}, "
            "shadows: [{version: c}], timeouts: {response: 1s, idle: 1s}, on_breach: notify, "
            "analysis: {features: /who, prediction: /prediction}, scorecard: {latency_p99: {max: 60s}}}}\n"
        )
        with Running(path) as running:
            with ThreadPoolExecutor(24) as threads:
                seen = Counter(threads.map(lambda what: client(running.data, what), questions()))
            compare(running, seen, asked)


def compare(running: Running, seen: Counter[str], asked: dict[str, Counter[str]]) -> None:
    def settled() -> bool:
        legs = rows(running, "penumbra_requests_total")
        assigned = sum(count for labels, count in legs if labels["role"] in ("primary", "canary"))
        inflight = total(running, "penumbra_inflight_requests")
        return assigned + total(running, "penumbra_rejected_total") == REQUESTS and not inflight

    eventually(settled, "each request in the counts, and no leg under way")
    legs = rows(running, "penumbra_requests_total")
    live, copies = Counter[str](), Counter[str]()
    for labels, count in legs:
        (copies if labels["role"] in COPY_ROLES else live)[labels["code"]] += count
    rescued = Counter[bool]()
    for labels, count in rows(running, "penumbra_rescued_total"):
        rescued[labels["reason"].isdecimal()] += count
    good = Counter[bool]()
    for code, count in live.items():
        good[code.isdecimal()] += count
    retries, rejected = total(running, "penumbra_retries_total"), total(running, "penumbra_rejected_total")
    assert retries and rescued[True] and rescued[False]
    assert {"client_abort", "idle_timeout", "reset", "response_timeout"} <= live.keys()

    assert seen["whole"] + seen["left with the end"] == good[True] - rescued[True]
    assert seen["problem"] + seen["cut"] + seen["left"] == good[False] - rescued[False] + rejected
    assert seen.total() == REQUESTS and all(
        seen[how] for how in ("whole", "problem", "cut", "left", "left with the end")
    )

    reached = sum(counts["live"] for counts in asked.values()), asked["c"]["copy"]
    unmade = sum(count for code, count in live.items() if code in ("connect_failed", "connect_timeout", "pool_full"))
    assert reached[0] + reached[1] == live.total() - unmade + copies.total() + retries
    dropped = total(running, "penumbra_shadow_dropped_total")
    assert copies.total() + dropped == total(running, "penumbra_shadow_requests_total")

    outcomes: Counter[tuple[str, str, str]] = Counter()
    for labels, count in rows(running, "penumbra_outcomes_total"):
        outcomes[labels["version"], labels["role"], labels["outcome"]] += count
    assert outcomes.total() == live.total() + copies.total()
    assert sum(n for (*_, outcome), n in outcomes.items() if outcome == "not_an_inference") == sum(
        what["do"] == "health" for what in questions()
    )
    expected: Counter[str] = Counter()
    for labels, count in legs:
        expected[outcome_of(labels["code"], labels["role"] in COPY_ROLES)] += count
    for name in ("failed", "refused", "abandoned", "limited"):
        assert sum(n for (*_, outcome), n in outcomes.items() if outcome == name) == expected[name]

    eventually(lambda: not total(running, "penumbra_pairs_waiting"), "the end of every due pair")
    results: Counter[str] = Counter()
    for labels, count in rows(running, "penumbra_pairs_total"):
        results[labels["result"]] += count
    due = total(running, "penumbra_pairs_due_total")
    assert results.total() == due and results["agrees"] and results["differs"]
    answered = sum(n for (_, role, how), n in outcomes.items() if how == "good" and role in ("primary", "rescue"))
    assert 0 <= answered - due <= dropped


HELD = 8
"""Requests under way at each kill."""


def legs_by(running: Running, label: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for labels, count in rows(running, "penumbra_requests_total"):
        counts[labels[label]] += count
    return counts


def test_sums_agree_although_a_model_server_and_the_worker_are_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Mortal(tmp_path / name)) for name in "abc"}
        urls = ", ".join(f"{name}: {{url: '{server.url}'}}" for name, server in servers.items())
        path = tmp_path / "penumbra.yaml"
        path.write_text(
            f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path}/state.db\nversions: {{{urls}}}\n"
            "routes: {r: {match: {path: /}, protocol: json, primary: a, canary: {version: b, percent: 50}, "
            "shadows: [{version: c}], on_breach: notify, scorecard: {latency_p99: {max: 60s}}}}\n"
        )
        running = stack.enter_context(Running(path))
        threads = stack.enter_context(ThreadPoolExecutor(24))

        def asked(letter: str) -> int:
            return sum(server.asked[letter] for server in servers.values())

        def ask(do: str) -> str:
            return client(running.data, {"who": "", "do": do, "leave": ""})

        def all_count(requests: int, failed: int = 0) -> None:
            def live() -> int:
                legs = legs_by(running, "role")
                return legs["primary"] + legs["canary"]

            eventually(lambda: live() == requests + failed, "all requests")
            eventually(lambda: legs_by(running, "role")["shadow"] == requests, "all copies")

        assert Counter(threads.map(ask, ["ok"] * 100)) == {"whole": 100}
        all_count(100)

        held = [threads.submit(ask, "hold") for _ in range(HELD)]
        eventually(lambda: (asked("h"), asked("H")) == (HELD, HELD), "all of them, and their copies")
        lost = servers["b"].asked["h"]
        servers["b"].kill()
        eventually(lambda: total(running, "penumbra_rescued_total") == lost, "rescues of what was under way")
        eventually(lambda: asked("h") == HELD + lost, "the primary has them all")
        codes = legs_by(running, "code")
        assert codes.pop("200") == 200 and codes.keys() <= {"reset", "connect_failed"} and codes.total() == lost

        running.kill(running.child("worker-0"))
        assert [each.result() for each in held] == ["cut"] * HELD
        running.event("child started", 3)
        servers["b"].start()
        assert Counter(threads.map(ask, ["ok"] * 100)) == {"whole": 100}
        all_count(200, lost)

        # What the killed worker had under way is in no count, and nothing else is missing.
        assert (asked("l"), asked("c")) == (200, 200)
        legs = legs_by(running, "role")
        assert (legs["primary"] + legs["canary"], legs["rescue"], legs["shadow"]) == (200 + lost, 0, 200)
        outcomes: Counter[str] = Counter()
        for labels, count in rows(running, "penumbra_outcomes_total"):
            outcomes[labels["outcome"]] += count
        assert outcomes == {"good": 400, **({"failed": lost} if lost else {})}
