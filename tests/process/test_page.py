"""The status page in a real browser, in front of a real `penumbra run`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.process.conftest import Start, Write
from tests.support.browser import as_seen, browser, needed
from tests.support.running import Running, Traffic, call, eventually
from tests.support.seen import Seen
from tests.support.upstream import Upstream

pytestmark = needed

CANARY = "canary: {version: b, percent: 10}"


class Page(Seen):
    """The page of one `penumbra run`, as somebody at a browser meets it."""

    def __init__(self, driver: webdriver.Chrome, running: Running) -> None:
        super().__init__(driver, f"http://{running.admin}/")
        self.running = running

    def say(self, why: str) -> None:
        """Gives a reason, and confirms by the keyboard, once what the change does is said."""
        eventually(self.find("#confirm-yes").is_enabled, "the effect of the change")
        self.find("#confirm-why").send_keys(why, Keys.ENTER)

    def asking(self) -> bool:
        return bool(self.driver.execute_script("return document.getElementById('confirm').open"))

    def closed(self) -> None:
        eventually(lambda: not self.asking(), "the end of the dialog")

    def legs(self) -> int:
        """Legs of the primary, according to the API."""
        arms = self.running.ask("GET", "/v1/routes/r/traffic").json()["arms"]
        return int(next(arm["legs"] for arm in arms if arm["role"] == "primary"))

    def pairs(self) -> int:
        """Answers that were compared, according to the API."""
        return int(self.running.ask("GET", "/v1/routes/r/disagreements").json()["versions"][0]["pairs"])


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


@pytest.fixture
def opened(driver: webdriver.Chrome, start: Start) -> Callable[..., Page]:
    """Starts `penumbra run` and opens its page."""

    def opened(**config: str) -> Page:
        page = Page(driver, start(**config))
        page.shows("#feed", "live")
        return page

    return opened


def test_the_slider_changes_real_traffic(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    page.shows(".legend", "10 %")
    slider = page.find('[data-version="b"] input[type="range"]')
    slider.send_keys(Keys.END)
    page.shows(".rest", "a gets the rest: 0 %")
    assert page.running.route()["split"] == {"a": 90.0, "b": 10.0}, "nothing happens before it is confirmed"
    page.press(".controls .buttons button")
    page.shows("#confirm-what", "10 % → 100 %")
    page.say("b has proved itself")
    page.closed()
    page.running.serving("b")
    assert {page.running.get().version for _ in range(30)} == {"b"}
    page.shows(".legend", "100 %")
    page.shows("#changes li:first-child", "b has proved itself")
    assert page.complaints() == []


def test_the_exact_number_is_sent_as_it_was_typed(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    exact = page.find('[data-version="b"] input[type="number"]')
    exact.send_keys(Keys.CONTROL, "a")
    exact.send_keys("12.5")
    page.press(".controls .buttons button")
    page.say("an eighth")
    page.closed()
    assert page.running.route()["split"] == {"a": 87.5, "b": 12.5}
    exact.send_keys(Keys.CONTROL, "a")
    exact.send_keys("101")
    page.shows(".rest", "at most 100 %")
    assert not page.find(".controls .buttons button").is_enabled()


def test_nothing_is_done_without_a_reason(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    page.press('[data-action="rollback"]')
    for why in ("", "   "):
        page.say(why)
        assert page.asking()
    page.find("#confirm-why").send_keys(Keys.ESCAPE)
    page.closed()
    page.press('[data-action="rollback"]')
    page.press("#confirm-no")
    page.closed()
    assert page.running.route()["phase"] == "steady"
    page.press('[data-action="rollback"]')
    page.say("pager")
    page.closed()
    assert page.running.route()["phase"] == "rolled_back"
    entry = page.running.ask("GET", "/v1/audit?limit=1").json()["entries"][0]
    assert (entry["action"], entry["why"], entry["who"]) == ("rollback", "pager", "loopback")


def test_pause_resume_and_promote(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    for action, phase in (("pause", "paused"), ("resume", "steady"), ("promote", "promoted")):
        page.press(f'[data-action="{action}"]')
        page.say(f"{action} by hand")
        page.closed()
        page.shows(".card .badges", phase)
    assert page.running.route()["primary"] == "b"
    page.running.serving("b")


def test_what_a_change_does_is_said_before_and_where_it_is_in_force_after(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    page.press('[data-action="promote"]')
    page.shows("#confirm-effect", "90 % of the requests of r go from a to b")
    page.say("it is better")
    page.closed()
    page.shows("#done", "in force on 1 of 1 workers")
    page.shows(".force", "in force on 1 of 1 workers")
    page.press('[data-action="undo"]')
    page.shows("#confirm-effect", "90 % of the requests of r go from b back to a")
    page.say("it is not")
    page.closed()
    page.shows(".legend", "90 %")
    assert page.running.route()["split"] == {"a": 90.0, "b": 10.0}
    assert page.complaints() == []


def test_a_rollback_waits_for_no_word_about_its_effect(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/effect*"]})
    try:
        page.press('[data-action="pause"]')
        page.shows("#confirm-effect", "cannot be said")
        page.press("#confirm-no")
        page.press('[data-action="rollback"]')
        assert page.find("#confirm-yes").is_enabled()
        page.find("#confirm-why").send_keys("pager", Keys.ENTER)
        page.closed()
    finally:
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    assert page.running.route()["phase"] == "rolled_back"


def test_a_breach_appears_without_reload(opened: Callable[..., Page], b: Upstream) -> None:
    page = opened(route="canary: {version: b, percent: 50}")
    page.script("window.same = true")
    page.shows(".pair", "no data")
    with Traffic(page.running.data) as traffic:
        traffic.more(100)
        page.shows(".scorecard", "error_rate")
        b.status = 500
        page.shows(".card .badges", "rolled back")
    page.shows("#changes li:first-child", "by scorecard")
    page.shows("#changes li:first-child", "error_rate")
    page.shows(".legend", "100 %")
    page.shows('.scorecard [data-metric="error_rate"]', "infinite: no errors at the primary")
    page.nothing_undefined()
    assert page.script("return window.same") is True
    assert page.complaints() == []


def test_every_leg_is_shown_with_its_outcome(opened: Callable[..., Page], a: Upstream) -> None:
    page = opened()
    address = page.running.data

    def asked(count: int, status: int, method: str = "POST") -> None:
        a.status = status
        for _ in range(count):
            call(address, method, "/predict")

    asked(5, 200)
    asked(4, 500)
    asked(3, 404)
    asked(2, 200, "GET")
    a.hold()
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        a.held.acquire()
    told = ("good 5", "failed 4", "refused 3", "not an inference 2", "abandoned 1", "of 15", "4 of 13")
    for each in told:
        page.shows(".versions", each)
    a.release()
    page.nothing_undefined()
    assert page.complaints() == []


def test_answers_that_are_none_are_shown_with_their_reason(opened: Callable[..., Page], a: Upstream) -> None:
    a.body = b""
    page = opened(route="analysis: {prediction: /prediction}", top="analysis_cpu: 50")
    for _ in range(5):
        call(page.running.data, "POST", "/predict", {})
    for each in ("5 of 5 analysed", "empty body 5", "good 5"):
        page.shows(".versions", each)
    page.nothing_undefined()
    assert page.complaints() == []


def test_another_model_appears_with_what_was_before(opened: Callable[..., Page], a: Upstream, b: Upstream) -> None:
    a.body, b.body = b'{"score": 0.5, "build": "a1"}', b'{"score": 0.5, "build": "b1"}'
    page = opened(route="identity: 'json:/build', canary: {version: b, percent: 50}")
    with Traffic(page.running.data) as traffic:
        traffic.more(100)
        page.shows(".versions", "/build=b1")
        b.body = b'{"score": 0.5, "build": "b2"}'
        page.shows("#changes li:first-child", "by identity")
        page.shows("#changes li:first-child", "b /build=b1 → /build=b2")
        page.shows(".versions", "/build=b2")
    page.nothing_undefined()
    assert page.complaints() == []


RELEASE = (
    "analysis: {features: /instances, prediction: /predictions, reference: 100}, release: {candidate: b, "
    "strategy: canary, stages: [{shadow: 100, requests: 9000}, {canary: 50, requests: 10}], "
    "scorecard: {error_rate: {max_ratio: 1.5}, latency_p99: {max: 10s}, input_drift: {max_psi: 0.2}}}"
)


def test_a_release_is_seen_with_stages_drift_and_disagreements(
    opened: Callable[..., Page], a: Upstream, b: Upstream
) -> None:
    a.body, b.body = b'{"predictions": [0.1]}', b'{"predictions": [0.9]}'
    page = opened(route=RELEASE)
    page.shows(".drift", "no data")
    page.shows(".disagreements", "no data")

    def asked(count: int) -> bool:
        for n in range(count):
            call(page.running.data, "POST", "/predict", {"instances": [{"amount": n, "place": "abc"[n % 3]}]})
        return True

    shown = "return document.querySelectorAll('svg.distribution').length"
    eventually(lambda: asked(50) and page.script(shown) >= 3, "distributions of inputs and predictions")
    page.shows(".stages .present", "of 9,000 requests")
    page.shows(".stages .ahead", "50 % live")
    page.shows(".disagreements", "differs in 100 %")
    page.shows(".disagreements details[open]", "0.9")
    page.shows('.scorecard [data-metric="latency_p99"]', "10 s")
    eventually(lambda: f"0 of {page.legs():,}" in page.text(".versions"), "the counts that the API gives")
    page.press(".disagreements details summary")
    asked(50)
    eventually(lambda: f"of {page.pairs():,} compared" in page.text(".disagreements"), "newer figures")
    assert page.driver.find_elements(By.CSS_SELECTOR, ".disagreements details[open]") == [], "closed stays closed"
    assert page.complaints() == []


def test_what_strangers_wrote_is_text(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    evil = '<img src=x onerror="window.evil=1"><script>window.evil=1</script>'
    page.running.ask("POST", "/v1/routes/r/pause", {"reason": evil})
    page.shows("#changes li:first-child", evil)
    page.shows(".card .about", evil)
    assert page.script("return window.evil ?? null") is None
    assert page.driver.find_elements(By.CSS_SELECTOR, "img[src=x]") == []
    assert page.complaints() == []


def test_the_policy_holds(opened: Callable[..., Page]) -> None:
    page = opened()
    blocked = """
        const done = [];
        const tries = [
          () => { document.body.innerHTML = "<b>x</b>"; },
          () => { document.createElement("script").textContent = "window.evil = 1"; },
          () => { document.body.setAttribute("onclick", "window.evil = 1"); },
        ];
        for (const attempt of tries) { try { attempt(); } catch (error) { done.push(error.name); } }
        return [done.length, window.evil ?? null];
    """
    assert page.script(blocked) == [3, None]
    page.script("new Image().src = 'http://127.0.0.1:9/outside.png'")
    eventually(lambda: any("Content Security Policy" in told for told in page.complaints()), "what the browser says")


def test_nothing_is_asked_of_others(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    asked = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(asked) >= 5
    assert [url for url in asked if not url.startswith(f"http://{page.running.admin}/")] == []


def test_a_token_is_asked_for_and_kept_in_the_tab(driver: webdriver.Chrome, write: Write) -> None:
    path = write(route=CANARY)
    text = path.read_text().replace(
        "127.0.0.1:0}", "127.0.0.1:0, tokens: [{name: ops, role: operate, token: opssecret}]}", 1
    )
    path.write_text(text)
    with Running(path) as running:
        page = Page(driver, running)
        page.shows("#feed", "live")
        page.press('[data-action="pause"]')
        page.say("lunch")
        page.shows("#confirm-error", "token")
        eventually(lambda: page.script("return document.getElementById('login').open"), "the question for a token")
        page.find("#login-token").send_keys("opssecret", Keys.ENTER)
        eventually(lambda: not page.script("return document.getElementById('login').open"), "the end of it")
        page.say(", still")
        page.closed()
        page.shows(".card .badges", "paused")
        assert running.ask("GET", "/v1/audit?limit=1").json()["entries"][0]["who"] == "ops"
        assert page.script("return [localStorage.length, document.cookie, location.search]") == [0, "", ""]


def test_a_token_to_read_is_asked_for_first(driver: webdriver.Chrome, write: Write) -> None:
    path = write(route=CANARY)
    tokens = "127.0.0.1:0, tokens: [{name: eyes, role: read, token: eyessecret}]}"
    path.write_text(path.read_text().replace("127.0.0.1:0}", tokens, 1))
    with Running(path) as running:
        page = Page(driver, running)
        page.shows("#feed", "token")
        assert page.driver.find_elements(By.CSS_SELECTOR, ".card") == []
        for given, said in (("wrong", "token"), ("eyessecret", "live")):
            eventually(lambda: page.script("return document.getElementById('login').open"), "the question for a token")
            page.find("#login-token").send_keys(given, Keys.ENTER)
            page.shows("#feed", said)
        page.shows(".legend", "10 %")


def test_the_page_says_when_it_no_longer_hears(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    page.running.kill(page.running.child("control"))
    page.shows("#feed", "trying again")
    assert page.script("return document.body.classList.contains('stale')") is True
    page.shows("#feed", "live")
    assert page.script("return document.body.classList.contains('stale')") is False


def test_an_open_page_does_not_hold_up_the_end(opened: Callable[..., Page]) -> None:
    page = opened()
    page.running.kill(page.running.pid, 15)
    assert page.running.wait() == 0


def test_it_fits_in_light_and_dark(opened: Callable[..., Page], tmp_path: Path) -> None:
    page = opened(route=f"{CANARY}, shadows: [{{version: b, percent: 100}}]")
    with Traffic(page.running.data) as traffic:
        traffic.more(200)
        page.shows(".versions", "ms")
    for width, scheme in product((1280, 400), ("light", "dark")):
        with as_seen(page.driver, width, scheme):
            assert page.script("return document.documentElement.scrollWidth <= innerWidth"), width
            paper = page.script("return getComputedStyle(document.body).backgroundColor")
            light = sum(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")) > 3 * 128
            assert light == (scheme == "light"), paper
            assert page.driver.save_screenshot(str(tmp_path / f"{width}-{scheme}.png"))


def test_a_redraw_takes_neither_focus_nor_place(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    with as_seen(page.driver, 400, "light"), Traffic(page.running.data) as traffic:
        page.shows(".versions", "ms")
        place = page.find(".traffic")
        page.script("arguments[0].focus()", place)
        exact = page.find('[data-version="b"] input[type="number"]')
        legs = page.legs()
        eventually(lambda: traffic.more(20) or page.legs() > legs + 100, "more traffic")
        eventually(lambda: f"0 of {legs:,}" not in page.text(".versions"), "a redraw")
        assert page.script("return document.activeElement === arguments[0]", place)
        exact.click()
        exact.send_keys(Keys.CONTROL, "a")
        exact.send_keys("33")
        traffic.more(200)
        eventually(lambda: page.script("return document.activeElement === arguments[0]", exact), "focus")
        assert exact.get_attribute("value") == "33"


def test_everything_is_reached_by_the_keyboard(opened: Callable[..., Page]) -> None:
    page = opened(route=CANARY)
    page.find('[data-version="b"]')
    reached = set()
    for _ in range(60):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(page.script("const e = document.activeElement; return e.dataset.action || e.type || e.className"))
    assert {"skip", "range", "number", "pause", "promote", "rollback"} <= reached
