"""The status page of a sidecar in a fleet, in a real browser, with a real Redis."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest
from redis import Redis
from selenium import webdriver

from proxy.control.fleet.address import address_of
from proxy.control.fleet.bodies import ReportBody, encode
from proxy.control.fleet.redis_store import RedisStore
from proxy.control.fleet.store import Report
from tests.process.conftest import Start
from tests.process.test_page import Page
from tests.support.browser import browser, needed
from tests.support.redis_server import RedisServer
from tests.support.running import eventually

pytestmark = [needed, pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def report_of_another(server: RedisServer, seq: int) -> bool:
    """A report of a sidecar that is configured otherwise and follows no table."""

    async def passes() -> None:
        store = RedisStore(address_of(server.url), "fraud")
        body = ReportBody([], settings="other", sections={"r": "other"}, version="9.9.9")
        await store.report(Report("<b>other", "epoch", seq, encode(body)))
        await store.close()

    asyncio.run(passes())
    return True


def term_of(server: RedisServer) -> int:
    with Redis(port=server.port) as client:
        found = client.get("{penumbra:fraud}:term")
        assert isinstance(found, bytes)
        return int(found)


def test_who_is_there_who_judges_who_is_behind_and_that_the_store_is_gone(
    driver: webdriver.Chrome, start: Start
) -> None:
    with RedisServer() as server:
        top = f"fleet: {{redis: '{server.url}', name: fraud, lease: 2s, instance: pod-1}}"
        page = Page(driver, start(route="canary: {version: b, percent: 10}", top=top))
        page.shows("#fleet h2", "Fleet fraud")
        page.shows("#fleet .badge", "1 sidecar")
        page.shows("#fleet .about", f"judge pod-1, term {term_of(server)}")
        page.shows("#fleet .about", "the store answered")
        page.shows("#fleet .members", "judge, here")
        page.shows("#fleet .members", "follows")
        seq = count(1)

        def told(text: str) -> bool:
            """Whether that is said of another sidecar, which reports anew where it is no member any more."""
            shown = page.text("#fleet .members li:first-child")
            return text in shown if "<b>other" in shown else not report_of_another(server, next(seq))

        for text in ("<b>other", "another term", "differs: r", "no report for"):
            eventually(partial(told, text), text)
        page.shows("#fleet .badge", "2 sidecars")
        server.kill()
        page.shows("#fleet .badge", "apart: primaries only")
        page.shows("#fleet .error", "Redis at 127.0.0.1")
    page.nothing_undefined()
    assert page.complaints() == []
