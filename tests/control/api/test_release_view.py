"""Releases in the admin API: as one, and by route."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient

from proxy.contracts.settings import Stage
from tests.control.api.test_handlers import play, problem
from tests.control.houses import CANDIDATES, House, arm, canary_release, section, settings, together

Client = TestClient[Any, Any]
LIVE = canary_release(stages=(Stage(canary=10.0, requests=100), Stage(canary=50.0, requests=100)))


def made() -> House:
    own = section("own", split=(), release=canary_release())
    return House(settings(*together(LIVE), section("plain"), own))


def traffic(house: House, bad: int = 0) -> None:
    for route, candidate in CANDIDATES.items():
        ill = bad if route == "predict" else 0
        house.tick(arm("v1", "primary", 360, 0, 0.9, route), arm(candidate, "canary", 40, ill, 0.1, route))


def test_releases_have_their_routes() -> None:
    house = made()
    traffic(house)

    async def story(client: Client) -> None:
        shown = (await (await client.get("/v1/releases")).json())["releases"]
        assert [(each["release"], len(each["routes"])) for each in shown] == [("fraud-2", 3), ("own", 1)]
        response = await client.get("/v1/releases/fraud-2")
        whole = await response.json()
        assert whole == shown[0]
        assert (whole["phase"], whole["stage"], whole["requests"], whole["active"]) == ("ramping", 1, 40, True)
        assert (whole["strategy"], whole["false_alarm"], whole["verdict"]) == ("canary", 0.001, "undecided")
        assert [(each["route"], each["candidate"], each["split"]) for each in whole["routes"]] == [
            (route, candidate, {"v1": 90.0, candidate: 10.0}) for route, candidate in CANDIDATES.items()
        ]
        assert {each["false_alarm"] for each in whole["routes"]} == {0.001 / 3}
        route = await (await client.get("/v1/routes/predict")).json()
        assert (route["release"]["name"], route["release"]["routes"]) == ("fraud-2", list(CANDIDATES))
        own = await (await client.get("/v1/routes/own")).json()
        assert (own["release"]["name"], own["release"]["routes"]) == ("own", ["own"])
        await problem(await client.get("/v1/releases/other"), 404, "release")
        await problem(await client.get("/v1/releases/predict/gate"), 404, "release")

    play(house, story)


def test_scorecard_and_gate_are_of_all_lines_with_their_routes() -> None:
    house = made()

    async def story(client: Client) -> None:
        card = await (await client.get("/v1/releases/fraud-2/scorecard")).json()
        assert {line["route"] for line in card["metrics"]} == set(CANDIDATES)
        assert (await client.get("/v1/releases/fraud-2/gate")).status == 425
        traffic(house, bad=40)
        response = await client.post("/v1/releases/fraud-2/gate")
        assert response.status == 405
        gate = await client.get("/v1/releases/fraud-2/gate")
        said = await gate.json()
        assert (gate.status, said["verdict"], said["phase"]) == (409, "fail", "rolled_back")
        assert "predict: error_rate" in said["sentence"]
        card = await (await client.get("/v1/releases/fraud-2/scorecard")).json()
        assert {line["route"] for line in card["at_rollback"]} == set(CANDIDATES)

    play(house, story)


def test_commands_by_the_name_of_the_release() -> None:
    house = made()

    async def story(client: Client) -> None:
        tag = (await client.get("/v1/releases/fraud-2")).headers["ETag"]
        paused = await client.post("/v1/releases/fraud-2/pause", json={"reason": "lunch"}, headers={"If-Match": tag})
        assert (paused.status, (await paused.json())["phase"]) == (200, "paused")
        late = await client.post("/v1/releases/fraud-2/promote", headers={"If-Match": tag})
        assert late.status == 412
        for action, phase in (("resume", "ramping"), ("rollback", "rolled_back"), ("release", "ramping")):
            answer = await client.post(f"/v1/releases/fraud-2/{action}", json={"reason": "why"})
            assert (answer.status, (await answer.json())["phase"]) == (200, phase)
        promoted = await (await client.post("/v1/releases/fraud-2/promote")).json()
        assert [each["primary"] for each in promoted["routes"]] == list(CANDIDATES.values())
        await problem(await client.post("/v1/releases/fraud-2/promote", json={"version": "v2"}), 422, "version")
        await problem(await client.post("/v1/releases/fraud-2/pause"), 409)
        own = await client.post("/v1/releases/own/rollback")
        assert (await own.json())["phase"] == "rolled_back"
        entries = (await (await client.get("/v1/audit?route=predict")).json())["entries"]
        assert [entry["action"] for entry in entries] == ["promote", "release", "rollback", "resume", "pause", "start"]
        assert set(entries[0]["beside"]) == {"predict", "explain"}

    play(house, story)
