"""The status page of several routes, and of none that is there, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.process.conftest import Write
from tests.process.test_page import Page
from tests.support.browser import browser, needed
from tests.support.running import Running

pytestmark = needed


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def test_a_view_is_an_address(driver: webdriver.Chrome, write: Write) -> None:
    two = "canary: {version: b, percent: 10}}, other.x: {match: {path: /other}, protocol: json, primary: a"
    with Running(write(route=two)) as running:
        page = Page(driver, running)
        page.shows(".glance", "other.x")
        running.ask("POST", "/v1/routes/r/rollback", {"reason": "pager"})
        page.shows(".glance li:first-child", "rolled back")
        page.shows("#facts", "1 rolled back")
        page.press('.glance [data-route="other.x"]')
        page.shows(".card h2", "other.x")
        assert page.script("return location.hash") == "#/routes/other.x"
        page.shows(".legend", "100 %")
        page.script("location.hash = '#/routes/r?at=5'")
        page.shows(".card .badges", "rolled back")
        page.press(".back a")
        page.shows(".glance", "rolled back")
        assert page.script("return location.hash") == "#/?at=5", "the moment stays"
        page.script("location.hash = '#/routes/gone'")
        page.shows("#view .notice", "There is no route gone")
        page.script("location.hash = '#/routes/%E0%A4%A'")
        page.shows(".glance", "other.x")
        page.press("#times")
        page.shows("#changes time", "UTC)")
        page.nothing_undefined()
        assert page.complaints() == []
