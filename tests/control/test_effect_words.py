"""The sentence about a change before it is made, as a transcript: what is asked, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.record import Tick
from proxy.contracts.settings import RouteSettings
from proxy.contracts.table import Share, Sticky
from proxy.control.effect_words import sentence
from tests.control.houses import House, arm, canary_release, section, settings, together
from tests.control.test_effects import act, effect

STICKY = section("fraud", split=(Share("v2", 12.0),), shadows=(), sticky=Sticky("header", "x-user-id"))
RELEASE = section("fraud", split=(), shadows=(), release=canary_release(rollback_window=3600.0))

TOLD: list[tuple[RouteSettings, list[str], str, dict[str, Any], str]] = [
    (
        STICKY,
        [],
        "rollback",
        {},
        "12 % of the users of fraud go from v2 back to v1; 3 streams stay on v2 until they end; "
        "v2 gets live traffic again only by another change; v2 is no longer under judgement",
    ),
    (STICKY, [], "split", {"v2": 12.0}, "nothing changes: the split of fraud stays as it is (v1 88 %, v2 12 %); "
        "the evidence on v2 goes on"),
    (STICKY, [], "split", {"v2": 30.0}, "18 % of the users of fraud go from v1 to v2; the evidence on v2 goes on"),
    (
        STICKY,
        ["rollback"],
        "split",
        {"v2": 1.0},
        "1 % of the users of fraud go from v1 to v2; v2 was rolled back and may have live traffic again; "
        "the evidence on v2 begins anew",
    ),
    (STICKY, [], "shadows", {"v3": 50.0}, "the split of fraud stays as it is (v1 88 %, v2 12 %); "
        "v3 gets copies of 50 % of the requests; the evidence on v2 goes on"),
    (STICKY, [], "pause", {}, "the split of fraud stays as it is (v1 88 %, v2 12 %); "
        "no stage follows until it is resumed; a breach still acts; the evidence on v2 goes on"),
    (
        STICKY,
        [],
        "promote",
        {},
        "88 % of the users of fraud go from v1 to v2; nothing guards v2 then; a rollback by hand goes back to v1; "
        "v2 is no longer under judgement",
    ),
    (
        STICKY,
        ["promote"],
        "rollback",
        {},
        "all users of fraud go from v2 back to v1; 3 streams stay on v2 until they end; "
        "v2 gets live traffic again only by another change",
    ),
    (
        STICKY,
        ["rollback"],
        "undo",
        {},
        "12 % of the users of fraud go from v1 to v2; v2 was rolled back and may have live traffic again; "
        "the evidence on v2 begins anew",
    ),
    (RELEASE, [], "pause", {}, "the split of fraud stays as it is (v1 100 %); "
        "no stage follows until it is resumed; a breach still acts; the evidence on v2 goes on"),
    (RELEASE, ["pause"], "resume", {}, "the split of fraud stays as it is (v1 100 %); "
        "stage 1 of 3 goes on; its time begins anew; the evidence on v2 goes on"),
    (RELEASE, [], "split", {"v3": 10.0}, "10 % of the requests of fraud go from v1 to v3; v2 gets no copies any more; "
        "the release ends in stage 1 of 3; the evidence on v3 begins anew; v2 is no longer under judgement"),
    (RELEASE, ["rollback"], "release", {}, "the split of fraud stays as it is (v1 100 %); "
        "v2 gets copies of 100 % of the requests; the release stands in stage 1 of 3, which begins now; "
        "v2 was rolled back and may have live traffic again; the evidence on v2 begins anew"),
]  # fmt: skip


@pytest.mark.parametrize(("route", "before", "action", "body", "said"), TOLD)
def test_what_is_said(route: RouteSettings, before: list[str], action: str, body: dict[str, Any], said: str) -> None:
    house = House(settings(route))
    house.engine.on_tick(Tick(0, "a", 1, 1, streams=[("fraud", "v2", "canary", 3)]), house.now)
    for each in before:
        act(house, each, "fraud")
    assert sentence(effect(house, action, "fraud", **body)) == said


def test_a_window_is_told_and_what_a_breach_does_in_it() -> None:
    house = House(settings(section("fraud", split=(), shadows=(), release=canary_release(rollback_window=3600.0))))
    for _ in range(20):
        house.tick(arm("v1", "primary", 1000, 5, 1.0, "fraud"), arm("v2", "shadow", 10, 0, 1.0, "fraud"))
    said = sentence(effect(house, "promote", "fraud"))
    assert "90 % of the requests of fraud go from v1 to v2" in said
    assert "v2 is guarded for 1 h: a breach goes back to v1" in said


def test_a_release_over_several_routes_has_a_part_for_each() -> None:
    house = House(settings(*together()))
    said = sentence(effect(house, "pause", "predict"))
    assert said.startswith("on all routes of release fraud-2: the split of features stays as it is")
    assert "the split of predict stays as it is" in said


def test_of_whom_streams_are_is_said_in_a_fleet() -> None:
    house = House(settings(STICKY))
    house.engine.on_tick(Tick(0, "a", 1, 1, streams=[("fraud", "v2", "canary", 1)]), house.now)
    told = sentence(effect(house, "rollback", "fraud"), " of this sidecar")
    assert "1 stream of this sidecar stays on v2 until it ends" in told


@pytest.mark.parametrize(
    ("unread", "said"),
    [
        (0, "go from v2 back to v1; v2 gets"),
        (1, "go from v2 back to v1; v2 gets"),
        (250, "go from v2 back to v1; 25 % of its requests have no key that can be read: they are of no user; v2 gets"),
        (1000, "back to v1; 100 % of its requests have no key that can be read: they are of no user; v2 gets"),
    ],
)
def test_requests_without_a_key_are_no_users(unread: int, said: str) -> None:
    house = House(settings(STICKY))
    arms = [arm("v1", "primary", 880, route="fraud"), arm("v2", "canary", 120, route="fraud")]
    house.engine.on_tick(Tick(0, "a", 1, 1, arms=arms, unread_keys=[("fraud", "absent", unread)]), house.now)
    assert said in sentence(effect(house, "rollback", "fraud"))
