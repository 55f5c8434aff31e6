"""A request's way through a worker: who gets it, what they are told, what is counted."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest

from proxy.contracts.table import Share, Sticky, Table, Version
from proxy.contracts.worker_args import WorkerArgs
from proxy.dataplane.worker import Worker
from proxy.link.pulse import page
from proxy.link.slot import TableSlot
from tests.support.plane import get, plane, post, post_chunks, route, run
from tests.support.scripted import answer, says

V1, V2, V3 = says(answer(b"one")), says(answer(b"two")), says(answer(b"three"))


def test_the_primary_answers() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            reply = await p.ask(post(b"hello"))
            assert (reply.status, reply.body, reply.version) == (200, b"one", "v1")
            seen = p.upstreams["v1"].seen[0]
            assert seen.body == b"hello"
            assert seen.field("host") == f"127.0.0.1:{p.upstreams['v1'].port}"
            assert seen.field("x-request-id") == reply.field("x-request-id")
            assert len(reply.field("x-request-id")) == 32

    run(test)


@pytest.mark.parametrize(
    "raw",
    [post(b""), post(b"x" * 100), post(b"x" * 300_000), post_chunks(b"a", b"b" * 70_000), get(), get("/v2?a=b")],
    ids=["empty", "small", "large", "chunks", "get", "query"],
)
def test_requests_of_every_framing_arrive_whole(raw: bytes) -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            for _ in range(3):
                assert (await client.ask(raw)).body == b"one"
            client.close()
            arrived = p.upstreams["v1"].seen
            assert len(arrived) == 3 and p.upstreams["v1"].connections == 1
            direct = raw.partition(b"\r\n\r\n")[2]
            if b"chunked" in raw:
                direct = b"a" + b"b" * 70_000
            assert all(request.body == direct for request in arrived)
            assert arrived[0].head.split(b"\r\n")[0] == raw.split(b"\r\n")[0]

    run(test)


def test_a_request_id_is_passed_through_and_not_repeated() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            reply = await p.ask(post(fields="X-Request-ID: abc\r\ntraceparent: 00-1-2-01\r\n"))
            seen = p.upstreams["v1"].seen[0]
            assert seen.head.lower().count(b"x-request-id") == 1
            assert seen.field("x-request-id") == "abc"
            assert seen.field("traceparent") == "00-1-2-01"
            assert reply.field("x-request-id") == "abc"

    run(test)


def test_split_by_percent() -> None:
    async def test() -> None:
        async with plane(route(split=(Share("v2", 25.0),)), v1=V1, v2=V2) as p:
            client = await p.connect()
            n = 400
            canary = sum([(await client.ask(post())).version == "v2" for _ in range(n)])
            client.close()
            await p.settled()
            sd = sqrt(n * 0.25 * 0.75)
            assert abs(canary - n / 4) < 5 * sd
            assert p.codes() == {("v1", "primary", "200"): n - canary, ("v2", "canary", "200"): canary}
            assert {(arm.version, arm.share) for tick in p.ticks for arm in tick.arms} == {("v1", 0.75), ("v2", 0.25)}

    run(test)


@pytest.mark.parametrize(
    ("sticky", "ask"),
    [
        (Sticky("header", "x-user-id"), lambda user: post(fields=f"X-User-Id: {user}\r\n")),
        (Sticky("cookie", "user"), lambda user: post(fields=f"Cookie: a=b; user={user}\r\n")),
        (Sticky("json", "/parameters/user"), lambda user: post(json.dumps({"parameters": {"user": user}}).encode())),
        (Sticky("json", "/users/0"), lambda user: post_chunks(b'{"users": [', json.dumps(user).encode(), b"]}")),
    ],
    ids=["header", "cookie", "json pointer", "json pointer in chunks"],
)
def test_sticky_users_keep_their_version_and_stay_in_as_the_percentage_grows(
    sticky: Sticky, ask: Callable[..., Any]
) -> None:
    async def test() -> None:
        async with plane(route(split=(Share("v2", 5.0),), sticky=sticky), v1=V1, v2=V2) as p:
            client = await p.connect()
            users = [f"user-{n}" for n in range(100)]

            async def who_is_in() -> set[str]:
                twice = [[(await client.ask(ask(user))).version for user in users] for _ in range(2)]
                assert twice[0] == twice[1]
                return {user for user, version in zip(users, twice[0], strict=True) if version == "v2"}

            before = await who_is_in()
            assert len(before) < 30
            await p.published(route(split=(Share("v2", 20.0),), sticky=sticky))
            after = await who_is_in()
            assert before <= after and abs(len(after) - 20) < 5 * sqrt(100 * 0.2 * 0.8)
            client.close()

    run(test)


def test_shadows_get_the_original_request_and_their_own_host() -> None:
    async def test() -> None:
        shadows = (Share("v2", 100.0), Share("v3", 100.0))
        async with plane(route(shadows=shadows), v1=V1, v2=V2, v3=V3) as p:
            reply = await p.ask(post(b"hello", "X-A: b\r\n"))
            assert reply.body == b"one"
            await p.settled()
            for name in ("v2", "v3"):
                copy = p.upstreams[name].seen[0]
                assert copy.body == b"hello"
                assert copy.field("x-a") == "b"
                assert copy.field("x-penumbra-shadow") == name
                assert copy.field("host") == f"127.0.0.1:{p.upstreams[name].port}"
                assert copy.field("x-request-id") == reply.field("x-request-id")
            assert p.rows("mirrored") == {("r", "v2"): 1, ("r", "v3"): 1}
            assert p.codes()["v3", "shadow", "200"] == 1

    run(test)


def test_a_share_of_requests_is_mirrored() -> None:
    async def test() -> None:
        async with plane(route(shadows=(Share("v2", 30.0),)), v1=V1, v2=V2) as p:
            client = await p.connect()
            for _ in range(300):
                await client.ask(post())
            client.close()
            await p.settled()
            copies = len(p.upstreams["v2"].seen)
            assert abs(copies - 90) < 5 * sqrt(300 * 0.3 * 0.7)
            assert p.rows("mirrored")["r", "v2"] == copies == p.codes()["v2", "shadow", "200"]

    run(test)


def test_a_copy_is_not_mirrored_again() -> None:
    async def test() -> None:
        async with plane(route(shadows=(Share("v2", 100.0),)), v1=V1, v2=V2) as p:
            await p.ask(post(fields="x-penumbra-shadow: v1\r\n"))
            await p.settled()
            assert p.upstreams["v2"].seen == []
            assert p.upstreams["v1"].seen[0].field("x-penumbra-shadow") == "v1"

    run(test)


def test_noise_copies_go_to_the_primary_and_are_counted_apart() -> None:
    async def test() -> None:
        async with plane(route(noise=100.0), v1=V1) as p:
            await p.ask(post())
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 1, ("v1", "noise", "200"): 1}

    run(test)


def test_records_of_one_exchange_share_its_number() -> None:
    async def test() -> None:
        async with plane(route(shadows=(Share("v2", 100.0),)), v1=V1, v2=V2) as p:
            await p.ask(post(b"question", "Content-Type: application/json\r\n"))
            await p.settled()
            await p.until(lambda: len(p.records) == 2)
            live, shadow = sorted(p.records, key=lambda record: record.role)
            assert live.exchange == shadow.exchange > 0
            assert (live.request, live.response, shadow.request, shadow.response) == (b"question", b"one", None, b"two")
            assert b"Content-Type: application/json\r\n" in live.request_fields
            assert live.path == "/v2/models/m/infer"
            assert 0 < live.first_byte <= live.total < 20

    run(test)


def test_opaque_routes_are_counted_but_not_recorded() -> None:
    async def test() -> None:
        async with plane(route(protocol="opaque"), v1=V1) as p:
            await p.ask(post())
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 1}
            assert p.records == []

    run(test)


def test_for_a_journal_opaque_routes_are_recorded_without_bodies() -> None:
    async def test() -> None:
        shadowed = route(protocol="opaque", journal=True, shadows=(Share("v2", 100.0),))
        async with plane(shadowed, v1=V1, v2=V2) as p:
            await p.ask(post(b"question"))
            await p.until(lambda: len(p.records) == 2)
            live, shadow = sorted(p.records, key=lambda record: record.role)
            assert (live.role, live.status, live.path, live.method) == ("primary", 200, "/v2/models/m/infer", "POST")
            assert (live.request, live.response, shadow.request, shadow.response) == (None, None, None, None)

    run(test)


def test_latencies_and_overhead_are_counted_for_each_leg() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            for _ in range(50):
                await client.ask(post())
            client.close()
            await p.settled()
            arms = [arm for tick in p.ticks for arm in tick.arms]
            assert sum(sum(arm.total.values()) for arm in arms) == 50
            assert sum(sum(arm.first_byte.values()) for arm in arms) == 50
            assert sum(sum(arm.connect.values()) for arm in arms) == 1
            assert sum(sum(tick.overhead.get("r", {}).values()) for tick in p.ticks) == 50

    run(test)


def test_no_route() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            for raw in (get("/other"), post(path="/v20")):
                reply = await p.ask(raw)
                assert reply.status == 404
                assert json.loads(reply.body)["reason"] == "no_route"
            await p.settled()
            assert p.rows("rejected") == {("", "no_route"): 2}

    run(test)


@pytest.mark.parametrize(
    ("promised", "now", "patience", "leased", "canaries"),
    [
        (10.0, 10.2, 11.0, True, 1),  # control is about to be up: what it promised is in force
        (10.0, 14.0, 15.0, None, 0),  # its lease is over: there may be no control
        (10.0, 14.0, 13.0, False, 0),
        (0.0, 10.2, 11.0, None, 0),  # published: control itself will tell
        (0.0, 11.0, 11.0, False, 0),
    ],
)
def test_what_a_worker_begins_with_before_control_speaks(
    promised: float, now: float, patience: float, leased: bool | None, canaries: int
) -> None:
    """`leased`: None where it begins with nothing yet."""

    async def test() -> None:
        with tempfile.TemporaryFile() as file:
            versions = {name: Version(name, "127.0.0.1", 1, f"{name}:1") for name in ("v1", "v2")}
            slot = TableSlot(file.fileno())
            slot.write(Table(3, versions, (route(split=(Share("v2", 25.0),)),), lease=3.0), promised)
            worker = Worker(WorkerArgs(0, (), "/nowhere", file.fileno(), -1, 0.0, pulse := page(2), -1))
            os.close(pulse)
            worker._look_into_slot(patience, now)
            table = worker.shared.table
            if leased is None:
                assert table is None
            else:
                assert table is not None
                assert (worker.leased, len(table.routes[0].targets) - 1) == (leased, canaries)

    run(test)
