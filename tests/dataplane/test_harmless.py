"""Law 1 where a version cannot even be reached: names that do not resolve, or slowly, or never; addresses that swallow
packets; descriptors that are spent; exceptions. As a shadow, and as a canary that the primary rescues: clients and the
primary see the same bytes as without it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from proxy.contracts.table import Rescue, Share, Timeouts, Version
from proxy.dataplane.endpoints import Found
from proxy.dataplane.names import LookUp
from proxy.dataplane.resolver import Heard
from tests.support.plane import Plane, get, plane, post, post_chunks, route, run
from tests.support.scripted import answer, full_backlog, says

HOST = "harm.test"
TIMES = Timeouts(connect=0.25, response=1.0)
ID = "x-request-id: 1\r\n"
REQUESTS = [post(b"small", ID), get(fields=ID), post(b"x" * 40_000, ID), post_chunks(b"a", b"b" * 9000, fields=ID)]
ROUNDS = 4


def unresolvable(version: Version, heard: Heard) -> None:
    heard(socket.gaierror(socket.EAI_NONAME, "no such name"))


def away(version: Version, heard: Heard) -> None:
    heard(socket.gaierror(socket.EAI_AGAIN, "try again"))


def never(version: Version, heard: Heard) -> None:
    """No name server answers."""


def slowly(version: Version, heard: Heard) -> None:
    asyncio.get_running_loop().call_later(0.25, heard, Found([(socket.AF_INET, "127.0.0.1", version.port)]))


def raises(version: Version, heard: Heard) -> None:
    raise RuntimeError("nobody foresaw this")


def here(version: Version, heard: Heard) -> None:
    heard(Found([(socket.AF_INET, "127.0.0.1", version.port)]))


def spent(p: Plane) -> None:
    """No descriptor is left for shadows and candidates."""
    descriptors = p.worker._registry._descriptors
    descriptors.shadow.limit = descriptors.candidate.limit = 0


HARM: dict[str, LookUp] = {
    "unresolvable": unresolvable,
    "name servers away": away,
    "never resolving": never,
    "slowly resolving": slowly,
    "black-holed": here,
    "out of descriptors": here,
    "raising": raises,
}


async def exchanged(name: str, **more: Any) -> tuple[list[bytes], list[tuple[bytes, bytes, bool]]]:
    """What the primary was asked, and what the client was answered; `more` of the route that has such a version."""
    with full_backlog() as hole:
        async with plane(drain=0.0, ask=HARM.get(name, here), v1=says(answer(b"one")), v2=says(answer(b"two"))) as p:
            if name:
                p.ends["v2"] = (HOST, hole if name == "black-holed" else p.upstreams["v2"].port)
            if name == "out of descriptors":
                spent(p)
            await p.published(route(timeouts=TIMES, **more))
            client = await p.connect()
            replies = [await client.ask(raw) for raw in REQUESTS * ROUNDS]
            client.close()
            await p.until(lambda: not p.worker.shared.exchanges)
            host = b"\r\nHost: 127.0.0.1:%d\r\n" % p.upstreams["v1"].port  # another port each time
            asked = [each.raw.replace(host, b"\r\nHost: v1\r\n") for each in p.upstreams["v1"].seen]
            assert all(b"\r\nHost: v1\r\n" in raw for raw in asked)
            return asked, [(r.head, r.body, r.whole) for r in replies]


ROLES: dict[str, Callable[[], dict[str, Any]]] = {
    "shadow": lambda: {"shadows": (Share("v2", 100.0),)},
    "canary": lambda: {"split": (Share("v2", 100.0),), "rescue": Rescue(0.2)},
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", HARM)
def test_bytes_to_and_from_the_primary_are_the_same(name: str, role: str) -> None:
    async def test() -> None:
        without = await exchanged("")
        beside = await exchanged(name, **ROLES[role]())
        if (name, role) == ("slowly resolving", "canary"):  # it answers itself once its name is known
            beside = (
                beside[0] + without[0][len(beside[0]) :],
                [
                    reply if b"\r\nx-penumbra-version: v1\r\n" in reply[0] else plain
                    for reply, plain in zip(beside[1], without[1], strict=True)
                ],
            )
        assert beside == without
        assert len(without[0]) == len(REQUESTS) * ROUNDS and all(whole for _, _, whole in without[1])

    run(test)
