"""Documents of the API as values: the same state, the same tag, and verdicts for others' gates."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.settings import Guard, Limit, Require
from proxy.control.api import views
from proxy.link.frames import Hello
from proxy.link.server import WorkerStatus
from proxy.release import transitions
from tests.control.houses import House, canary_release, section, settings

GUARD = Guard({"error_rate": Limit(max_ratio=1.5)})


def test_a_tag_is_that_of_the_state(house: House) -> None:
    state = house.engine.state("cancer")
    assert views.etag(state) == views.etag(replace(state))
    assert views.etag(state) != views.etag(replace(state, reason="other"))
    assert views.etag(state).startswith('"') and views.etag(state).endswith('"')


def test_a_route_shows_who_gets_what() -> None:
    house = House(settings(section(split=(), shadows=(), release=canary_release(guard=GUARD))))
    shown = views.route(house.engine, "cancer")
    assert (shown["phase"], shown["split"], shown["shadows"]) == ("shadowing", {"v1": 100.0}, {"v2": 100.0})
    assert (shown["candidates"], shown["release"]["stage"], shown["release"]["active"]) == (["v2"], 1, True)
    house.store.close()


@pytest.mark.parametrize(
    ("wanted", "stage", "shown"),
    [(None, 0, "no_breach"), (None, 2, "proof"), ("proof", 0, "proof"), ("no_breach", 2, "no_breach")],
)
def test_a_release_says_what_its_stage_ends_by(wanted: Require | None, stage: int, shown: str) -> None:
    house = House(settings(section(split=(), shadows=(), release=canary_release(require=wanted))))
    house.engine.command("cancer", "advance", lambda s: transitions.enter(s, stage, "", 0.0), "ops", "", 0.0)
    assert views.route(house.engine, "cancer")["release"]["require"] == shown


@pytest.mark.parametrize(("bad", "verdict"), [(0, "undecided"), (40, "fail")])
def test_a_gate_has_failed_once_a_route_was_rolled_back(house: House, bad: int, verdict: str) -> None:
    house.traffic(primary=360, canary=40, bad=bad)
    shown = views.gate(house.engine, "cancer")
    assert shown["verdict"] == verdict
    assert (shown["needed"] is None) == (verdict == "fail")


def test_the_audit_is_read_from_its_newest_end_or_after_a_number(house: House) -> None:
    house.traffic(primary=360, canary=40, bad=40)
    newest = views.audit(house.engine, 1)
    assert [entry["action"] for entry in newest["entries"]] == ["rollback"]
    assert newest["head"] == {"count": 2, "hash": newest["entries"][0]["hash"]}
    assert [entry["seq"] for entry in views.audit(house.engine, 10, after=1)["entries"]] == [2]
    assert views.audit(house.engine, 10, name="other")["entries"] == []


def test_a_worker_is_shown_as_the_link_sees_it() -> None:
    shown = views.worker(WorkerStatus(Hello(3, "a", 77)))
    assert shown == {"worker": 3, "pid": 77, "up": False, "connected": True, "revision": None, "leased": True}
