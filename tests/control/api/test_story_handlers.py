"""The endpoints of what happened take the scopes that there are."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.control.api.test_handlers import play, problem
from tests.control.houses import House, canary_release, section, settings


@pytest.mark.parametrize("path", ["releases", "releases/r@1", "explain"])
def test_a_fleet_is_refused_where_there_is_none(path: str) -> None:
    async def story(client: TestClient[Any, Any]) -> None:
        await problem(await client.get(f"/v1/routes/r/{path}?scope=fleet"), 422, "scope")
        assert (await client.get(f"/v1/routes/r/{path}?scope=sidecar")).status == 200

    play(House(settings(section("r", split=(), release=canary_release()))), story)
