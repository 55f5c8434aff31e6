"""A route over time, in a real browser: plots, cursor, ranges and the address that carries them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.process.conftest import Start
from tests.process.test_page import Page
from tests.support.browser import browser, needed
from tests.support.page_scenes import GONE, SCENES, query_of, served
from tests.support.page_server import PageServer
from tests.support.page_states import NOW, START, STEP
from tests.support.running import Traffic, eventually
from tests.support.seen import Seen

pytestmark = needed

CUT = "return new URLSearchParams(location.hash.split('?')[1]).get(arguments[0])"


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


Shown = Callable[..., tuple[Seen, PageServer]]


@pytest.fixture
def shown(driver: webdriver.Chrome) -> Iterator[Shown]:
    """Opens the page of a scene, with what stands behind `?` in its address."""
    with ExitStack() as stack:

        def shown(scene: str, query: str = "") -> tuple[Seen, PageServer]:
            server = stack.enter_context(served(SCENES[scene]()))
            page = Seen(driver, f"{server.url}/#/routes/fraud{query and '?'}{query}")
            page.find(".over .lines-of-time")
            return page, server

        yield shown


def asked(server: PageServer) -> list[dict[str, str]]:
    """The queries with which the history was asked for."""
    return [query_of(path) for path in list(server.asked) if path.startswith("/v1/routes/fraud/history")]


def at_step(step: int) -> int:
    """The beginning of a step, in Unix seconds."""
    return START + STEP * step


def test_each_figure_has_its_plot_and_what_there_is_nothing_of_is_said(shown: Shown) -> None:
    page, _ = shown("rolled_back")
    panels = page.script("return [...document.querySelectorAll('.over')].map((each) => each.dataset.panel)")
    lines = ["evidence error_rate.max_ratio", "evidence latency_p99.max"]
    assert panels == ["traffic", "split", "outcomes", "latency", "lost", *lines]
    page.shows(".over-time", "Nothing in this range of: coverage, disagreement, drift")
    assert page.script("return document.querySelectorAll('[data-panel^=evidence] .limit').length") == 2
    label = page.script("return document.querySelector('[data-panel=traffic] svg').getAttribute('aria-label')")
    assert label.startswith("Requests, per second. fraud-v1 primary: 43.6/s (436)")
    page.nothing_undefined()
    assert page.complaints() == []


def test_the_cursor_reads_all_plots_and_says_why_there_is_no_value(shown: Shown) -> None:
    page, _ = shown("rolled_back", f"at={at_step(GONE - 1)}")
    page.shows('[data-panel="evidence error_rate.max_ratio"]', "1.2 of 1, value infinite, n 2,990")
    page.shows('[data-panel="outcomes"]', "61.3 %: 19 of 31")
    page.shows('[data-panel="lost"]', "0.8/s (8)")
    axis = page.find(".axis")
    axis.send_keys(Keys.ARROW_RIGHT)
    page.shows(".said", "rollback by scorecard: error_rate ratio infinite")
    assert page.script(CUT, "at") == str(at_step(GONE))
    assert "rollback by scorecard" in str(axis.get_attribute("aria-valuetext"))
    assert axis.get_attribute("aria-valuenow") == str(GONE)
    page.shows('[data-panel="evidence error_rate.max_ratio"]', "nothing to measure")
    page.shows('[data-panel="traffic"]', "0/s (0)")
    axis.send_keys(Keys.PAGE_UP)
    page.shows(".said", "split by ops: try v2")
    axis.send_keys(Keys.SHIFT, Keys.ARROW_LEFT)
    assert page.script(CUT, "at") == str(at_step(50))
    axis.send_keys(Keys.ESCAPE)
    assert page.script(CUT, "at") is None


def test_what_nobody_saw_is_a_gap_and_not_zero(shown: Shown) -> None:
    page, _ = shown("steady", f"at={at_step(155)}")
    page.shows('[data-panel="traffic"]', "not observed")
    page.shows('[data-panel="outcomes"]', "not observed")
    d = page.script("return document.querySelector('[data-panel=traffic] .drawn').getAttribute('d')")
    assert d.count("M") == 2, "a line before the gap, and one after it"
    page.press("details.values summary")
    page.shows(".values table", "not observed")


def test_a_pointer_reads_presses_and_drags_a_range(shown: Shown) -> None:
    page, server = shown("ramping")
    plot = page.find('[data-panel="traffic"] .plot')
    wide = plot.size["width"]
    mouse = ActionChains(page.driver, duration=0)
    mouse.move_to_element_with_offset(plot, -wide // 4, 0).perform()
    first = page.text(".said")
    assert page.script(CUT, "at") is None, "who only points changes no address"
    mouse.click().perform()
    pressed = int(page.script(CUT, "at"))
    assert abs(pressed - (START + 900)) <= 2 * STEP
    mouse.move_to_element_with_offset(plot, -wide // 4, 0).click_and_hold().move_by_offset(
        wide // 2, 0
    ).release().perform()
    begins, ends = (int(page.script(CUT, name)) for name in ("from", "to"))
    assert abs(begins - (START + 900)) <= 2 * STEP and abs(ends - (START + 2700)) <= 2 * STEP
    wanted = {"from": str(begins), "to": str(ends)}
    eventually(lambda: wanted in asked(server), "the range is asked for")
    assert first and page.script("return history.length") > 1
    page.driver.back()
    assert page.script(CUT, "from") is None, "a step back is the range before"


def test_ranges_by_buttons_and_keys_and_a_link_shows_the_same(shown: Shown) -> None:
    page, server = shown("ramping", "last=900")
    assert page.find('.ranges [aria-pressed="true"]').text == "15 min"
    page.press('.ranges button[aria-label^="1 day"]')
    assert page.script(CUT, "last") == "86400"
    eventually(lambda: abs(float(asked(server)[-1]["from"]) - (NOW - 86400)) < 60, "a day is asked for, up to now")
    assert "to" not in asked(server)[-1], "and followed"
    page.find(".axis").send_keys("+")
    assert abs(int(page.script(CUT, "to")) - int(page.script(CUT, "from")) - 43200) <= 1, "whole seconds"
    link, _ = shown("ramping", f"from={START + 600}&to=2026-11-29T08:40:00Z&at=nonsense")
    link.shows(".over-time .range", "in steps of 10 seconds")
    assert "followed" not in link.text(".over-time .range")
    odd, again = shown("ramping", "from=9e99&to=-1&last=x&at=%00")
    odd.shows(".over-time .range", "followed")
    assert "to" not in asked(again)[-1]


def test_history_of_the_real_program(driver: webdriver.Chrome, start: Start) -> None:
    page = Page(driver, start(route="canary: {version: b, percent: 50}"))
    with Traffic(page.running.data) as traffic:
        traffic.more(200)
        page.find('[data-panel="split"] .area.c1')
    page.running.ask("POST", "/v1/routes/r/rollback", {"reason": "pager"})
    page.shows(".marks", "by loopback")
    page.press(".marks li:first-child button")
    page.shows(".said", "rollback by loopback: pager")
    page.nothing_undefined()
    assert page.complaints() == []
