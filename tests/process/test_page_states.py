"""The status page in the states that it is opened in: at three widths, in both schemes, read by axe; many routes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from selenium import webdriver

from tests.support import axe
from tests.support import page_states as s
from tests.support.browser import as_seen, browser, needed
from tests.support.page_scenes import SCENES, served
from tests.support.page_states import drift, feature
from tests.support.running import eventually
from tests.support.seen import Seen

pytestmark = needed

WIDTHS, SCHEMES = (1280, 760, 360), ("light", "dark")
READ = {(1280, "light"), (360, "dark")}
"""Where axe reads: each scheme's colours, and the widest and narrowest of the pages."""

SAYS = {
    "steady": "in steps of 10 seconds",
    "shadowing": "Stage 1 of 3 waits for 190 more requests; a verdict on disagreement (about 400 more), latency p99.",
    "ramping": "Stage 2 of 3 waits for 190 more requests; a verdict on error rate (about 400 more).",
    "rolled_back": "infinite: no errors at the primary",
    "promoted": "fraud-v2",
    "drifted": "2 of 4 drifted",
    "no_control": "trying again",
    "no_traffic": "no data",
    "fleet": "12 sidecars",
    "fifty": "1 feature drifted",
}


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


@pytest.mark.parametrize("scene", SCENES)
def test_each_state_can_be_read_at_any_width_and_in_both_schemes(
    driver: webdriver.Chrome, scene: str, tmp_path: Path
) -> None:
    with served(SCENES[scene]()) as server:
        page = Seen(driver, f"{server.url}/{'' if scene == 'fifty' else '#/routes/fraud'}")
        page.find(".lines-of-time")
        if scene == "no_control":
            server.fall_silent()
        page.shows("body", SAYS[scene])
        for width, scheme in product(WIDTHS, SCHEMES):
            with as_seen(driver, width, scheme):
                assert page.script("return document.documentElement.scrollWidth <= innerWidth"), (width, scheme)
                assert driver.save_screenshot(str(tmp_path / f"{scene}-{width}-{scheme}.png"))
                if (width, scheme) in READ and axe.SCRIPT.exists():
                    assert axe.violations(driver) == [], (width, scheme)
        page.nothing_undefined()
        assert scene == "no_control" or page.complaints() == []
    if not axe.SCRIPT.exists():
        pytest.skip("all but what axe reads: npm and requirements/node are not installed")


def test_a_fleet_s_traffic_stands_beside_that_of_this_sidecar(driver: webdriver.Chrome) -> None:
    with served(SCENES["fleet"]()) as server:
        page = Seen(driver, f"{server.url}/#/routes/fraud")
        page.shows(".versions", "All 12 sidecars")
        page.shows(".versions", "27,780 of 30,168")
        page.shows(".pair", "Of this sidecar alone, but for the row of all 12")
        for part in (".drift", ".disagreements"):
            page.shows(part, "Of this sidecar alone.")
        assert "sidecar" not in Seen(driver, f"{server.url}/#/routes/none").text(".pair")


def test_what_is_surest_of_the_drift_comes_first_and_histograms_have_axes(driver: webdriver.Chrome) -> None:
    with served(SCENES["drifted"]()) as server:
        page = Seen(driver, f"{server.url}/#/routes/fraud")
        page.shows(".drift", "share of values, by bin of amount")
        names = "return [...document.querySelectorAll('.drift [data-feature]')].map((each) => each.dataset.feature)"
        order = page.script(names)
        assert order == ["country", "amount", "rare_shift", "steady_one"]
        page.shows(".drift [data-feature=country]", "infinite")
        for each in ("40 %", "< 0.5", "≥ 250", "missing"):
            page.shows(".drift [data-feature=amount]", each)


WATCH = """
window.draws = 0;
new MutationObserver((records) => { window.draws += records.filter((each) => each.target.id === "facts").length; })
  .observe(document.getElementById("facts"), { childList: true });
"""


