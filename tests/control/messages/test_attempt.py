"""One call: what is sent, what is said of it, and that no secret is ever said. Which messages are for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from proxy.contracts.operation import Hook
from proxy.control.messages.attempt import Answered, attempt, session, signature, takes
from tests.control.messages.notes import MESSAGE, RESOLVED


@asynccontextmanager
async def receiver(answer: web.Response, heard: list[web.Request]) -> AsyncIterator[str]:
    async def hook(request: web.Request) -> web.Response:
        heard.append(request)
        await request.read()
        return answer

    app = web.Application()
    app.router.add_post("/{tail:.*}", hook)
    async with TestServer(app) as server:
        yield str(server.make_url("/services/s3cret"))


def sent(hook: Hook, answer: web.Response | None = None) -> tuple[Answered, list[web.Request]]:
    """The answer to one attempt at a receiver; `hook.url` is taken as its path."""
    heard: list[web.Request] = []

    async def scene() -> Answered:
        async with receiver(answer or web.Response(status=202), heard) as url, session() as client:
            asked = hook if hook.url else replace(hook, url=url)
            return await attempt(client, asked, None, MESSAGE, "host-7", 1700000000.0)

    return asyncio.run(scene()), heard


def test_a_token_and_a_signature_go_along(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0k\n")
    hook = Hook("", "sign", format="cloudevents-binary", token=f"file:{tmp_path}/token")
    answered, (request,) = sent(hook)
    assert (answered.status, request.headers["Authorization"]) == (202, "Bearer t0k")
    assert request.headers["ce-id"] == MESSAGE.id and "X-Penumbra-Signature" in request.headers
    assert signature(b"{}", "sign", 1.9).startswith("t=1,v1=")


def test_the_path_of_the_call_is_added_once() -> None:
    _, (request,) = sent(Hook("", format="alertmanager"))
    assert request.path == "/services/s3cret/api/v2/alerts"


def test_a_refusal_says_why_when_to_come_again_and_no_secret() -> None:
    text = "no token s3cret for\n /services/s3cret"
    answered, _ = sent(Hook("", token="t0k"), web.Response(status=429, text=text, headers={"Retry-After": "7"}))
    assert (answered.status, answered.after) == (429, 7.0)
    assert answered.said.startswith("status 429: no token") and "services/s3cret" not in answered.said


@pytest.mark.parametrize(
    "hook",
    [
        Hook("http://127.0.0.1:1/services/s3cret?key=s3cret"),
        Hook("file:/nowhere/at/all"),
        Hook("http://127.0.0.1:1/", token="file:/nowhere/at/all"),
        Hook("http://nowhere.invalid/services/s3cret"),
    ],
)
def test_what_does_not_answer_says_why(hook: Hook) -> None:
    answered, _ = sent(hook)
    assert answered.status == 0 and answered.said and "s3cret" not in answered.said


def test_a_file_without_a_url_is_no_destination(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("ftp://s3cret/")
    answered, _ = sent(Hook(f"file:{tmp_path}/url"))
    assert answered == Answered(0, "no URL of http or https stands there")


@pytest.mark.parametrize(
    ("hook", "wanted"),
    [
        (Hook("", format="slack"), True),
        (Hook("", format="slack", routes=("features",)), True),
        (Hook("", format="slack", routes=("other",)), False),
        (Hook("", format="slack", events=("promote",)), False),
        (Hook("", format="slack", severity="critical"), True),
    ],
)
def test_filters(hook: Hook, wanted: bool) -> None:
    assert takes(hook, MESSAGE) == wanted
    assert takes(hook, replace(MESSAGE, severity="info")) == (wanted and hook.severity == "info")


def test_what_lasts_is_told_again_to_those_alone_who_would_forget_it() -> None:
    alerts, pager, chat = (Hook("", format=name) for name in ("alertmanager", "pagerduty", "slack"))
    again, told = replace(MESSAGE, again=True), replace(MESSAGE, state="told")
    assert [takes(alerts, each) for each in (MESSAGE, RESOLVED, again, told)] == [True, True, True, False]
    assert [takes(pager, each) for each in (MESSAGE, RESOLVED, again, told)] == [True, True, False, False]
    assert takes(pager, replace(again, state="acknowledged")), "which it was not told of before"
    assert [takes(chat, each) for each in (MESSAGE, RESOLVED, again, told)] == [True, True, False, True]


def test_programs_hear_of_each_change_and_people_of_the_matter_once() -> None:
    joins = replace(MESSAGE, joins=True)
    wanted = {"penumbra": True, "cloudevents": True, "slack": False, "grafana": False, "pagerduty": True}
    assert {form: takes(Hook("", format=form), joins) for form in wanted} == wanted  # type: ignore[arg-type]


def test_a_webhook_of_before_hears_of_no_warnings_unless_it_asks() -> None:
    warning = replace(MESSAGE, event="warning", routes=())
    assert not takes(Hook(""), warning) and takes(Hook("", events=("warning",)), warning)
    assert takes(Hook("", format="teams", routes=("other",)), warning), "it is of the whole process"
