"""What happened, by the admin API: releases, their stories, explanations; every figure held against an own count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from proxy.contracts.record import Tick
from proxy.contracts.settings import Stage
from proxy.contracts.table import Sticky
from proxy.control.stories.archive import Archive
from proxy.control.stories.chronicle import Chronicle
from tests.control.api.test_handlers import context_of, play
from tests.control.houses import House, arm, canary_release, section, settings
from tests.control.records import SOURCE, answer, failure

Client = TestClient[Any, Any]
LIVE = canary_release(stages=(Stage(canary=10.0, requests=100), Stage(canary=50.0, requests=100)))


class Told(House):
    """A house with stories; `broken`: so many requests of the canary failed and were rescued."""

    def __init__(self, folder: Path, *, sticky: bool = True) -> None:
        key: dict[str, Any] = {"sticky": Sticky("header", "x-user-id")} if sticky else {}
        super().__init__(settings(section(split=(), release=LIVE, **key)))
        self.known = Chronicle(Archive(str(folder / "state.db")), self.board.examples)
        self.known.begin()
        self.look()

    def look(self) -> None:
        self.known.follow(self.engine.routes, self.now)
        self.known.on_time(self.engine.routes, self.engine.notices, self.now)

    def broken(self, count: int) -> None:
        legs = [failure("canary", n, key=n % 7 + 1, request_id=f"id-{n}") for n in range(count)]
        self.known.on_records([*legs, *(answer("rescue", n) for n in range(count))], SOURCE, self.now)
        arms = [arm("v1", "primary", 9 * count, 0, 0.9), arm("v2", "canary", count, count)]
        rescued = [("cancer", "v2", "connect_failed", count)]
        self.known.on_tick(Tick(0, "a", 1, 1, arms=arms, rescued=rescued), self.now)
        self.tick(*arms)
        self.look()

    def tick_well(self, count: int) -> None:
        """So many good requests of the canary, and nine times as many of the primary."""
        arms = [arm("v1", "primary", 9 * count, 0, 0.9), arm("v2", "canary", count, 0)]
        self.known.on_tick(Tick(0, "a", 1, 1, arms=arms), self.now)
        self.tick(*arms)
        self.now += 10.0
        self.look()

    def ask(self, client_story: Any) -> None:
        context = context_of(self)
        context.chronicle = self.known
        play(self, client_story, context)


@pytest.fixture
def house(tmp_path: Path) -> Told:
    return Told(tmp_path)


async def told(client: Client) -> dict[str, Any]:
    answer = await (await client.get("/v1/routes/cancer/releases")).json()
    return dict(await (await client.get(f"/v1/routes/cancer/releases/{answer['releases'][0]['id']}")).json())


def test_a_rolled_back_release_tells_who_why_and_whom_it_touched(house: Told) -> None:
    house.broken(30)

    async def story(client: Client) -> None:
        found = await told(client)
        assert (found["phase"], found["candidate"], found["primary"]) == ("rolled_back", "v2", "v1")
        assert found["ended_by"]["who"] == "scorecard"
        assert "needed" in found["ended_by"]["why"], "the evidence that decided, beside what was needed"
        assert [(each["stage"], each["standing"]) for each in found["stages"]] == [(1, "over"), (2, "not reached")]
        assert found["stages"][1]["began"] is None and found["stages"][1]["says"].startswith("50 % live, 100 requests")
        assert {(each["title"], each["says"]) for each in found["limits"]} >= {
            ("error rate", "at most 1.5 times the primary's")
        }
        assert found["stages"][0]["ended"] == found["ended"]
        last = next(each for each in found["changes"] if each["action"] == "rollback")
        assert any(line["outcome"] == "fail" and line["n"] == 30 for line in last["verdicts"])
        touched = found["touched"]
        assert (touched["live"]["requests"], touched["live"]["bad"], touched["rescued"]) == (30, 30, 30)
        assert (touched["users"]["count"], touched["users"]["error"]) == (7, 0.0)
        assert touched["route_requests"] == 300
        assert {each["request_id"] for each in found["failed"]} == {f"id-{n}" for n in range(30)}
        assert all(each["other"]["code"] == "200" and each["rescued"] for each in found["failed"])
        assert found["kept"]["facts"]

    house.ask(story)


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    house = Told(tmp_path, sticky=False)
    house.broken(30)

    async def story(client: Client) -> None:
        users = (await told(client))["touched"]["users"]
        assert users["count"] is None and "sticky" in users["why"]

    house.ask(story)


def test_without_facts_the_audit_tells(house: Told) -> None:
    house.broken(30)

    async def story(client: Client) -> None:
        found = await told(client)
        assert found["touched"] is None and not found["kept"]["facts"]
        assert found["phase"] == "rolled_back"
        explained = await (await client.get("/v1/routes/cancer/explain")).json()
        assert "not known" in explained["to_whom"].lower()

    play(house, story)


def test_others_than_known_releases_are_not_found(house: Told) -> None:
    async def story(client: Client) -> None:
        assert (await client.get("/v1/routes/cancer/releases/cancer@999")).status == 404
        assert (await client.get("/v1/routes/none/releases")).status == 404

    house.ask(story)


def test_context_has_no_stories_by_default(house: Told) -> None:
    assert context_of(house).chronicle is None
