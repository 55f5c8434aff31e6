"""Changes by hand over the admin API: what they do, what is said of it before, and what takes them back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from tests.control.api.test_handlers import play, problem
from tests.control.houses import House, settings, together

Client = TestClient[Any, Any]


def test_a_split_by_hand_takes_the_rest_from_the_primary(house: House) -> None:
    async def story(client: Client) -> None:
        response = await client.put("/v1/routes/cancer/split", json={"v2": 25})
        assert (response.status, (await response.json())["split"]) == (200, {"v1": 75.0, "v2": 25.0})
        response = await client.put("/v1/routes/cancer/split", json={"split": {"v1": 60, "v2": 40}, "reason": "more"})
        assert (await response.json())["split"] == {"v1": 60.0, "v2": 40.0}
        entry = (await (await client.get("/v1/audit")).json())["entries"][0]
        assert (entry["who"], entry["why"], entry["action"]) == ("loopback", "more", "split")
        assert (entry["before"]["split"], entry["after"]["split"]) == ({"v2": 25.0}, {"v2": 40.0})

    play(house, story)
    assert house.split() == {"v2": 40.0}


def test_a_body_as_plain_curl_sends_it(house: House) -> None:
    async def story(client: Client) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        response = await client.put("/v1/routes/cancer/split", data=b'{"v2": 25}', headers=form)
        assert (await response.json())["split"] == {"v1": 75.0, "v2": 25.0}
        foreign = form | {"Origin": "https://elsewhere.example"}
        await problem(await client.put("/v1/routes/cancer/split", data=b'{"v2": 50}', headers=foreign), 403)

    play(house, story)


async def foreseen(client: Client, action: str, body: Any = None, name: str = "routes/cancer") -> ClientResponse:
    asked = {"action": action} | ({} if body is None else {"body": json.dumps(body)})
    return await client.get(f"/v1/{name}/effect", params=asked)


def test_what_a_change_would_do_is_said_and_nothing_is_done(house: House) -> None:
    async def story(client: Client) -> None:
        response = await foreseen(client, "split", {"v2": 25})
        shown = await response.json()
        assert (response.status, shown["scope"], shown["gives_traffic"]) == (200, "sidecar", True)
        said = "15 % of the requests of cancer go from v1 to v2; the evidence on v2 goes on"
        assert (shown["sentence"], shown["changes"], shown["release"]) == (said, True, None)
        assert shown["routes"][0]["moved"] == [{"from": "v1", "to": "v2", "percent": 15.0}]
        route = await client.get("/v1/routes/cancer")
        assert response.headers["ETag"] == route.headers["ETag"]
        decided = {"If-Match": response.headers["ETag"]}
        done = await client.put("/v1/routes/cancer/split", json={"v2": 25}, headers=decided)
        assert (await done.json())["split"] == shown["routes"][0]["after"]["split"]
        await problem(await client.get("/v1/routes/cancer/effect?action=pause", headers=decided), 412)

    before, tables = house.engine.state("cancer"), len(house.tables)
    play(house, story)
    assert before.split == {"v2": 10.0}
    assert len(house.tables) == tables + 1


@pytest.mark.parametrize(
    ("action", "body", "status", "field"),
    [
        ("", None, 422, "action"),
        ("destroy", None, 422, "action"),
        ("resume", None, 409, None),
        ("split", {"v9": 1}, 422, "v9"),
        ("split", {"v2": 101}, 422, "v2"),
        ("promote", {"version": "v3"}, 409, None),
        ("rollback", {"why": "x"}, 422, "why"),
        ("rollback", [], 422, None),
        ("release", None, 409, None),
        ("undo", {"change": {}}, 422, "change"),
        ("undo", {"give_traffic": 1}, 422, "give_traffic"),
        ("undo", None, 409, None),
    ],
)
def test_an_effect_is_refused_as_its_change_is(
    house: House, action: str, body: Any, status: int, field: str | None
) -> None:
    async def story(client: Client) -> None:
        said = await problem(await foreseen(client, action, body), status, field)
        if field != "action":
            method = client.put if action == "split" else client.post
            assert said == await problem(
                await method(f"/v1/routes/cancer/{action}", json={} if body is None else body), status, field
            )

    play(house, story)


def test_a_query_that_is_no_json_is_refused(house: House) -> None:
    async def story(client: Client) -> None:
        await problem(await client.get("/v1/routes/cancer/effect?action=split&body={"), 400)
        await problem(await client.get("/v1/routes/other/effect?action=split"), 404, "route")
        await problem(await client.get("/v1/releases/other/effect?action=pause"), 404, "release")
        await problem(await client.get("/v1/releases/cancer/effect?action=split"), 422, "action")
        await problem(await foreseen(client, "pause", {"version": "v2"}, "releases/cancer"), 422, "version")

    play(house, story)


def test_the_last_change_by_a_person_is_put_back_and_stands_in_the_audit(house: House) -> None:
    async def story(client: Client) -> None:
        await client.put("/v1/routes/cancer/split", json={"split": {"v2": 50}, "reason": "more"})
        told = await (await foreseen(client, "undo")).json()
        assert told["sentence"].startswith("40 % of the requests of cancer go from v2 back to v1")
        done = await client.post("/v1/routes/cancer/undo", json={"reason": "too early"})
        assert (done.status, (await done.json())["split"]) == (200, {"v1": 90.0, "v2": 10.0})
        entry = (await (await client.get("/v1/audit")).json())["entries"][0]
        assert (entry["who"], entry["action"]) == ("loopback", "undo")
        assert entry["why"] == "too early (puts back the split by loopback)"
        assert (entry["before"]["split"], entry["after"]["split"]) == ({"v2": 50.0}, {"v2": 10.0})
        again = await client.post("/v1/routes/cancer/undo", json={"reason": "it was right"})
        assert (await again.json())["split"] == {"v1": 50.0, "v2": 50.0}

    play(house, story)


def test_what_a_breach_took_off_does_not_come_back_by_an_undo(house: House) -> None:
    async def story(client: Client) -> None:
        await client.put("/v1/routes/cancer/split", json={"v2": 50})
        house.traffic(1000, 100, 90, 0.5)
        said = await problem(await client.post("/v1/routes/cancer/undo", json={"reason": "give it back"}), 409)
        assert "has changed since the split by loopback: rollback by scorecard" in said["detail"]
        await problem(await client.post("/v1/routes/cancer/undo", json={"give_traffic": True}), 409)

    play(house, story)
    assert house.split() == {}


def test_a_release_over_several_routes_is_put_back_as_one() -> None:
    async def story(client: Client) -> None:
        assert (await client.post("/v1/releases/fraud-2/pause", json={})).status == 200
        shown = await (await foreseen(client, "undo", None, "releases/fraud-2")).json()
        assert [each["after"]["phase"] for each in shown["routes"]] == ["shadowing"] * 3
        done = await (await client.post("/v1/releases/fraud-2/undo", json={"reason": "go on"})).json()
        assert done["phase"] == "shadowing"
        assert (await client.put("/v1/routes/predict/shadows", json={"v2": 5})).status == 200
        await client.post("/v1/routes/predict/undo", json={})

    house = House(settings(*together()))
    play(house, story)
    assert house.engine.state("predict").shadows == {}
    assert {state.phase for state in house.engine.states.values()} == {"shadowing"}
