"""What a page that follows the clock puts together of answers about the newest steps is what the whole answer says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from selenium import webdriver

from proxy.contracts.record import ArmTick
from proxy.control.api import history_view
from proxy.control.history.series import FAMILIES
from proxy.release import transitions
from tests.control.history.pasts import BEGAN, Recorded, legs
from tests.control.houses import section, settings
from tests.support.browser import browser, needed
from tests.support.page_scenes import SCENES, served

pytestmark = needed

Document = dict[str, Any]
RANGE = 120

GROW = """
const [whole, news, froms, done] = arguments;
const grow = ({ grown }) => news.reduce((told, each, at) => [...told, grown(told.at(-1), each, froms[at])], [whole]);
import("/page/past.js").then((made) => done(grow(made).slice(1)), (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def answer(house: Recorded, route: str, query: dict[str, str]) -> Document:
    """A history as the API gives it; of all routes for ""."""
    most, names = (600, FAMILIES) if route else (60, (*history_view.OVERVIEW, "observed", "inferences"))
    what = history_view.asked(query, house.past, most, names, house.now)
    made = history_view.history(house.engine, house.past, what, route) if route else None
    told = asyncio.run(made or history_view.overview(house.engine, house.past, what))
    return dict(json.loads(told))


def some_legs(chance: Random) -> list[ArmTick]:
    """Legs of some arms, with what is rare now and then: refusals, requests that are no inferences, a rescue."""
    made = []
    for version, role in (("v1", "primary"), ("v2", "canary"), ("v3", "shadow")):
        if chance.random() < 0.6:
            n = chance.randrange(1, 9)
            each = legs(n, chance.choice((0, 0, n // 2)), chance.choice((0.01, 0.2)), version, role)
            each.codes |= {"400": 2} if chance.random() < 0.03 else {}
            made.append(each)
    if chance.random() < 0.02:
        made.append(ArmTick("cancer", "v2", "canary", 0.1, {"200": 3}, inference=False))
    return made


def go_on(house: Recorded, seconds: int, chance: Random) -> None:
    """Time with traffic, gaps that nobody looked at, and changes."""
    for _ in range(seconds):
        if chance.random() < 0.1:
            house.silence(1.0)
        else:
            more: dict[str, Any] = {"mirrored": [("cancer", "v3", 4)]} if chance.random() < 0.3 else {}
            more |= {"rescued": [("cancer", "v2", "late", 1)]} if chance.random() < 0.02 else {}
            house.tick(*some_legs(chance), after=1.0, **more)
        if chance.random() < 0.02:
            move = partial(transitions.split, percents={"v2": chance.choice((0.0, 5.0))}, reason="", now=house.now)
            house.engine.command("cancer", "split", move, "me", "", house.now)


def plain(told: Document) -> dict[str, Any]:
    """A history without what an order or a series of nothing says."""
    lists = ("values", "counts", "due", "pairs", "analysed", "n")
    series = {
        json.dumps([each.get(key) for key in ("name", "version", "role", "line", "feature", "side")]): each
        for each in told["series"]
    }
    shown = {
        key: {name: each[name] for name in each if name in lists or name in ("unit", "of")}
        for key, each in series.items()
        if any(each["values"])
    }
    return {name: told[name] for name in ("from", "to", "until", "step", "times", "changes")} | {"series": shown}


def wholes(told: Document) -> list[dict[str, Any]]:
    return [plain(told | {"series": each["series"]}) for each in told.get("routes", [told])]


@pytest.mark.parametrize(("route", "step"), [("cancer", ""), ("cancer", "5"), ("", "2")])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_whole_answer_says(
    driver: webdriver.Chrome, tmp_path: Path, route: str, step: str, seed: int
) -> None:
    chance = Random(seed)
    house = Recorded(settings(section(), section("other")), now=BEGAN)
    query = {"step": step} if step else {}
    go_on(house, 150, chance)
    first = answer(house, route, {"from": f"{house.now - RANGE:.0f}"} | query)
    last, news, froms, wanted = first, [], [], []
    for _ in range(6):
        go_on(house, chance.choice((1, 5, 17)), chance)
        froms.append(int(house.now - RANGE))
        since = last["until"] // first["step"] * first["step"]
        last = answer(house, route, {"from": str(since), "step": str(first["step"])})
        news.append(last)
        wanted.append(answer(house, route, {"from": str(froms[-1]), "step": str(first["step"])}))
    with served(SCENES["steady"]()) as server:
        driver.get(server.url)
        made = driver.execute_async_script(GROW, first, news, froms)
    assert isinstance(made, list), made
    for told, whole in zip(made, wanted, strict=True):
        assert wholes(told) == wholes(whole)
