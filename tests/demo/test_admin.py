"""What the demo reads of /metrics and asks the admin API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from proxy.demo.admin import AdminClient, AdminRefused, read_metrics

SCRAPE = """\
# TYPE penumbra_requests_total counter
penumbra_requests_total{route="r",version="v1",role="primary",code="200"} 7
penumbra_requests_total{route="r",version="v1",role="primary",code="502"} 2
penumbra_requests_total{route="r",version="v2",role="canary",code="200"} 1
# TYPE penumbra_table_revision gauge
penumbra_table_revision 4
"""


def test_samples_are_picked_by_their_labels() -> None:
    metrics = read_metrics(SCRAPE)
    assert metrics.values("penumbra_requests_total", version="v1") == [7.0, 2.0]
    assert metrics.total("penumbra_requests_total", code="200") == 8.0
    assert metrics.total("penumbra_requests_total", role="shadow") == 0.0
    assert metrics.one("penumbra_table_revision") == 4.0
    assert metrics.one("penumbra_requests_total", role="shadow") is None


def asked(answer: Callable[[web.Request], Any], question: Callable[[AdminClient], Awaitable[Any]]) -> Any:
    """What `question` gets of an admin API that answers each request by `answer`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        made = answer(request)
        return made if isinstance(made, web.StreamResponse) else web.json_response(made)

    async def ask() -> Any:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            async with aiohttp.ClientSession() as session:
                return await question(AdminClient(session, f"http://{host}:{port}"))
        finally:
            await runner.cleanup()

    return asyncio.run(ask())


def test_the_latest_rollback_of_the_scorecard_is_found_in_the_audit() -> None:
    entries = [
        {"who": "scorecard", "action": "rollback", "at": 2.0, "why": "second"},
        {"who": "scorecard", "action": "rollback", "at": 1.0, "why": "first"},
        {"who": "loopback", "action": "rollback", "at": 3.0, "why": "by hand"},
    ]
    entry = asked(lambda request: {"entries": entries}, lambda admin: admin.rollback_entry())
    assert entry["why"] == "second"
    assert asked(lambda request: {"entries": []}, lambda admin: admin.rollback_entry()) is None


def test_metrics_are_one_scrape() -> None:
    metrics = asked(lambda request: web.Response(text=SCRAPE), lambda admin: admin.metrics())
    assert metrics.one("penumbra_table_revision") == 4.0


def test_a_refusal_carries_its_answer() -> None:
    with pytest.raises(AdminRefused, match="PUT /v1/routes/r/split: 422 no such version"):
        asked(
            lambda request: web.Response(status=422, text="no such version"),
            lambda admin: admin.put_split("r", {"v9": 10.0}, "why"),
        )
