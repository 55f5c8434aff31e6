"""Webhooks against a real server on loopback: order, retries, signatures, bounds."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from proxy.contracts.operation import Hook
from proxy.contracts.release import RouteState
from proxy.contracts.tls import ClientTls
from proxy.control.messages import destination, retries
from proxy.control.notify import MAX_QUEUED, MAX_QUEUED_BYTES, Notifier, event_of
from proxy.release import transitions
from proxy.release.audit import Change
from tests.control.houses import House, canary_release, section, settings
from tests.support.certificates import Authority, client_tls
from tests.support.https import AUTHORITY, OWN, REFUSED, TRUSTED, contexts, https
from tests.support.running import eventually

Heard = list[tuple[dict[str, str], bytes]]


def change(action: str = "rollback", who: str = "scorecard", why: str = "bad") -> Change:
    return Change(who, action, "cancer", why, before={"phase": "steady"}, after={"phase": "rolled_back"})


@asynccontextmanager
async def receiver(answers: list[int], heard: Heard) -> AsyncIterator[str]:
    """Answers with each status in turn, then with the last one for ever."""

    async def hook(request: web.Request) -> web.Response:
        heard.append((dict(request.headers), await request.read()))
        return web.Response(status=answers.pop(0) if len(answers) > 1 else answers[0])

    app = web.Application()
    app.router.add_post("/hook", hook)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook?key=hidden"))


def play(scene: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(destination, "CLOSE_SECONDS", 10.0)
    asyncio.run(scene())  # type: ignore[arg-type]


def test_a_change_arrives_with_its_facts_and_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []

    async def scene() -> None:
        async with receiver([200], heard) as url:
            notifier = Notifier(lambda: "f00", lambda: 1700000000.9)
            notifier.use([Hook(url, "s3cret")])
            notifier.listen(change(), 1700000000.5)
            await notifier.close()
            assert notifier.counts == {("rollback", "sent"): 1}

    play(scene, monkeypatch)
    headers, body = heard[0]
    document = json.loads(body)
    assert (document["event"], document["route"], document["why"]) == ("rollback", "cancer", "bad")
    assert (document["after"], document["audit_head"], document["at"]) == (
        {"phase": "rolled_back"},
        "f00",
        1700000000.5,
    )
    wanted = hmac.new(b"s3cret", b"1700000000." + body, sha256).hexdigest()
    assert headers["X-Penumbra-Signature"] == f"t=1700000000,v1={wanted}"
    assert headers["X-Penumbra-Event"] == "rollback"


def test_what_fails_is_tried_again_and_order_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []

    async def scene() -> None:
        async with receiver([500, 503, 429, 200], heard) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook(url)])
            for why in ("first", "second"):
                notifier.listen(change(why=why), 0.0)
            await notifier.close()
            assert notifier.counts == {("rollback", "sent"): 2}

    play(scene, monkeypatch)
    assert [json.loads(body)["why"] for _, body in heard] == ["first"] * 4 + ["second"]
    assert "X-Penumbra-Signature" not in heard[0][0]


@pytest.mark.parametrize(
    ("answers", "attempts"), [([400], 1), ([500], retries.MAX_ATTEMPTS), ([302], retries.MAX_ATTEMPTS)]
)
def test_what_cannot_be_delivered_is_given_up_and_counted(
    answers: list[int], attempts: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard: Heard = []

    async def scene() -> None:
        async with receiver(answers, heard) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook(url)])
            notifier.listen(change(), 0.0)
            await notifier.close()
            assert notifier.counts == {("rollback", "failed"): 1}

    play(scene, monkeypatch)
    assert len(heard) == attempts
    assert "hidden" not in caplog.text


def test_a_dead_hook_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []

    async def scene() -> None:
        async with receiver([200], heard) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook("http://127.0.0.1:1/"), Hook(url, events=("rollback",))])
            for n in range(MAX_QUEUED + 10):
                notifier.listen(change(why=str(n)), 0.0)
            notifier.listen(change("split", "ops"), 0.0)
            await notifier.close()
            assert notifier.counts["rollback", "dropped"] == 11 + 10
            assert notifier.counts["rollback", "sent"] == MAX_QUEUED

    monkeypatch.setattr(retries, "MAX_ATTEMPTS", 1)
    play(scene, monkeypatch)
    assert [json.loads(body)["why"] for _, body in heard] == [str(n) for n in range(10, MAX_QUEUED + 10)]


def test_what_waits_for_a_hook_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []

    async def scene() -> None:
        async with receiver([200], heard) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook(url)])
            for n in range(20):
                notifier.listen(change(why=str(n) + "x" * MAX_QUEUED_BYTES * (n % 2)), 0.0)
            await notifier.close()
            assert notifier.counts["rollback", "sent"] + notifier.counts["rollback", "dropped"] == 20

    play(scene, monkeypatch)
    assert [len(body) < 10_000 for _, body in heard] == [True] * len(heard)


def test_hooks_follow_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []

    async def scene() -> None:
        async with receiver([200], heard) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook("http://127.0.0.1:1/")])
            notifier.use([Hook(url)])
            notifier.listen(change(), 0.0)
            await notifier.close()

    play(scene, monkeypatch)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("action", "who", "event"),
    [
        ("release", "ops", "start"),
        ("advance", "scorecard", "stage"),
        ("notify", "scorecard", "breach"),
        ("pause", "scorecard", "breach"),
        ("pause", "ops", "change"),
        ("rollback", "ops", "rollback"),
        ("promote", "scorecard", "promote"),
        ("split", "ops", "change"),
        ("reload", "configuration", "change"),
    ],
)
def test_events(action: str, who: str, event: Any) -> None:
    assert event_of(change(action, who)) == event


def test_a_configured_release_is_a_start() -> None:
    begun = transitions.start(RouteState("cancer", "steady", "v1"), canary_release(), "", 0.0)
    assert event_of(Change("configuration", "start", "cancer", "", None, begun)) == "start"
    assert event_of(Change("configuration", "reload", "cancer", "", begun, begun)) == "change"
    assert (
        event_of(Change("configuration", "start", "cancer", "", None, RouteState("cancer", "steady", "v1"))) == "change"
    )


# -- TLS


def delivered(tls: ClientTls, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of one change arrive at a server by TLS."""
    arrived: list[web.Request] = []

    async def hook(request: web.Request) -> web.Response:
        arrived.append(request)
        return web.Response()

    async def scene() -> None:
        async with https(hook) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook(url, tls=tls)])
            notifier.listen(change(), 0.0)
            await notifier.close()

    monkeypatch.setattr(retries, "MAX_ATTEMPTS", 2)
    play(scene, monkeypatch)
    return len(arrived)


