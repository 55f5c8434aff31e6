"""The calls of a look, against an API that answers what it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.cli.access import Access
from proxy.cli.top.documents import Seen
from proxy.cli.top.looking import AwayError, Looking, RefusedError
from tests.support.canned_api import CannedApi


def looks(api: CannedApi, count: int = 1, wanted: list[str] | None = None, only: str = "") -> list[Seen]:
    async def look() -> list[Seen]:
        async with Looking(Access(api.url, "secret")) as looking:
            return [await looking.look(wanted, only) for _ in range(count)]

    return asyncio.run(look())


def test_a_picture_is_of_all_routes_and_of_the_parts_that_are_wanted() -> None:
    with CannedApi() as api:
        (picture,) = looks(api, wanted=["fraud"])
    assert [each.route for each in picture.routes.routes] == ["fraud", "steady"]
    assert [*picture.traffic] == [*picture.scorecards] == ["fraud"]
    assert picture.past is not None
    assert [each.who for each in picture.changes] == ["ann"]
    assert abs(picture.at - api.now) < 5.0
    assert api.tokens == {"Bearer secret"}


def test_changes_are_read_again_only_when_a_table_has_come() -> None:
    with CannedApi() as api:
        looks(api, 3)
        assert sum(path.startswith("/v1/audit") for path in api.asked) == 1
        assert sum(path == "/v1/routes" for path in api.asked) == 3


def test_changes_of_one_route_are_asked_for_by_its_name() -> None:
    with CannedApi() as api:
        looks(api, only="a&b")
        assert any(path.startswith("/v1/audit") and path.endswith("&route=a%26b") for path in api.asked)


@pytest.mark.parametrize("part", ["/v1/history", "/v1/routes/fraud/traffic", "/v1/audit"])
def test_a_part_that_is_not_there_is_left_out(part: str) -> None:
    with CannedApi() as api:
        api.refused[part] = 404
        (picture,) = looks(api)
    assert (picture.past is None) == (part == "/v1/history")
    assert ("fraud" in picture.traffic) == (part != "/v1/routes/fraud/traffic")
    assert bool(picture.changes) == (part != "/v1/audit")


def test_a_refusal_has_its_status_and_the_api_s_words() -> None:
    with CannedApi() as api:
        api.refused["/v1/routes"] = 401
        with pytest.raises(RefusedError, match="Refused: no token"):
            looks(api)


@pytest.mark.parametrize("document", [{"revision": "x"}, None, "text"])
def test_an_answer_of_another_kind_is_a_reason_and_no_trace(document: Any) -> None:
    with CannedApi() as api:
        api.documents["/v1/routes"] = document
        with pytest.raises(AwayError, match=r"none of the admin API|not as Penumbra's admin API"):
            looks(api)


def test_an_api_that_is_not_there_is_away() -> None:
    with CannedApi() as api:
        pass
    with pytest.raises(AwayError, match="Connection refused"):
        looks(api)
