"""Changes by hand over the admin API: what they do, what is said of it before, and what takes them back."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient

from tests.control.api.test_handlers import play, problem
from tests.control.houses import House

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
