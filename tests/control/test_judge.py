"""Calls of a judge: scores, budget, cache, failures."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from proxy.contracts.comparers import Judge
from proxy.contracts.settings import Analysis
from proxy.contracts.tls import ClientTls
from proxy.control import judge as judging
from proxy.control.judge import MAX_SCORE_BYTES, JudgeCaller, NoScore, body_of, score_of, token_of
from proxy.stats.agreement.comparer import Comparer
from proxy.stats.agreement.questions import Question
from proxy.tls.server import ServerContexts
from tests.stats.agreement.test_questions import leg
from tests.support.certificates import Authority, client_tls
from tests.support.https import AUTHORITY, OWN, REFUSED, TRUSTED, contexts, https

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def questions(url: str, *texts: str, budget: int = 60) -> list[Question]:
    comparer, analysis = Comparer(), Analysis(judge=Judge(url, budget=budget))
    comparer.update([leg(at, "primary", "it is so") for at in range(len(texts))], analysis, 0.0)
    comparer.update([leg(at, "shadow", text) for at, text in enumerate(texts)], analysis, 0.0)
    return comparer.questions.take()


async def _asked(
    handler: Handler, *rounds: list[str], budget: int = 60, callers: list[JudgeCaller] | None = None
) -> list[float | None]:
    app = web.Application()
    app.router.add_post("/score", handler)
    scores: list[float | None] = []
    caller = JudgeCaller(lambda _, score: scores.append(score))
    if callers is not None:
        callers.append(caller)
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


def told(handler: Handler, *rounds: list[str], budget: int = 60) -> JudgeCaller:
    """The caller, once all of them are asked about."""
    callers: list[JudgeCaller] = []
    asyncio.run(_asked(handler, *rounds, budget=budget, callers=callers))
    return callers[0]


async def _garbage(_: web.Request) -> web.Response:
    return web.Response(text='{"score": "high"}')


async def _nan(_: web.Request) -> web.Response:
    return web.Response(text='{"score": NaN}')


async def _broken(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def _elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPTemporaryRedirect("/score")


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(2 * MAX_SCORE_BYTES // 1024):
        await response.write(b" " * 1024)
    return response


async def _hung(request: web.Request) -> web.Response:
    await asyncio.sleep(1.0)  # twenty times as long as the call
    return web.Response()


async def _gone(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def _packed(_: web.Request) -> web.Response:
    return web.Response(body=gzip.compress(b'{"score": 1}'), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (_garbage, "answer"),
        (_nan, "answer"),
        (_endless, "answer"),
        (_packed, "answer"),
        (_broken, "status"),
        (_elsewhere, "status"),
        (_gone, "unreachable"),
        (_hung, "timeout"),
    ],
)
def test_a_judge_that_is_no_use_is_counted_by_reason_and_told(
    handler: Handler, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outcome == "timeout":
        monkeypatch.setattr(judging, "CALL_SECONDS", 0.05)
    caller = told(handler, ["not so"])
    assert caller.calls.requests == {("r", outcome): 1}
    assert list(caller.faults) == ["r"] and "gives no score" in caller.faults["r"]


def test_what_judges_were_asked_is_counted() -> None:
    async def judge(_: web.Request) -> web.Response:
        return web.json_response({"score": 0.25})

    caller = told(judge, ["not so"], ["not so", "other", "third"], budget=2)
    assert caller.calls.requests == {("r", "scored"): 2, ("r", "cached"): 1, ("r", "no_budget"): 1}
    assert sum(caller.calls.durations["r",].buckets.values()) == 2 and caller.calls.used == {("r",): 1.0}
    assert "budget is spent" in caller.faults["r"]


def test_a_warning_goes_when_scores_come_again() -> None:
    answers = iter((500, 200))

    async def judge(_: web.Request) -> web.Response:
        return web.json_response({"score": 0.25}, status=next(answers))

    assert told(judge, ["one"], ["two"]).faults == {}


@pytest.mark.parametrize("kept", ["configured", "file"])
def test_a_call_is_authorised(kept: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-1\n")
    by_file = Judge("http://h/", token=f"file:{tmp_path}/token")
    judge = by_file if kept == "file" else Judge("http://h/", token="secret-1")
    assert asyncio.run(token_of(judge)) == "secret-1"
    (tmp_path / "token").write_bytes(b"a b\n\xff")
    with pytest.raises(NoScore, match="token"):
        asyncio.run(token_of(by_file))
    with pytest.raises(NoScore, match="token"):
        asyncio.run(token_of(Judge("http://h/", token=f"file:{tmp_path}/none")))


def test_the_token_travels_as_a_bearer() -> None:
    seen: list[str] = []

    async def judge(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response({"score": 1})

    async def call() -> None:
        app = web.Application()
        app.router.add_post("/score", judge)
        caller = JudgeCaller(lambda *_: None)
        async with TestServer(app) as server:
            (question,) = questions(str(server.make_url("/score")), "not so")
            caller.ask([replace(question, judge=replace(question.judge, token="secret-1"))], 0.0)
            await asyncio.gather(*caller._tasks)
            await caller.close()

    asyncio.run(call())
    assert seen == ["Bearer secret-1"]


# -- TLS


async def _score(_: web.Request) -> web.Response:
    return web.json_response({"score": 0.75})


def scored(*sections: ClientTls, secured: list[ServerContexts] | None = None) -> tuple[list[float | None], JudgeCaller]:
    """Scores of a judge by TLS, a call by each of the sections, and the caller. `secured`: those of the server before
    each call."""
    scores: list[float | None] = []
    caller = JudgeCaller(lambda _, score: scores.append(score))

    async def scene() -> None:
        server = contexts()
        async with https(_score, server) as url:
            for at, tls in enumerate(sections):
                if secured:
                    server.put(secured[at].tls)
                caller.use({"r": tls})
                caller.ask(questions(url, f"text {at}"), float(at))
                await asyncio.gather(*caller._tasks)
                await asyncio.sleep(0)
            await caller.close()

    asyncio.run(scene())
    return scores, caller


def test_a_judge_is_held_to_the_section_of_its_route_and_let_in_by_it() -> None:
    by_san = replace(TRUSTED, server_name="", san="spiffe://prod/hooks")
    assert scored(TRUSTED, by_san, client_tls((), OWN, insecure_skip_verify=True))[0] == [0.75] * 3


@pytest.mark.parametrize(("tls", "why"), REFUSED)
def test_a_judge_that_is_not_who_it_has_to_be_is_asked_nothing(tls: ClientTls, why: str) -> None:
    scores, caller = scored(tls)
    assert scores == [None]
    assert caller.calls.requests["r", "unreachable"] == 1
    assert f"tls_failed ({why})" in caller.faults["r"]


def test_a_rotation_is_of_the_next_call() -> None:
    after = Authority("next")
    renewed = replace(TRUSTED, material=after.issue("dns:me").material(AUTHORITY))
    assert scored(TRUSTED, renewed, secured=[contexts(), contexts(after)])[0] == [0.75, 0.75]
    stranger = client_tls(after, OWN, server_name="hooks.example")
    assert scored(TRUSTED, stranger)[0] == [0.75, None], "an authority that is gone is trusted no more"


def test_a_route_without_a_section_asks_as_the_system_says() -> None:
    _, caller = scored(TRUSTED)
    caller.use({})
    assert not caller._secured
