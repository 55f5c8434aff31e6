"""A game day: five incidents, told by the page alone and by `penumbra explain` alone.

Each is started against the real program. What happened, when, to whom and what was done have to be there, and the
counts have to be those that the clients and the model servers made.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from selenium import webdriver

from tests.process.conftest import Start
from tests.support import axe
from tests.support.browser import browser, needed
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

pytestmark = needed

Tell = Callable[[Running], tuple[str, str]]
TEXT = "return document.body.innerText"
BODY = b'{"predictions": [0.1]}'


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as found:
        yield found


@pytest.fixture(autouse=True)
def predictions(a: Upstream, b: Upstream) -> None:
    a.body = b.body = BODY


class Clients:
    """Users who ask one after the other, and how often: `sent`; `failed` are the answers that were none."""

    def __init__(self, running: Running) -> None:
        self.running, self.sent, self.failed = running, 0, 0

    def ask(self, count: int, row: Callable[[int], object] = lambda n: {"amount": n % 10}) -> None:
        for _ in range(count):
            user = f"u{self.sent}"
            answer = call(
                self.running.data, "POST", f"/predict/{user}", {"instances": [row(self.sent)]}, {"x-user-id": user}
            )
            self.sent += 1
            self.failed += answer.status != 200

    def until(self, over: Callable[[], bool], most: int = 50_000, row: Callable[[int], object] | None = None) -> None:
        """Asks until something has happened."""
        while not over():
            assert self.sent < most, "nothing happens"
            self.ask(10, row) if row else self.ask(10)


def release(stages: str, scorecard: str, more: str = "") -> str:
    return (
        "sticky: 'header:x-user-id', analysis: {features: /instances, prediction: /predictions, reference: 100}, "
        f"release: {{candidate: b, strategy: canary, stages: [{stages}], false_alarm: 0.01, "
        f"scorecard: {{{scorecard}}}}}{more}"
    )


def explained(running: Running, *more: str) -> str:
    """What `penumbra explain` prints, without its line breaks."""
    command = (sys.executable, "-P", "-m", "proxy", "explain", "r", "--admin", f"http://{running.admin}", *more)
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(len(line) <= 80 for line in told.splitlines())
    return " ".join(told.split())


@contextmanager
def seen(driver: webdriver.Chrome, running: Running, view: str = "#/routes/r") -> Iterator[Callable[[], str]]:
    """The text of the page, as it stands."""
    driver.get(f"http://{running.admin}/{view}")
    yield lambda: " ".join(str(driver.execute_script(TEXT)).split())
    driver.get("about:blank")


def both_say(driver: webdriver.Chrome, running: Running, *facts: str) -> None:
    """Each fact can be read on the page, and in the explanation."""
    eventually(lambda: _says(explained(running), facts), f"{facts} in the explanation")
    with seen(driver, running) as text:
        eventually(lambda: _says(text().casefold(), [fact.casefold() for fact in facts]), f"{facts} on the page")


def _says(text: str, facts: Iterable[str]) -> bool:
    return all(fact in text for fact in facts)


def told_time(text: str, since: float) -> None:
    """Every moment that is told lies between `since` and now."""
    times = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text)
    assert times
    for each in times:
        at = datetime.strptime(each, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp()
        assert since - 1.0 <= at <= time.time() + 1.0


def rolled_back(running: Running) -> bool:
    return bool(running.route()["phase"] == "rolled_back")


def to_whom(b: Upstream, broken: int, rescued: int) -> tuple[str, ...]:
    """What is to be read about the requests that a canary had; a server has seen who came."""
    users = len({path for _, path in b.seen})
    return (
        f"{len(b.seen):,} of the route's",
        f"went to b: {broken:,} went wrong there",
        f"answered {rescued:,} in its place",
        f"{users:,} users (distinct sticky keys)",
    )


def test_a_dead_canary(start: Start, driver: webdriver.Chrome, a: Upstream, b: Upstream) -> None:
    began = time.time()
    running = start(route=release("{canary: 50, requests: 100000}", "error_rate: {max_ratio: 1.5}"))
    clients = Clients(running)
    clients.ask(40)
    well = len(b.seen)
    b.status = 503
    clients.until(lambda: rolled_back(running))
    broken = len(b.seen) - well
    assert clients.failed == 0, "the primary answered in place of the canary"
    both_say(
        driver,
        running,
        "b was rolled back: all traffic of r goes to a",
        *to_whom(b, broken, rescued=broken),
        "error_rate",
        "rollback by Penumbra itself (scorecard)",
        "penumbra release r",
    )
    told_time(explained(running), began)


def test_a_slow_canary(start: Start, driver: webdriver.Chrome, a: Upstream, b: Upstream) -> None:
    running = start(route=release("{canary: 50, requests: 100000}", "latency_p50: {max: 10ms}"))
    clients = Clients(running)
    clients.ask(20)
    b.wait = lambda: time.sleep(0.03)  # type: ignore[method-assign]
    clients.until(lambda: rolled_back(running))
    both_say(
        driver,
        running,
        "b was rolled back",
        *to_whom(b, broken=0, rescued=0),
        "latency_p50",
        "limit 10 ms",
        "rollback by Penumbra itself (scorecard)",
    )


def test_a_drift_of_inputs(start: Start, driver: webdriver.Chrome, a: Upstream, b: Upstream) -> None:
    running = start(route=release("{shadow: 100, requests: 100000}", "input_drift: {max_psi: 0.2}"))
    clients = Clients(running)
    clients.ask(150)

    def noticed() -> bool:
        return any(entry["action"] == "notify" for entry in running.ask("GET", "/v1/audit").json()["entries"])

    clients.until(noticed, row=lambda n: {"amount": 1000 + n})
    both_say(
        driver,
        running,
        "a limit was breached on r, and nobody's traffic was changed",
        "inputs drifted, the versions did not",
        "the world changed",
        f"{len(b.seen):,} copies went to b, 0 of which went wrong; no client gets the answer to a copy",
        "notify by Penumbra itself (scorecard)",
        "a 100 %",
    )


def test_a_silent_disagreement(start: Start, driver: webdriver.Chrome, a: Upstream, b: Upstream) -> None:
    ahead = "{shadow: 100, requests: 100000}, {canary: 5, requests: 500, duration: 1h}"
    running = start(route=release(ahead, "disagreement: {max: 0.05}"))
    clients = Clients(running)
    clients.ask(20)
    b.body = b'{"predictions": [0.9]}'
    clients.until(lambda: rolled_back(running))
    both_say(
        driver,
        running,
        "b was rolled back",
        "disagreement",
        "copies went to b, 0 of which went wrong; no client gets the answer to a copy",
        "rollback by Penumbra itself (scorecard)",
    )
    (told,) = running.ask("GET", "/v1/routes/r/releases").json()["releases"]
    story = running.ask("GET", f"/v1/routes/r/releases/{told['id']}").json()
    assert story["disagreements"]["b"], "the worst of them stay"
    assert story["touched"]["copies"]["requests"] == len(b.seen)
    with seen(driver, running, f"#/routes/r/releases/{told['id']}") as text:
        eventually(lambda: "Worst disagreements" in text() and "b in place of a" in text(), "the story as a page")
        assert "5 % live, 500 requests, 1 h, ends by proof not reached" in text() and "at most 0.05" in text()
        assert not re.search(r"\b(undefined|NaN|null|None|inf)\b", text())
        for button in driver.find_elements("css selector", ".files button"):
            button.click()
        eventually(lambda: text().count(" saved") == 2, "both files of it")
        assert not axe.SCRIPT.exists() or axe.violations(driver) == []


def test_a_full_disk(start: Start, driver: webdriver.Chrome, a: Upstream, b: Upstream) -> None:
    running = start(route=release("{canary: 50, requests: 100000}", "error_rate: {max_ratio: 1.5}"))
    clients = Clients(running)
    clients.ask(40)
    resource.prlimit(running.child("control"), resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    assert running.ask("POST", "/v1/routes/r/rollback", {"reason": "the disk"}).status == 503, "in force, not stored"
    before = len(b.seen)
    clients.ask(20)
    assert (len(b.seen), clients.failed) == (before, 0)
    both_say(
        driver,
        running,
        "b was rolled back",
        *to_whom(b, broken=0, rescued=0),
        "the state file takes no changes",
        "/runbook#",
        "rollback by",
        "No: what is wrong now stands above",
    )
    resource.prlimit(running.child("control"), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: "Yes. r is rolled back" in explained(running), "that it is over")
