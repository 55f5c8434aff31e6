"""What the page says of lengths of time, and of traffic that has stopped, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from proxy.contracts.durations import in_units
from tests.support.browser import browser, needed
from tests.support.page_scenes import SCENES, overview, served
from tests.support.page_states import STEPS
from tests.support.seen import Seen

pytestmark = needed

LENGTHS = (0.0, 0.0000123, 0.0009996, 0.25, 0.9994, 1.0, 59.9, 59.96, 60.0, 75.0, 3599.7, 3600.0, 90000.0, 1e7)
ASK = "import('/page/dom.js').then((dom) => arguments[1](arguments[0].map(dom.seconds)))"


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def test_a_length_of_time_is_the_same_on_the_page_and_in_sentences(driver: webdriver.Chrome) -> None:
    with served(SCENES["steady"]()) as server:
        Seen(driver, f"{server.url}/").find(".card")
        assert driver.execute_async_script(ASK, LENGTHS) == [in_units(each) for each in LENGTHS]


def test_traffic_that_has_stopped_is_not_said_to_go_on(driver: webdriver.Chrome) -> None:
    documents, answers = SCENES["fifty"]()
    names = [each["route"] for each in answers["/v1/history"]["routes"]]
    stopped, never, goes_on = names[:3]
    requests = {name: [40] * STEPS for name in names}
    requests[stopped][-30:] = [0] * 30
    requests[never] = [0] * STEPS
    answers["/v1/history"] = overview(requests)
    with served((documents, answers)) as server:
        page = Seen(driver, f"{server.url}/")
        page.shows(f'.glance [data-route="{stopped}"] .past', "no requests for 5 min")
        page.shows(f'.glance [data-route="{never}"] .past', "no requests in the last hour")
        page.shows(f'.glance [data-route="{goes_on}"] .past', "4/s")
