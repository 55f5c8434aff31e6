"""The admin API over a real aiohttp server on loopback: shapes, refusals, access, entity tags, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from proxy.contracts.operation import Admin
from proxy.contracts.record import Tick
from proxy.contracts.settings import ConfigError, Problem
from proxy.control.api import portions, views
from proxy.control.api.context import ApiContext
from proxy.control.api.endpoints import ENDPOINTS
from proxy.control.api.handlers import application
from proxy.control.state.state_file import StoreError
from proxy.control.telemetry.metrics import BoardCollector, EngineCollector, WorkerCollector
from proxy.link.frames import Hello
from proxy.link.server import MAX_SILENT_LOOKS, WorkerStatus
from tests.control.houses import House, arm, canary_release, section, settings
from tests.support.records import record as made

Client = TestClient[Any, Any]
Story = Callable[[Client], Awaitable[None]]


def context_of(house: House) -> ApiContext:
    status = WorkerStatus(Hello(0, "a", 4711))
    status.last = Tick(0, "a", 1, 1)
    registry = CollectorRegistry()
    registry.register(BoardCollector(house.board, lambda: house.now))
    registry.register(EngineCollector(house.engine))
    registry.register(WorkerCollector(lambda: [status], dict))
    context = ApiContext(house.engine, house.board, registry, lambda: [status], lambda: house.now)
    context.history = getattr(house, "past", None)
    return context


def play(house: House, story: Story, known: ApiContext | None = None) -> None:
    async def scene() -> None:
        async with TestClient(TestServer(application(known or context_of(house)))) as client:
            await story(client)

    asyncio.run(scene())


async def problem(response: ClientResponse, status: int, field: str | None = None) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = await response.json()
    assert (response.status, document["status"], document.get("field")) == (status, status, field), document
    assert set(document) - {"field"} == {"type", "title", "status", "detail"}
    return document


def test_a_route_shows_phase_split_and_shadows(house: House) -> None:
    async def story(client: Client) -> None:
        response = await client.get("/v1/routes/cancer")
        shown = await response.json()
        assert (response.status, shown["route"], shown["phase"]) == (200, "cancer", "steady")
        assert (shown["primary"], shown["split"], shown["shadows"]) == ("v1", {"v1": 90.0, "v2": 10.0}, {"v3": 100.0})
        assert shown["release"] is None
        everything = await (await client.get("/v1/routes")).json()
        assert everything["routes"] == [shown]
        assert everything["configuration"]["in_force"] is True
        assert everything["workers"][0]["pid"] == 4711

    play(house, story)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"v9": 1}', 422, "v9"),
        ('{"v2": -1}', 422, "v2"),
        ('{"v2": true}', 422, "v2"),
        ('{"v2": "25"}', 422, "v2"),
        ('{"v2": null}', 422, "v2"),
        ('{"v2": 101}', 422, "v2"),
        ('{"v2": 1e999}', 422, "v2"),
        ('{"v2": NaN}', 400, None),
        ('{"v2": 60, "v3": 60}', 422, None),
        ('{"v1": 60, "v2": 60}', 422, None),
        ('{"v1": 10, "v2": 10}', 422, "v1"),
        ('{"v2": 1, "v2": 2}', 400, None),
        ('{"split": {"v2": 1}, "who": "me"}', 422, "who"),
        ('{"split": {"v2": 1}, "reason": 5}', 422, "reason"),
        ('{"split": {"v2": 1}, "reason": "two\\nlines"}', 422, "reason"),
        ('{"split": {"v2": 1}, "reason": "\\ud800"}', 422, "reason"),
        ("[]", 422, None),
        ("", 400, None),
        ("{", 400, None),
        ("[" * 100_00, 400, None),
        ('"\xff"', 400, None),
        ('{"v2": %s}' % ("9" * 70_000), 413, None),
    ],
)
def test_bodies_that_mean_nothing_are_refused_and_change_nothing(
    house: House, body: str, status: int, field: str | None
) -> None:
    async def story(client: Client) -> None:
        headers = {"Content-Type": "application/json"}
        response = await client.put("/v1/routes/cancer/split", data=body.encode("latin-1"), headers=headers)
        await problem(response, status, field)

    before = house.engine.state("cancer")
    play(house, story)
    assert house.engine.state("cancer") is before


def test_a_refusal_lists_what_is_allowed(house: House) -> None:
    async def story(client: Client) -> None:
        shown = await problem(await client.put("/v1/routes/cancer/split", json={"v9": 1}), 422, "v9")
        assert shown["detail"] == "v9: unknown version; allowed: v1, v2, v3"
        await problem(await client.get("/v1/routes/nope"), 404, "route")
        await problem(await client.get("/nope"), 404)
        response = await client.delete("/v1/routes/cancer")
        assert "GET" in response.headers["Allow"]
        await problem(response, 405)
        await problem(
            await client.put("/v1/routes/cancer/split", data=b"v2=1", headers={"Content-Type": "text/csv"}), 415
        )
        await problem(await client.get("/v1/audit?limit=-1"), 422, "limit")
        await problem(await client.get("/v1/audit?limit=1001"), 422, "limit")
        shown = await problem(await client.post("/v1/routes/cancer/resume"), 409)
        assert "resume is not possible in phase steady" in shown["detail"]
        await problem(await client.post("/v1/routes/cancer/release"), 409)
        await problem(await client.post("/v1/routes/cancer/promote", json={"version": "v3"}), 409)
        await problem(await client.post("/v1/routes/cancer/promote", json={"version": "v9"}), 422, "version")
        await problem(await client.post("/v1/routes/cancer/pause", json={"why": "x"}), 422, "why")

    play(house, story)


def test_shadows_pause_resume_promote_and_rollback(house: House) -> None:
    async def story(client: Client) -> None:
        shown = await (await client.put("/v1/routes/cancer/shadows", json={"v3": 50, "v2": 0})).json()
        assert shown["shadows"] == {"v3": 50.0}
        await problem(await client.put("/v1/routes/cancer/shadows", json={"v1": 50}), 422, "v1")
        for action, phase in (
            ("pause", "paused"),
            ("resume", "steady"),
            ("promote", "promoted"),
            ("rollback", "rolled_back"),
        ):
            response = await client.post(f"/v1/routes/cancer/{action}", json={"reason": f"to {phase}"})
            shown = await response.json()
            assert (response.status, shown["phase"], shown["reason"]) == (200, phase, f"to {phase}")
        assert (shown["primary"], shown["split"], shown["rolled_back"]) == ("v1", {"v1": 100.0}, ["v2"])

    play(house, story)


def test_a_rolled_back_release_starts_again_only_when_told() -> None:
    house = House(settings(section(split=(), shadows=(), release=canary_release())))

    async def story(client: Client) -> None:
        shown = await (await client.post("/v1/routes/cancer/rollback", json={"reason": "no"})).json()
        assert (shown["phase"], shown["shadows"]) == ("rolled_back", {})
        shown = await (await client.post("/v1/routes/cancer/release", json={"reason": "again"})).json()
        assert (shown["phase"], shown["shadows"], shown["release"]["stage"]) == ("shadowing", {"v2": 100.0}, 1)
        await problem(await client.post("/v1/routes/cancer/release"), 409)

    play(house, story)


def test_decisions_on_an_old_picture_are_refused(house: House) -> None:
    async def story(client: Client) -> None:
        tag = (await client.get("/v1/routes/cancer")).headers["ETag"]
        first = await client.put("/v1/routes/cancer/split", json={"v2": 20}, headers={"If-Match": tag})
        assert first.status == 200
        late = await client.put("/v1/routes/cancer/split", json={"v2": 30}, headers={"If-Match": tag})
        await problem(late, 412)
        assert late.headers["ETag"] == first.headers["ETag"] != tag
        again = await client.put(
            "/v1/routes/cancer/split", json={"v2": 30}, headers={"If-Match": f'"x", {late.headers["ETag"]}'}
        )
        assert again.status == 200
        assert (await client.put("/v1/routes/cancer/split", json={"v2": 31}, headers={"If-Match": "*"})).status == 200

    play(house, story)


def test_with_a_token_every_change_needs_it() -> None:
    house = House(settings(admin=Admin(token="s3cret")))

    async def story(client: Client) -> None:
        path = "/v1/routes/cancer/split"
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic s3cret"},
            {"Authorization": "Bearer é"},
        ):
            response = await client.put(path, json={"v2": 20}, headers=headers)
            await problem(response, 401)
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await client.get("/v1/routes")).status == 200
        good = await client.put(path, json={"v2": 20}, headers={"Authorization": "Bearer s3cret"})
        assert good.status == 200
        assert (await (await client.get("/v1/audit")).json())["entries"][0]["who"] == "token"

    play(house, story)


def test_without_a_token_a_browser_on_this_machine_changes_nothing(house: House) -> None:
    async def story(client: Client) -> None:
        for headers in (
            {"Host": "evil.example:9900"},
            {"Origin": "https://evil.example"},
            {"Host": "[", "Origin": "null"},
        ):
            response = await client.put("/v1/routes/cancer/split", json={"v2": 20}, headers=headers)
            await problem(response, 403)

    play(house, story)
    assert house.split() == {"v2": 10.0}


@pytest.mark.parametrize("host", ["evil.example:9900", "evil@localhost", "localhost.evil.example", "["])
def test_nothing_is_read_under_a_name_that_a_web_page_may_have_bound(house: House, host: str) -> None:
    async def story(client: Client) -> None:
        for path in [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET"] + [
            "/page/page.js",
            "/nothing",
        ]:
            response = await client.get(path.replace("{route}", "cancer"), headers={"Host": host})
            if path in ("/healthz", "/readyz"):
                assert response.status == 200
            else:
                shown = await problem(response, 403)
                assert "admin.hosts" in shown["detail"]

    play(house, story)


@pytest.mark.parametrize(("hosts", "status"), [((), 403), (("penumbra.example",), 200)])
def test_a_name_that_the_configuration_lists_may_be_asked_for(hosts: tuple[str, ...], status: int) -> None:
    async def story(client: Client) -> None:
        response = await client.get("/v1/audit", headers={"Host": "penumbra.example:9900"})
        assert response.status == status

    play(House(settings(admin=Admin(hosts=hosts))), story)


def test_scorecard_and_gate_follow_the_evidence(house: House) -> None:
    async def gate(client: Client) -> tuple[int, str]:
        response = await client.get("/v1/routes/cancer/gate")
        return response.status, (await response.json())["verdict"]

    async def story(client: Client) -> None:
        assert await gate(client) == (425, "undecided")
        house.traffic(1800, 200)
        assert await gate(client) == (200, "pass")
        shown = await (await client.get("/v1/routes/cancer/scorecard")).json()
        line = shown["metrics"][0]
        assert (line["metric"], line["verdict"], line["limit"], line["n"], line["bound"]) == (
            "error_rate",
            "pass",
            1.5,
            200,
            "max_ratio",
        )
        house.traffic(100, 20, bad=20)
        assert await gate(client) == (409, "fail")

    play(house, story)


def test_every_metric_is_there_and_names_are_sound(house: House) -> None:
    async def story(client: Client) -> None:
        house.tick(arm("v1", "primary", 90, 0, 0.9), arm("v2", "canary", 30, 30, 0.1), arm("v3", "shadow", 90))
        text = await (await client.get("/metrics")).text()
        for line in (
            'penumbra_requests_total{code="connect_failed",role="canary",route="cancer",version="v2"} 30.0',
            'penumbra_split_percent{route="cancer",version="v1"} 100.0',
            'penumbra_release_phase{phase="rolled_back",route="cancer"} 1.0',
            'penumbra_rollbacks_total{reason="error_rate",route="cancer"} 1.0',
            'penumbra_worker_leased{worker="0"} 1.0',
            "penumbra_config_reload_failed 0.0",
        ):
            assert line in text.splitlines()
        assert (await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})).status == 200

    play(house, story)


def test_a_refused_configuration_is_seen_in_routes_and_metrics(house: House) -> None:
    def broken() -> Any:
        raise ConfigError((Problem("routes.cancer.primary", "'v9'", "v1 | v2"),))

    async def story(client: Client) -> None:
        house.engine.reload(broken, house.now)
        shown = (await (await client.get("/v1/routes")).json())["configuration"]
        assert (shown["in_force"], shown["problems"][0]["path"]) == (False, "routes.cancer.primary")
        assert "penumbra_config_reload_failed 1.0" in await (await client.get("/metrics")).text()

    play(house, story)


def test_readiness_goes_off_when_draining_begins(house: House) -> None:
    known = context_of(house)

    async def story(client: Client) -> None:
        assert (await client.get("/readyz")).status == 200
        known.draining = True
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/healthz")).status == 200

    play(house, story, known)


def test_ready_is_who_has_a_worker_that_is_up(house: House) -> None:
    known = context_of(house)
    (status,) = known.workers()

    async def story(client: Client) -> None:
        status.silent = MAX_SILENT_LOOKS
        response = await client.get("/readyz")
        assert (response.status, await response.json()) == (200, {"status": "ready", "workers": 1, "up": 1})
        status.silent += 1
        response = await client.get("/readyz")
        assert (response.status, await response.json()) == (503, {"status": "no worker", "workers": 1, "up": 0})

    play(house, story, known)


def test_what_fails_inside_is_a_problem_without_details(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(client: Client) -> None:
        monkeypatch.setattr(house.engine, "verdict", lambda name: 1 / 0)
        shown = await problem(await client.get("/v1/routes/cancer"), 500)
        assert "division" not in shown["detail"]

    play(house, story)


def test_every_endpoint_has_a_handler() -> None:
    from proxy.control.api.handlers import Api

    assert all(callable(getattr(Api, endpoint.handler)) for endpoint in ENDPOINTS)


def test_the_gate_answers_those_who_can_only_post(house: House) -> None:
    async def story(client: Client) -> None:
        house.traffic(1800, 200)
        response = await client.post("/v1/routes/cancer/gate", data=b"name=podinfo&phase=Progressing")
        assert (response.status, (await response.json())["verdict"]) == (200, "pass")
        await problem(await client.post("/v1/routes/nope/gate", json={}), 404, "route")

    play(house, story)


def test_feedback_says_what_became_of_each_label(house: House) -> None:
    async def story(client: Client) -> None:
        response = await client.post(
            "/v1/feedback", json=[{"request_id": "a", "label": 1}, {"request_id": "b", "label": [0]}]
        )
        assert await response.json() == {"joined": 0, "duplicate": 0, "unknown": 2, "mismatch": 0}
        for body, field in (
            ({"request_id": "a"}, "label"),
            ({"request_id": "", "label": 1}, "request_id"),
            ([{"request_id": "a", "label": {}}], "[0].label"),
            ({"request_id": "a", "label": 1, "weight": 2}, "weight"),
            ({"request_id": "a", "label": []}, "label"),
        ):
            await problem(await client.post("/v1/feedback", json=body), 422, field)
        await problem(await client.post("/v1/feedback", data=BytesIO(b" " * (1024 * 1024 + 1))), 413)

    play(house, story)


def test_the_audit_names_requests_that_went_wrong(house: House) -> None:
    house.engine.on_records(
        [made(request_id=f"id-{n}", route="cancer", version="v2", role="canary", status=500) for n in range(30)]
        + [made(request_id="fine", route="cancer", version="v2", role="canary")]
    )
    house.traffic(100, 20, bad=20)
    entry = views.entry(house.store.newest(1)[0])
    assert entry["examples"] == [f"id-{n}" for n in range(29, 19, -1)]


def test_a_rollback_without_a_disk_is_in_force_and_says_that_it_is_not_stored(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise StoreError("the disk is full")

    async def story(client: Client) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(house.store, "save", full)
            await problem(await client.put("/v1/routes/cancer/split", json={"v2": 50}), 503)
            assert house.split() == {"v2": 10.0}
            answer = await client.post("/v1/routes/cancer/rollback", json={"reason": "bad"})
            assert (answer.status, (await answer.json())["type"]) == (503, "/problems/not-stored-yet")
            shown = await (await client.get("/v1/routes/cancer")).json()
            assert (shown["phase"], house.split()) == ("rolled_back", {})
            assert any("a restart may forget" in warning for warning in shown["warnings"])
        house.engine.on_time(house.now)
        shown = await (await client.get("/v1/routes/cancer")).json()
        assert (house.store.states()["cancer"].phase, shown["warnings"]) == ("rolled_back", [])

    play(house, story)


def test_many_labels_let_others_have_the_loop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "PORTION_SECONDS", 0.0)
    turns, seen, over = 0, set[int](), asyncio.Event()

    def on_label(*given: object, **more: object) -> str:
        seen.add(turns)
        return "matched"

    monkeypatch.setattr(type(house.board), "on_label", on_label)

    async def others() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            await asyncio.sleep(0)

    async def story(client: Client) -> None:
        labels = [{"request_id": f"{at}", "label": 1} for at in range(200)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(others())
            assert (await client.post("/v1/feedback", json=labels)).status == 200
            over.set()

    play(house, story)
    assert len(seen) == 200, "a turn of everything else between any two labels"


def test_an_audit_that_cannot_be_read_is_no_change_that_was_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*given: object) -> None:
        raise StoreError("the disk still does not answer")

    async def story(client: Client) -> None:
        monkeypatch.setattr(house.store, "newest", hangs)
        monkeypatch.setattr(house.store, "audit", hangs)
        for path in ("/v1/audit", "/v1/routes/cancer/releases", "/v1/routes/cancer/explain"):
            answer = await client.get(path)
            assert (answer.status, (await answer.json())["type"]) == (503, "/problems/not-read"), path

    play(house, story)