def test_a_webhook_is_held_to_its_section_and_let_in_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert delivered(TRUSTED, monkeypatch) == 1
    assert delivered(replace(TRUSTED, server_name="", san="spiffe://prod/hooks"), monkeypatch) == 1
    assert delivered(client_tls((), OWN, insecure_skip_verify=True), monkeypatch) == 1


@pytest.mark.parametrize(("tls", "why"), REFUSED)
def test_one_that_is_not_who_it_has_to_be_hears_nothing_and_the_log_says_why(
    tls: ClientTls, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert delivered(tls, monkeypatch) == 0
    assert f"tls_failed ({why})" in caplog.text


def test_a_rotation_is_of_the_next_attempt_and_costs_nothing_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    after, secured, arrived = Authority("next"), contexts(), asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        heard.append((await request.json())["why"])
        arrived.set()
        return web.Response()

    async def scene() -> None:
        async with https(hook, secured) as url:
            notifier = Notifier(lambda: "", lambda: 0.0)
            notifier.use([Hook(url, tls=TRUSTED)])
            notifier.listen(change(why="first"), 0.0)
            await arrived.wait()
            secured.put(contexts(after).tls)
            notifier.use([Hook(url, tls=replace(TRUSTED, material=after.issue("dns:me").material(AUTHORITY)))])
            for why in ("second", "third"):
                notifier.listen(change(why=why), 0.0)
            notifier.use([Hook(url, tls=replace(TRUSTED, material=after.issue("dns:again").material(AUTHORITY)))])
            await notifier.close()
            assert notifier.counts == {("rollback", "sent"): 3}

    play(scene, monkeypatch)
    assert heard == ["first", "second", "third"]


# -- what lasts


async def idle(notifier: Notifier) -> None:
    """Waits until everything was delivered, or given up."""
    for place in notifier.destinations:
        await place.settle()


def test_a_release_that_is_rolled_back_is_told_of_again_and_over_when_it_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: Heard = []
    now = [1700000000.0]

    async def scene() -> None:
        async with receiver([200], heard) as url:
            notifier, engine = Notifier(lambda: "f00", lambda: now[0]), House(settings(section("cancer"))).engine
            notifier.use([Hook(url, format="alertmanager"), Hook(url, format="slack", severity="warning")], "http://p/")
            state = engine.routes["cancer"].state
            notifier.look(engine, True)
            engine.routes["cancer"].state = replace(state, phase="rolled_back")
            notifier.listen(change(), now[0])
            for seconds in (5.0, 60.0):
                now[0] += seconds
                notifier.look(engine, True)
                await idle(notifier)
            engine.routes["cancer"].state = state
            now[0] += 5.0
            notifier.look(engine, True)
            await notifier.close()
            assert notifier.open == 0 and notifier.bounds_reached() == {"matters": 0}

    play(scene, monkeypatch)
    documents = [json.loads(body) for _, body in heard]
    alerts = [each[0] for each in documents if isinstance(each, list)]
    assert len({json.dumps(each["labels"], sort_keys=True) for each in alerts}) == 1 and len(alerts) == 3
    assert alerts[-1]["endsAt"] < alerts[0]["endsAt"] and alerts[0]["generatorURL"].startswith("http://p/#/routes/")
    titles = [each["blocks"][0]["text"]["text"] for each in documents if isinstance(each, dict)]
    assert titles == ["🔴 cancer: rolled back", "🟢 cancer: rolled back: over"]


def test_one_rollback_is_one_trigger_of_a_pager_and_one_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []
    now = [1700000000.0]

    async def scene() -> None:
        async with receiver([202], heard) as url:
            notifier, engine = Notifier(lambda: "f00", lambda: now[0]), House(settings(section("cancer"))).engine
            notifier.use([Hook(url, format="pagerduty", key="k")])
            state = engine.routes["cancer"].state
            notifier.look(engine, True)
            engine.routes["cancer"].state = replace(state, phase="rolled_back")
            notifier.listen(change(), now[0])
            for _ in range(40):
                now[0] += 5.0
                notifier.look(engine, True)
                await idle(notifier)
            engine.routes["cancer"].state = state
            now[0] += 5.0
            notifier.look(engine, True)
            await notifier.close()

    play(scene, monkeypatch)
    events = [json.loads(body) for _, body in heard]
    assert [each["event_action"] for each in events] == ["trigger", "resolve"]
    assert len({each["dedup_key"] for each in events}) == 1


def test_who_does_not_judge_the_fleet_sends_nothing_and_tells_again_what_began_before_it_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: Heard = []
    now = [1700000000.0]

    async def scene() -> None:
        async with receiver([200], heard) as url:
            house = House(settings(section("cancer")))
            notifier, engine = Notifier(lambda: "", lambda: now[0]), house.engine
            notifier.use([Hook(url, format="slack")])
            engine.held = {"cancer": "the section differs at s2"}
            for _ in range(8):
                notifier.look(engine, False)
                now[0] += 5.0
            await asyncio.sleep(0.05)
            assert heard == [] and notifier.idle
            notifier.look(engine, True)
            notifier.look(engine, True)
            await notifier.close()

    play(scene, monkeypatch)
    assert ["the section differs" in body.decode() for _, body in heard] == [True]


def test_a_destination_that_cannot_be_reached_is_a_warning_of_every_route_until_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: Heard = []
    times = iter(range(0, 1000, 10))

    async def scene() -> None:
        async with receiver([400, 200], heard) as url:
            notifier, engine = (
                Notifier(lambda: "", lambda: float(next(times))),
                House(settings(section("cancer"))).engine,
            )
            notifier.use([Hook(url, name="ops")])
            notifier.listen(change(), 0.0)
            await idle(notifier)
            notifier.look(engine, True)
            assert notifier.faults == {"cancer": "messages cannot be delivered to ops (status 400)"}
            notifier.listen(change(), 0.0)
            await idle(notifier)
            notifier.look(engine, True)
            assert notifier.faults == {}
            await notifier.close()

    play(scene, monkeypatch)


# -- a restart of control


def lives(state: str, hook: Hook, now: list[float]) -> Notifier:
    """A notifier as a new process has it."""
    notifier = Notifier(lambda: "f00", lambda: now[0], state=state)
    notifier.use([hook])
    return notifier


async def passes(notifier: Notifier, engine: Any, now: list[float], seconds: float) -> None:
    """Looks each ten seconds."""
    for _ in range(int(seconds / 10.0)):
        now[0] += 10.0
        notifier.look(engine, True)
    await idle(notifier)


def test_a_restart_tells_nothing_twice_and_what_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: Heard = []
    now, state = [1700000000.0], str(tmp_path / "state.db")

    async def scene() -> None:
        async with receiver([200], heard) as url:
            engine = House(settings(section("cancer"))).engine
            begun = engine.routes["cancer"].state
            first = lives(state, Hook(url, format="slack"), now)
            first.look(engine, True)
            engine.held = {"cancer": "the section differs at s2"}
            engine.routes["cancer"].state = replace(begun, phase="rolled_back")
            first.listen(change(), now[0])
            await passes(first, engine, now, 60.0)
            for place in first.destinations:
                place.close()  # killed
            second = lives(state, Hook(url, format="slack"), now)
            await passes(second, engine, now, 600.0)
            assert second.open == 2
            engine.held, engine.routes["cancer"].state = {}, begun
            await passes(second, engine, now, 600.0)
            await second.close()
            assert second.open == 0

    play(scene, monkeypatch)
    titles = [json.loads(body)["blocks"][0]["text"]["text"] for _, body in heard]
    assert titles[0] == "🔴 cancer: rolled back"
    assert sorted(title.endswith(": over") for title in titles) == [False, False, True, True]


def test_what_waited_for_a_receiver_is_sent_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: Heard = []
    now, state = [1700000000.0], str(tmp_path / "state.db")

    async def scene() -> None:
        async with receiver([503, 200], heard) as url:
            engine = House(settings(section("cancer"))).engine
            engine.routes["cancer"].state = replace(engine.routes["cancer"].state, phase="rolled_back")
            first = lives(state, Hook(url, name="ops"), now)
            first.look(engine, True)
            monkeypatch.setattr(retries, "FIRST_RETRY_SECONDS", 100.0)
            first.listen(change(), now[0])
            await asyncio.to_thread(eventually, lambda: heard, "an attempt")
            for place in first.destinations:
                place.close()  # killed
            for _ in range(2):
                next_one = lives(state, Hook(url, name="ops"), now)
                next_one.look(engine, True)
                await next_one.close()

    play(scene, monkeypatch)
    documents = [json.loads(body) for _, body in heard]
    assert [each["id"] for each in documents] == [documents[0]["id"]] * 2, "refused once, sent once"


def test_what_is_kept_has_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1700000000.0]

    async def scene() -> None:
        async with receiver([503], []) as url:
            hook = Hook(f"{url}-url", token="hidden-token", key="hidden-key", secret="hidden-secret", name="ops")
            notifier = lives(str(tmp_path / "state.db"), hook, now)
            notifier.look(House(settings(section("cancer"))).engine, True)
            notifier.listen(change(), now[0])
            for place in notifier.destinations:
                place.close()

    play(scene, monkeypatch)
    kept = (tmp_path / "state.db.messages").read_text()
    assert '"waiting":{"ops":[{' in kept
    assert "hidden" not in kept
