"""The OpenAPI document is true: whatever is asked, allowed or not, the answer is one that it describes, never a 5xx."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase
from hypothesis import settings as effort
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from proxy.control.api.handlers import application
from proxy.control.api.openapi import describe
from tests.control.api.test_handlers import context_of
from tests.control.history.pasts import Recorded
from tests.control.houses import arm, canary_release, section, settings

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(describe()).exclude(path="/v1/events")
"""A stream has no end to wait for; `test_events` looks at it."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A real server in a thread of its own: two routes, one of them in a release, and some traffic."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    where: list[str] = []

    async def serve() -> web.AppRunner:
        house = Recorded(settings(section("r"), section("s", split=(), release=canary_release())))
        for _ in range(3):
            house.tick(
                arm("v1", "primary", 30, 1, 0.9, route="r"), arm("v2", "canary", 4, 0, 0.1, route="r"), after=1.0
            )
        runner = web.AppRunner(application(context_of(house)))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        where.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        started.set()
        return runner

    def run() -> None:
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(10)
    yield where[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@SCHEMA.parametrize()
@effort(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_described(case: Any, address: str) -> None:
    for name, value in (case.path_parameters or {}).items():
        case.path_parameters[name] = "rs"[len(str(value)) % 2]
    case.call_and_validate(base_url=address, checks=CHECKS)


@SCHEMA.parametrize()
@effort(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_routes_that_are_not_there(case: Any, address: str) -> None:
    case.call_and_validate(base_url=address, checks=CHECKS)


def test_every_endpoint_is_described_once() -> None:
    document = describe()
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations)) > 15
    assert "/v1/routes/{route}/split" in document["paths"]
