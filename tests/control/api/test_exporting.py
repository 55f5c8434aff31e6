"""A release's whole story as one file, by the API: what `penumbra audit export` writes, and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from proxy.control.api import exporting
from proxy.release.story_export import exported, fault_of, read_export
from tests.control.api.test_handlers import problem
from tests.control.api.test_story_view import Told, told

Client = TestClient[Any, Any]


@pytest.fixture
def house(tmp_path: Path) -> Told:
    made = Told(tmp_path)
    made.broken(30)
    return made


def test_it_is_the_document_of_the_command_and_tells_what_the_story_tells(house: Told) -> None:
    async def story(client: Client) -> None:
        shown = await told(client)
        answer = await client.get(f"/v1/routes/cancer/releases/{shown['id']}/export")
        export = read_export(await answer.read())
        assert fault_of(export) == "" and answer.headers["Content-Disposition"] == "attachment"
        links = house.engine.audit(100, 0)
        assert export.links == exported(links, "cancer").links
        assert {key: shown[key] for key in export.facts["cancer"]} == export.facts["cancer"]

    house.ask(story)


def test_it_is_a_page_as_well(house: Told) -> None:
    async def story(client: Client) -> None:
        shown = await told(client)
        answer = await client.get(f"/v1/routes/cancer/releases/{shown['id']}/export.html")
        text = await answer.text()
        assert answer.content_type == "text/html"
        assert "30 of the route&#x27;s 300 requests went to v2" in text and "id-29" in text

    house.ask(story)


@pytest.mark.parametrize("ending", ["", ".html"])
def test_what_is_too_large_names_the_command(house: Told, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MAX_BYTES", 10)

    async def story(client: Client) -> None:
        shown = await told(client)
        refused = await client.get(f"/v1/routes/cancer/releases/{shown['id']}/export{ending}")
        await problem(refused, 409)
        assert (await client.get(f"/v1/routes/cancer/releases/none/export{ending}")).status == 404

    house.ask(story)


def test_a_story_of_many_entries_is_read_in_portions(house: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PORTION", 1)
    test_it_is_the_document_of_the_command_and_tells_what_the_story_tells(house)
