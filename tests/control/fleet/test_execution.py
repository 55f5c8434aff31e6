"""Intents: the change is made as the admin API makes it, or refused as it refuses, and a bug is an answer too."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.control.api.moves import MOVES
from proxy.control.api.refusals import refusal_of
from proxy.control.api.release_view import tags
from proxy.control.api.views import etag
from proxy.control.engine import Engine
from proxy.control.fleet.bodies import Answer, Intent
from proxy.control.fleet.execution import execution
from tests.control.houses import House, settings
from tests.support.fleets import execute


def intent(action: str = "split", value: dict[str, Any] | None = None, tag: str = "", route: str = "cancer") -> Intent:
    return Intent("i1", route, action, value or {"split": {"v2": 25.0}, "reason": "try"}, "ada", tag)


def test_the_change_is_made_and_told_as_that_of_the_caller() -> None:
    house = House(settings())
    assert execute(house.engine, intent(), house.now) == Answer("i1")
    assert house.split() == {"v2": 25.0}
    assert [(change.who, change.action, change.why) for change in house.heard[-1:]] == [("ada", "split", "try")]


def test_if_match_is_of_what_is_in_force_when_it_is_made() -> None:
    house = House(settings())
    tag = etag(house.engine.state("cancer"))
    assert execute(house.engine, intent(tag=tag), house.now).kind == ""
    refused = execute(house.engine, intent(value={"split": {}, "reason": "late"}, tag=tag), house.now)
    assert refused.kind == "changed"
    assert etag(house.engine.state("cancer")) in refused.detail
    assert house.split() == {"v2": 25.0}


@pytest.mark.parametrize(
    ("asked", "kind", "field"),
    [
        (intent(route="nobody"), "unknown-route", "route"),
        (intent(value={"split": {"v2": 400.0}, "reason": "x"}), "invalid", "v2"),
        (intent("promote", {"reason": "x", "version": "v9"}), "invalid", "version"),
        (intent("resume", {"reason": "x"}), "refused", None),
        (intent("unheard of", {"reason": "x"}), "internal", None),
    ],
    ids=lambda value: value.action if isinstance(value, Intent) else None,
)
def test_what_is_refused_changes_nothing(asked: Intent, kind: str, field: str | None) -> None:
    house = House(settings())
    mark, count = len(house.heard), house.store.head.count
    answer = execute(house.engine, asked, house.now)
    assert (answer.id, answer.kind) == ("i1", kind)
    assert answer.field == field
    assert len(house.heard) == mark
    assert house.store.head.count == count


def test_a_bug_is_an_answer_without_its_details() -> None:
    def broken(engine: Engine, route: str, value: dict[str, Any], now: float) -> Any:
        raise ZeroDivisionError("secret-of-the-house")

    made = execution(MOVES | {"split": broken}, lambda engine, route: ("",), refusal_of)
    answer = made(House(settings()).engine, intent(), 1000.0)
    assert answer.kind == "internal"
    assert "secret" not in answer.detail


def test_if_match_may_be_of_the_release() -> None:
    """Who changes a release as a whole has read the tag of the release."""
    engine = House(settings()).engine
    tag = tags(engine, "cancer")[1]
    assert tag != tags(engine, "cancer")[0]
    asked = Intent("i", "cancer", "rollback", {"reason": "bad"}, "ada", tag)
    assert execution(MOVES, tags, refusal_of)(engine, asked, 1001.0) == Answer("i")
    assert execution(MOVES, tags, refusal_of)(engine, asked, 1002.0).kind == "changed"
