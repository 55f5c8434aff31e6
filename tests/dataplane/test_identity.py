"""Answers are counted by the header that says who gave them, for live legs and copies alike, whatever the protocol."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.contracts.identity import MAX_IDENTITY, MAX_TICK_IDENTITIES
from proxy.contracts.table import Protocol, Share
from proxy.dataplane.tally import Arm, Tally
from tests.support.plane import Plane, plane, post, route, run
from tests.support.scripted import answer, says


def built(build: str, status: str = "200 OK") -> bytes:
    return answer(b"{}", status, f"X-Model-Build: {build}\r\n" if build else "")


def said(p: Plane) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for tick in p.ticks:
        for arm in tick.arms:
            counts.setdefault(arm.version, Counter()).update(arm.identities)
    return counts


@pytest.mark.parametrize("protocol", ["json", "opaque"])
def test_live_answers_and_copies_say_who_gave_them(protocol: Protocol) -> None:
    watched = route(identity="x-model-build", protocol=protocol, shadows=(Share("v2", 100.0),))

    async def test() -> None:
        async with plane(watched, v1=says(built("7f")), v2=says(built("80"))) as p:
            client = await p.connect()
            for _ in range(3):
                assert (await client.ask(post())).status == 200
            await p.until(lambda: said(p).get("v2", Counter()).total() == 3)
            assert said(p) == {"v1": {"x-model-build=7f": 3}, "v2": {"x-model-build=80": 3}}
            client.close()

    run(test)


@pytest.mark.parametrize(
    ("header", "script"),
    [("x-model-build", built("")), ("x-model-build", built("7f", "500 No")), ("", built("7f"))],
    ids=["absent", "error", "not asked for"],
)
def test_what_says_nothing_is_not_counted(header: str, script: bytes) -> None:
    async def test() -> None:
        async with plane(route(identity=header), v1=says(script)) as p:
            client = await p.connect()
            await client.ask(post())
            await p.until(lambda: "v1" in said(p))
            assert said(p) == {"v1": {}}
            client.close()

    run(test)


def arm() -> Arm:
    return Tally().arm("r", "v1", "primary", 1.0)


def test_names_are_bounded_in_number() -> None:
    one = arm()
    for at in range(50):
        one.named(b"x", b"%d" % at)
    counts = one.take().identities
    assert len(counts) == MAX_TICK_IDENTITIES + 1
    assert counts[""] == 50 - MAX_TICK_IDENTITIES
    assert one.take().identities == {}


def test_names_are_bounded_in_length() -> None:
    one = arm()
    one.named(b"x", b"a" * 5000 + b"1")
    one.named(b"x", b"a" * 5000 + b"2")
    names = list(one.take().identities)
    assert len(names) == 2 and all(len(name) <= MAX_IDENTITY for name in names)
