"""Calls of a judge: scores, budget, cache, failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.contracts.comparers import Judge
from proxy.contracts.settings import Analysis
from proxy.control.judge import JudgeCaller, body_of, score_of
from proxy.stats.agreement.comparer import Comparer
from proxy.stats.agreement.questions import Question
from tests.stats.agreement.test_questions import leg

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def questions(url: str, *texts: str, budget: int = 60) -> list[Question]:
    comparer, analysis = Comparer(), Analysis(judge=Judge(url, budget=budget))
    comparer.update([leg(at, "primary", "it is so") for at in range(len(texts))], analysis, 0.0)
    comparer.update([leg(at, "shadow", text) for at, text in enumerate(texts)], analysis, 0.0)
    return comparer.questions.take()


async def _asked(handler: Handler, *rounds: list[str], budget: int = 60) -> list[float | None]:
    app = web.Application()
    app.router.add_post("/score", handler)
    scores: list[float | None] = []
    caller = JudgeCaller(lambda _, score: scores.append(score))
    async with TestServer(app) as server:
        url = str(server.make_url("/score"))
        for now, texts in enumerate(rounds):
            caller.ask(questions(url, *texts, budget=budget), float(now))
            await asyncio.gather(*caller._tasks)
            await asyncio.sleep(0)  # done tasks are let go
        await caller.close()
    return scores


def asked(handler: Handler, *rounds: list[str], budget: int = 60) -> list[float | None]:
    return asyncio.run(_asked(handler, *rounds, budget=budget))


def test_scores_come_from_the_judge_and_equal_pairs_are_asked_once() -> None:
    seen: list[str] = []

    async def judge(request: web.Request) -> web.Response:
        document = await request.json()
        seen.append(document["candidate"])
        assert (document["primary"], document["route"], document["version"]) == ("it is so", "r", "v2")
        return web.json_response({"score": 0.25})

    assert asked(judge, ["not so"], ["not so"], ["quite other"]) == [0.25, 0.25, 0.25]
    assert seen == ["not so", "quite other"]


def test_equal_pairs_that_come_together_are_asked_once() -> None:
    seen: list[str] = []

    async def judge(request: web.Request) -> web.Response:
        seen.append((await request.json())["candidate"])
        return web.json_response({"score": 0.9})

    assert asked(judge, ["not so"] * 20, ["not so"]) == [0.9] * 21
    assert seen == ["not so"]


def test_the_budget_is_kept_and_what_is_beyond_it_has_no_score() -> None:
    async def judge(_: web.Request) -> web.Response:
        return web.json_response({"score": 1})

    assert asked(judge, ["one", "two", "three"], budget=2) == [None, 1.0, 1.0]


@pytest.mark.parametrize("answer", [{"status": 500}, {"text": "no"}, {"text": '{"score": 7}'}, {"text": "[]"}])
def test_a_judge_that_fails_gives_no_score(answer: dict[str, object]) -> None:
    async def judge(_: web.Request) -> web.Response:
        return web.Response(**answer)  # type: ignore[arg-type]

    assert asked(judge, ["other"], ["other"]) == [None, None]


def test_what_is_asked_is_json_whatever_the_texts_hold() -> None:
    (question,) = questions("http://h/", 'a "quote" and \ud800')
    assert json.loads(body_of(question))["candidate"].startswith('a "quote"')


@pytest.mark.parametrize("body", [b"", b"{}", b'{"score": true}', b'{"score": NaN}', b'{"score": -0.1}'])
def test_a_score_is_a_number_from_0_to_1(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        score_of(body)
    assert score_of(b'{"score": 0}') == 0.0
