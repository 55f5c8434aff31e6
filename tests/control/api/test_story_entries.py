"""How much of the audit is read: what an answer needs, and all of it where it needs that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from proxy.control.api import story_entries
from proxy.control.api.story_entries import mark, newest, since
from proxy.release import transitions
from tests.control.api.test_story_view import LIVE, Told

Client = TestClient[Any, Any]
TIMES = 6


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """A release that is rolled back and begun again, more often than one portion holds."""
    monkeypatch.setattr(story_entries, "PORTION", 4)
    made = Told(tmp_path)
    for _ in range(TIMES):
        act(made, "rollback", lambda state: transitions.rollback(state, (), "no", made.now))
        act(made, "release", lambda state: transitions.start(state, LIVE, "again", made.now))
    return made


def act(house: Told, action: str, event: Any) -> None:
    house.now += 10.0
    house.engine.command("cancer", action, event, "me", "so", house.now)


def test_the_newest_are_oldest_first(house: Told) -> None:
    found = asyncio.run(newest(house.engine, "cancer", None, 3))
    assert [entry.seq for entry in found] == [2 * TIMES - 1, 2 * TIMES, 2 * TIMES + 1]


def test_a_release_is_read_until_the_next_one_begins(house: Told) -> None:
    found = asyncio.run(since(house.engine, "cancer", 3, None))
    assert [entry.seq for entry in found] == [3, 4, 5, 6]
    assert [entry.seq for entry in asyncio.run(since(house.engine, "cancer", 2 * TIMES + 1, None))] == [2 * TIMES + 1]


def test_the_mark_changes_with_each_change(house: Told) -> None:
    before = mark(house.engine, None)
    assert before == mark(house.engine, None)
    act(house, "rollback", lambda state: transitions.rollback(state, (), "no", house.now))
    assert mark(house.engine, None) != before


def test_every_release_that_is_listed_can_be_read_and_the_list_is_of_now(house: Told) -> None:
    async def story(client: Client) -> None:
        for _ in range(2):
            listed = (await (await client.get("/v1/routes/cancer/releases")).json())["releases"]
            assert [each["id"] for each in listed] == [f"cancer@{2 * n + 1}" for n in reversed(range(TIMES + 1))]
        for each in listed:
            told = await (await client.get(f"/v1/routes/cancer/releases/{each['id']}")).json()
            assert (told["id"], told["phase"], told["ended"]) == (each["id"], each["phase"], each["ended"])
        act(house, "rollback", lambda state: transitions.rollback(state, (), "no", house.now))
        (first, *_) = (await (await client.get("/v1/routes/cancer/releases")).json())["releases"]
        assert first["phase"] == "rolled_back", "the list that was kept is that of before"
        for wrong in ("cancer@2", "cancer@", "cancer@x", "other@3", "cancer@999999999999999999"):
            assert (await client.get(f"/v1/routes/cancer/releases/{wrong}")).status == 404

    house.ask(story)


def test_an_explanation_reads_on_where_the_newest_do_not_tell(house: Told) -> None:
    for n in range(9):
        act(house, "shadows", lambda state, n=n: transitions.shadows(state, {"v3": float(n)}, "so", house.now))

    async def story(client: Client) -> None:
        told = await (await client.get("/v1/routes/cancer/explain")).json()
        assert "a release of v2 began" in told["what"] and told["entry"] == 2 * TIMES + 1
        assert told["release"] == f"cancer@{2 * TIMES + 1}"

    house.ask(story)
