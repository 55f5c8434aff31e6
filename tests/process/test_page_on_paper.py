"""The status page on paper, and under a finger: emulated by the real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.remote.webelement import WebElement

from tests.support.browser import browser, needed
from tests.support.page_scenes import SCENES, query_of, served
from tests.support.page_states import START, STEP
from tests.support.running import eventually
from tests.support.seen import Seen

pytestmark = needed

A4 = 794
"""CSS pixels of the width of a sheet."""

FIGURES = """
const told = ".readings, .versions td, .line dd, .line .sentence, .what-happened, .marks li, .changes li";
return [...document.querySelectorAll(told)].map((each) => each.innerText.replace(/\\s+/g, " ").trim())
"""
CUT = """
const words = (each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
const clips = (each) => ["overflowX", "overflowY"].some((way) => getComputedStyle(each)[way] !== "visible");
const over = (each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1;
const beyond = (each) => each.getBoundingClientRect().right > innerWidth + 1;
return [...document.body.querySelectorAll("*")].filter((each) => each.getClientRects().length && !each.closest("svg")
  && (clips(each) && over(each) && each.innerText || words(each) && beyond(each)))
  .map((each) => `${each.tagName}.${each.className}: ${each.innerText.slice(0, 60)}`)
"""
INK = """
const light = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number); return (r + g + b) / 3; };
return light(getComputedStyle(document.body).color)
"""


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


@contextmanager
def printed(driver: webdriver.Chrome) -> Iterator[None]:
    """The page as it is laid out for paper, by somebody whose screen is dark."""
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    size = {"width": A4, "height": 1123, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@pytest.mark.parametrize("scene", ["rolled_back", "ramping", "shadowing", "drifted", "fleet", "fifty"])
def test_paper_has_all_figures_in_dark_ink_and_cuts_no_word(
    driver: webdriver.Chrome, scene: str, tmp_path: Path
) -> None:
    with served(SCENES[scene]()) as server:
        page = Seen(driver, f"{server.url}/{'' if scene == 'fifty' else '#/routes/fraud'}")
        page.find(".lines-of-time")
        eventually(lambda: scene == "fifty" or page.script(FIGURES), "figures")
        on_screen = page.script(FIGURES)
        with printed(driver):
            assert page.script(FIGURES) == on_screen
            assert page.script(CUT) == []
            assert page.script(INK) < 100
            assert page.script("return getComputedStyle(document.querySelector('.lines-of-time')).display") != "none"
            assert driver.save_screenshot(str(tmp_path / f"{scene}.png"))
        page.script(
            "addEventListener('beforeprint', () => { window.printed = document.querySelector('.changes').innerText; })"
        )
        sheet = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"]
        assert len(sheet) > 20_000
        assert "UTC" in page.script("return window.printed") and "UTC" not in page.text(".changes"), "times on paper"


@contextmanager
def touched(driver: webdriver.Chrome) -> Iterator[None]:
    """A screen of a telephone."""
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def fingers(driver: webdriver.Chrome, places: list[tuple[float, float]]) -> None:
    """A finger that goes along places, in pixels of the window."""
    for n, (x, y) in enumerate(places):
        kind = "touchMove" if n else "touchStart"
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def box(page: Seen, element: WebElement) -> dict[str, Any]:
    page.script("arguments[0].scrollIntoView({block: 'center'})", element)
    return dict(page.script("return arguments[0].getBoundingClientRect().toJSON()", element))


IN_ADDRESS = "return new URLSearchParams(location.hash.split('?')[1]).get(arguments[0])"


def test_a_finger_pins_the_cursor_selects_a_range_and_scrolls_the_page(driver: webdriver.Chrome) -> None:
    with served(SCENES["ramping"]()) as server, touched(driver):
        page = Seen(driver, f"{server.url}/#/routes/fraud")
        page.find(".over .lines-of-time")
        assert page.script("return document.documentElement.scrollWidth <= innerWidth")
        at = box(page, page.find('[data-panel="traffic"] .plot'))
        middle = at["y"] + at["height"] / 2
        part = [at["x"] + at["width"] * each for each in (0.25, 0.75)]
        fingers(driver, [(part[0], middle)])
        pinned = eventually(lambda: page.script(IN_ADDRESS, "at"), "a cursor where the finger was")
        assert abs(int(pinned) - (START + 900)) <= 2 * STEP
        steps = [part[0] + (part[1] - part[0]) * each / 10 for each in range(11)]
        fingers(driver, [(x, middle) for x in steps])
        begins, ends = (
            int(eventually(lambda name=name: page.script(IN_ADDRESS, name), name))  # type: ignore[misc]
            for name in ("from", "to")
        )
        assert abs(begins - (START + 900)) <= 3 * STEP and abs(ends - (START + 2700)) <= 3 * STEP
        eventually(lambda: any(query_of(each).get("from") == str(begins) for each in list(server.asked)), "it is asked")
        at, before = box(page, page.find('[data-panel="traffic"] .plot')), page.script("return scrollY")
        fingers(driver, [(at["x"] + 100, at["y"] + 20 - each * 15) for each in range(12)])
        eventually(lambda: page.script("return scrollY") > before + 50, "the page scrolls under a finger that goes up")
        assert page.script(IN_ADDRESS, "from") == str(begins), "which selects nothing"
        assert page.complaints() == []
