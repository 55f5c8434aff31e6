"""The history by HTTP: tags, and that there may be none."""

from __future__ import annotations

from tests.control.api.test_handlers import Client, play, problem
from tests.control.history.pasts import Recorded, legs
from tests.control.houses import House


def test_who_has_an_answer_gets_none() -> None:
    past = Recorded()
    past.tick(legs(5), after=0.5)
    past.tick(after=1.0)

    async def story(client: Client) -> None:
        for path in ("/v1/routes/cancer/history", "/v1/history"):
            first = await client.get(path)
            shown, tag = await first.json(), first.headers["ETag"]
            assert first.status == 200 and shown["scope"] == "sidecar"
            again = await client.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
            assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
        past.tick(legs(1), after=1.0)
        assert (await client.get(path, headers={"If-None-Match": tag})).status == 200
        await problem(await client.get("/v1/routes/other/history"), 404, "route")
        await problem(await client.get("/v1/history?step=x"), 422, "step")
        await problem(await client.get("/v1/history?scope=fleet"), 422, "scope")

    play(past, story)


def test_without_a_history_there_is_nothing() -> None:
    async def story(client: Client) -> None:
        await problem(await client.get("/v1/history"), 404)

    play(House(Recorded().engine.settings), story)


def test_a_history_that_is_turned_off_is_none() -> None:
    past = Recorded()
    past.past.use(None)

    async def story(client: Client) -> None:
        await problem(await client.get("/v1/routes/cancer/history"), 404)

    play(past, story)
