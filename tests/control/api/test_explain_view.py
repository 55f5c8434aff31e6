"""An explanation of a route: of now, and of a time before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace

from proxy.release import transitions
from proxy.release.telling import clock
from tests.control.api.test_handlers import problem
from tests.control.api.test_story_view import Told
from tests.control.houses import canary_release

Client = TestClient[Any, Any]


@pytest.fixture
def house(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_an_explanation_says_it_all(house: Told) -> None:
    house.broken(30)

    async def story(client: Client) -> None:
        found = await (await client.get("/v1/routes/cancer/explain")).json()
        assert "v2 was rolled back" in found["what"]
        assert "30 of the route's 300 requests went to v2: 30 went wrong" in found["to_whom"]
        assert "7 users" in found["to_whom"] and "the primary answered 30" in found["to_whom"]
        assert "error_rate" in found["why"]
        assert found["over"] and found["is_it_over"].startswith("Yes")
        assert "by Penumbra itself (scorecard)" in found["done"]
        assert found["now"] and "penumbra release cancer" in found["now"][-1]
        for part in ("what", "when", "to_whom", "why", "is_it_over", "done"):
            assert found[part] in found["text"]
        assert all(line["words"]["changes"] for line in found["verdicts"])
        before = await (await client.get("/v1/routes/cancer/explain?at=1")).json()
        assert before["entry"] is None

    house.ask(story)


@pytest.mark.parametrize("at", ["nan", "-1", "soon", "1e99", "1" * 50])
def test_a_time_that_is_none_is_refused(house: Told, at: str) -> None:
    async def story(client: Client) -> None:
        await problem(await client.get(f"/v1/routes/cancer/explain?at={at}"), 422, "at")

    house.ask(story)


async def explained(client: Client, at: float | None = None) -> dict[str, Any]:
    query = "" if at is None else f"?at={at}"
    return dict(await (await client.get(f"/v1/routes/cancer/explain{query}")).json())


def test_a_time_before_is_told_as_it_was(house: Told) -> None:
    house.tick_well(40)
    began = house.now
    house.now += 100.0
    house.broken(30)
    house.now += 100.0

    async def story(client: Client) -> None:
        then = await explained(client, house.engine.keeper.unix(began + 50.0))
        assert (then["phase"], then["over"]) == ("ramping", False)
        assert "was ramping, its traffic: v1 90 %, v2 10 %" in then["is_it_over"]
        counted = clock(house.engine.keeper.unix(house.now - 100.0))
        assert f"Until {counted[:16]} UTC: 70 requests" in then["summary"], "of then nothing else is known"
        assert f"Counted until {counted}." in then["to_whom"]
        assert {line["verdict"] for line in then["verdicts"]} <= {"undecided", "pass"}
        assert [line["n"] for line in then["verdicts"] if line["metric"] == "error_rate"] == [40]
        after = await explained(client, house.engine.keeper.unix(began + 150.0))
        assert after["over"] and "was rolled back, its traffic: v1 100 %" in after["is_it_over"]
        assert "fail" in {line["verdict"] for line in after["verdicts"]}
        now = await explained(client)
        assert "is rolled back" in now["is_it_over"] and now["entry"] == after["entry"]

    house.ask(story)


def test_before_the_audit_nothing_is_known(house: Told) -> None:
    async def story(client: Client) -> None:
        told = await explained(client, 1.0)
        assert told["entry"] is None and told["phase"] == "" and not told["verdicts"]
        assert "Nothing had happened" in told["what"] and told["is_it_over"].startswith("Not known")

    house.ask(story)


def test_a_clock_that_was_set_back_hides_nothing_of_now(house: Told) -> None:
    house.broken(30)
    house.engine.keeper.skew -= 3600.0

    async def story(client: Client) -> None:
        assert "v2 was rolled back" in (await explained(client))["what"]

    house.ask(story)


def test_the_split_by_hand_of_a_time_is_that_of_the_time(house: Told) -> None:
    command = house.engine.command
    command("cancer", "rollback", lambda s: transitions.rollback(s, (), "no", house.now), "me", "no", house.now)
    house.now += 60.0
    command("cancer", "split", lambda s: transitions.split(s, {"v2": 25.0}, "more", house.now), "me", "more", house.now)
    split_at, house.now = house.now, house.now + 60.0
    command("cancer", "split", lambda s: transitions.split(s, {}, "none", house.now), "me", "none", house.now)
    house.now += 60.0

    async def story(client: Client) -> None:
        then = await explained(client, house.engine.keeper.unix(split_at + 30.0))
        assert "v1 75 %, v2 25 %" in then["is_it_over"]

    house.ask(story)


def test_what_somebody_gave_traffic_after_a_rollback_and_took_it_from_is_told_with_whom_it_touched(house: Told) -> None:
    house.broken(30)
    command, unix = house.engine.command, house.engine.keeper.unix
    house.now += 60.0
    began = unix(house.now)
    command("cancer", "split", lambda s: transitions.split(s, {"v2": 10.0}, "try", house.now), "me", "try", house.now)
    house.look()
    house.now += 5.0
    house.tick_well(3)
    was = replace(house.engine.state("cancer"), phase="rolled_back", split={}, rolled_back=("v2",), since=house.now)
    command("cancer", "undo", lambda s: was, "me", "oops", house.now)
    house.look()

    async def story(client: Client) -> None:
        for at in (None, unix(house.now) + 0.5):
            found = await explained(client, at)
            assert "v2 was rolled back" in found["what"]
            assert "30 of the route's 300 requests went to v2: 30 went wrong" in found["to_whom"]
            again = (
                f"After that, v2 had traffic again, from {clock(began)} to {clock(unix(house.now))}: 3 of 30 requests"
            )
            assert f"{again}, 0 of which went wrong." in found["to_whom"]
            (line,) = (line for line in found["verdicts"] if line["metric"] == "error_rate")
            assert (line["verdict"], line["n"]) == ("fail", 30)

    house.ask(story)


def test_limits_are_since_what_is_under_judgement_began_not_since_what_is_told(house: Told) -> None:
    house.broken(30)
    house.now += 60.0
    plan = canary_release()
    command = house.engine.command
    command("cancer", "release", lambda s: transitions.start(s, plan, "", house.now), "me", "again", house.now)
    house.look()
    began = clock(house.engine.keeper.unix(house.now))
    house.now += 10.0

    async def story(client: Client) -> None:
        found = await explained(client)
        assert "v2 was rolled back" in found["what"], "no client has answers of copies"
        assert {line["words"]["on"] for line in found["verdicts"]} == {f"nothing yet, since {began}"}

    house.ask(story)
