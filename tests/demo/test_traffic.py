"""The demo's client counts what it saw, keeps to its rate, and notices every kind of error."""

from __future__ import annotations

import asyncio
import json
import time

from aiohttp import web

from proxy.demo.traffic import MAX_SHOWN_ERRORS, ClientCounts, JsonClient, Traffic, encode

ROWS = [[1.0, 2.0], [3.0, 4.0]]


def test_a_row_becomes_an_inference_request() -> None:
    request = json.loads(encode([1.5, 2.5]))
    assert request["inputs"] == [{"name": "row", "shape": [1, 2], "datatype": "FP64", "data": [1.5, 2.5]}]
    assert [output["name"] for output in request["outputs"]] == ["predict", "predict_proba"]


def test_seen_counts_by_version_and_bounds_its_messages() -> None:
    counts = ClientCounts(0.0)
    counts.note("anna", "v1", 0.010, "")
    counts.note("anna", "v2", 0.020, "")
    for _ in range(MAX_SHOWN_ERRORS + 3):
        counts.note("bert", "v2", 0.0, "502 from v2")
    assert (counts.requests, counts.errors) == (MAX_SHOWN_ERRORS + 5, MAX_SHOWN_ERRORS + 3)
    assert counts.moved == 1
    assert len(counts.messages) == MAX_SHOWN_ERRORS
    assert abs((counts.of("v1").quantile(0.5) or 0) / 0.010 - 1) < 0.01
    assert counts.of("v3").requests == 0
    assert "v3" not in counts.versions


def test_answers_refusals_and_lost_connections_are_told_apart() -> None:
    replies = iter(["fine", "refused", "cut"])

    async def answer(request: web.Request) -> web.Response:
        reply = next(replies, "fine")
        if reply == "cut":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=503 if reply == "refused" else 200, headers={"x-penumbra-version": "v1"})

    traffic = asyncio.run(_drive(answer, rate=1000.0, connections=1, requests=10))
    assert traffic.errors == 2
    assert traffic.act.of("v1").errors == 1
    assert traffic.act.of("").errors == 1
    assert traffic.act.messages[0].startswith("503 from v1")


def test_the_rate_is_an_upper_bound_and_every_request_names_its_user() -> None:
    users: set[str] = set()

    async def answer(request: web.Request) -> web.Response:
        users.add(request.headers["x-user-id"])
        return web.Response(headers={"x-penumbra-version": "v1"})

    began = time.monotonic()
    traffic = asyncio.run(_drive(answer, rate=200.0, connections=4, requests=40))
    assert traffic.requests <= (time.monotonic() - began) * 200.0 + 4
    assert users <= {f"user-{number}" for number in range(5)}
    assert len(users) > 1


def test_a_new_act_starts_from_nothing_and_loses_nothing() -> None:
    traffic = Traffic(JsonClient("http://127.0.0.1:1"), ROWS, 1.0, 1, 1, seed=1)
    traffic.act.note("anna", "v1", 0.01, "")
    traffic.begin_act()
    traffic.act.note("anna", "", 0.01, "ClientError: gone")
    assert (traffic.act.requests, traffic.act.moved) == (1, 0)
    assert (traffic.requests, traffic.errors) == (2, 1)


async def _drive(answer: object, rate: float, connections: int, requests: int) -> Traffic:
    """Sends at least `requests` to a server that replies with `answer`."""
    app = web.Application()
    app.router.add_post("/", answer)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    traffic = Traffic(JsonClient(f"http://{host}:{port}/"), ROWS, rate, connections, users=5, seed=1)
    async with traffic.running():
        while traffic.requests < requests:  # noqa: ASYNC110 - the client tells nobody when it has sent enough
            await asyncio.sleep(0.01)
    await runner.cleanup()
    return traffic