def test_fifty_routes_are_drawn_once_and_not_once_for_each_of_them(driver: webdriver.Chrome) -> None:
    with served(SCENES["fifty"]()) as server:
        page = Seen(driver, f"{server.url}/")
        page.shows("#facts", "1 feature drifted")
        eventually(lambda: page.script("return document.querySelectorAll('.past svg').length") == 50, "all sparklines")
        page.script(WATCH)
        many = [name for name in server.documents if name.endswith("/drift")]
        news = b"".join(server.event(path, drift(path.split("/")[3], feature("f0", 0.4, 9.0, True))) for path in many)
        for each in server.listeners:
            each.chunk(news)
        page.shows("#facts", "50 features drifted")
        marked = "return [...document.querySelectorAll('.glance a')].filter((e) => e.textContent.includes('drifted'))"
        eventually(lambda: page.script(f"{marked}.length") == 50, "a mark on each tile")
        assert page.script("return window.draws") < 10
        assert page.script("return document.querySelectorAll('*').length") < 2500
        heap = page.script("return performance.memory.usedJSHeapSize")
        assert heap < 50e6


def test_a_name_that_an_address_cannot_hold_as_it_is(driver: webdriver.Chrome) -> None:
    with served(SCENES["fifty"]()) as server:
        page = Seen(driver, f"{server.url}/")
        page.press('.glance [data-route="fraud/eu west?#%"]')
        page.shows(".card h2", "fraud/eu west?#%")
        page.find(".over .lines-of-time")
        assert page.script("return location.hash") == "#/routes/fraud%2Feu%20west%3F%23%25"
        assert any(path.startswith("/v1/routes/fraud%2Feu%20west%3F%23%25/history?from=") for path in server.asked)
        page.find(".axis").click()
        again = Seen(driver, page.script("return location.href"))
        again.shows(".card h2", "fraud/eu west?#%")
        assert again.complaints() == []


def test_what_can_be_done_is_one_press_away(driver: webdriver.Chrome) -> None:
    with served(SCENES["ramping"]()) as server:
        page = Seen(driver, f"{server.url}/#/routes/fraud")
        page.find(".over .lines-of-time")
        page.press(".parts button:first-child")
        assert page.script("return document.activeElement.className") == "controls"
        top = page.script("return document.querySelector('[data-action=rollback]').getBoundingClientRect().top")
        assert 0 < top < 900


def test_what_happened_is_read_before_all_figures(driver: webdriver.Chrome) -> None:
    with served(SCENES["rolled_back"]()) as server:
        page = Seen(driver, f"{server.url}/#/routes/fraud")
        page.shows(".what-happened", "Runbook: rolled-back")
        heads = page.script("return [...document.querySelectorAll('.card h3')].map((each) => each.textContent)")
        assert heads[:2] == ["What happened", "Over time"]
        assert page.text(".what-happened").count(s.ROLLBACK["summary"]) == 1


def test_a_dialog_says_once_what_a_change_does(driver: webdriver.Chrome) -> None:
    documents, answers = SCENES["ramping"]()
    sentence = "10 % of the requests of fraud go from fraud-v2 back to fraud-v1"
    with served((documents, answers)) as server:
        page = Seen(driver, f"{server.url}/#/routes/fraud")
        page.press("[data-action=rollback]")
        page.shows("#confirm", "not found")
        answers["/v1/routes/fraud/effect"] = {"sentence": sentence, "etag": '"1"', "gives_traffic": False}
        page.shows("#confirm-effect", sentence)
        said = page.text("#confirm")
        assert said.count("fraud-v1") == 1 and "All live traffic goes" not in said
        server.answers["/v1/routes/fraud/effect"] = lambda query: 1 / 0
        page.shows("#confirm", "All live traffic goes to fraud-v1 at once")


def test_a_tile_says_a_rate_of_now_or_of_when(driver: webdriver.Chrome) -> None:
    documents, answers = SCENES["fifty"]()
    told = answers["/v1/history"]
    for each in told["routes"]:
        for series in each["series"]:
            series["values"][-1] = 0.5 if series["name"] == "observed" else 0
    told["until"] = s.NOW - 30
    with served((documents, answers)) as server:
        page = Seen(driver, f"{server.url}/")
        page.shows(".past", "no requests")
        del answers["/v1/history"]
        answers["/v1/history"] = lambda query: 1 / 0
        page.script("document.dispatchEvent(new Event('visibilitychange'))")
        eventually(lambda: "as of" in page.text(".past"), "figures that are old say so")
