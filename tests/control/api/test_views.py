"""Documents of the API as values: the same state, the same tag, and verdicts for others' gates."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import Guard, Limit, Require
from proxy.contracts.table import Match, Role
from proxy.control.api import views
from proxy.control.api.portions import MAX_ANSWER, text_of
from proxy.control.engine import Engine
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.link.frames import Hello
from proxy.link.server import WorkerStatus
from proxy.release import transitions
from proxy.stats.board import Board
from tests.control.houses import House, canary_release, section, settings
from tests.support.observed import observation

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


def test_a_match_is_shown_without_values_of_headers() -> None:
    assert views.matched(Match("/v2")) == {"path": "/v2"}
    whole = Match("/a.B", {"x-key": "secret"}, ("POST",), "iris", "a.B")
    assert views.matched(whole) == {"grpc": "a.B", "headers": ["x-key"], "methods": ["POST"], "model": "iris"}


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


def test_an_audit_that_has_no_room_says_so_and_can_be_read_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for percent in range(1, 9):
        why = "x" * 1000
        move = partial(transitions.split, percents={"v2": float(percent)}, reason=why, now=0.0)
        house.engine.command("cancer", "split", move, "ops", why, 0.0)
    whole = views.audit(house.engine, 100)
    assert not whole["truncated"]
    monkeypatch.setattr(views, "MAX_ANSWER", 10_000)
    monkeypatch.setattr(views, "FIRST_LINKS", 2)
    read: list[int] = []
    while page := views.audit(house.engine, 100, after=read[-1] if read else 0)["entries"]:
        read += [entry["seq"] for entry in page]
    assert read == sorted(entry["seq"] for entry in whole["entries"])
    newest = views.audit(house.engine, 100)
    assert newest["truncated"] and newest["entries"] == whole["entries"][: len(newest["entries"])]
    monkeypatch.setattr(views, "MAX_ANSWER", 1)
    assert len(views.audit(house.engine, 100)["entries"]) == 1


NAMES = tuple(f"{at:03d}" + "ß" * 200 for at in range(200))


def answered(at: int, version: str, role: Role, row: list[float]) -> Observation:
    """A leg with long names and values."""
    source = (0, role if role == "canary" else "a")
    outputs = (Tensor("", 1, 9, "category", [f"{version} {at}" + "€" * 500] * 9, NAMES[:9]),)
    inputs = (Tensor("", 1, 200, "number", row, NAMES),) if role != "shadow" else ()
    leg = observation(source, at, f"id {at}", "cancer", version, role, 0.5, 200, "", 0.0, 0.0, 0.0, 0, inputs, outputs)
    return replace(leg, copies=1 if role == "primary" else -1)


def compared() -> House:
    """A route with 400 features in two streams, and disagreements."""
    house, rng = House(settings(section())), np.random.default_rng(1)
    for at in range(300):
        row = rng.standard_normal(200).tolist()
        arms: tuple[tuple[str, Role], ...] = (("v1", "primary"), ("v2", "canary"), ("v3", "shadow"))
        house.board.on_observations([answered(at, *arm, row) for arm in arms], at / 10)
    house.board.on_time(1000.0)
    return house


def test_features_and_examples_are_as_many_as_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    house = compared()
    every = views.drifts(house.board, "cancer")
    monkeypatch.setattr(views, "MAX_SHOWN_FEATURES", 150)
    some = views.drifts(house.board, "cancer")
    assert (every["truncated"], some["truncated"]) == (False, True)
    assert (len(every["features"]), len(some["features"]), some["measured"]) == (
        every["measured"],
        150,
        every["measured"],
    )
    least = min(row["psi"] for row in some["features"])
    assert sum(row["psi"] > least for row in every["features"]) < 150
    (whole,) = views.disagreements(house.board, "cancer", ["v3"])["versions"]
    assert (len(whole["examples"]), whole["kept"], whole["truncated"]) == (20, 20, False)
    monkeypatch.setattr(views, "MAX_ANSWER", 30_000)
    (part,) = views.disagreements(house.board, "cancer", ["v3"])["versions"]
    assert (
        0 < len(part["examples"]) < 20
        and part["truncated"]
        and part["examples"] == whole["examples"][: len(part["examples"])]
    )
    house.store.close()


def test_the_answers_of_a_worst_route_are_below_their_bound() -> None:
    house = compared()
    for document in (
        views.drifts(house.board, "cancer"),
        views.disagreements(house.board, "cancer", ["v3"]),
        views.routes(house.engine, ()),
    ):
        assert len(text_of(document)) < 1.2 * MAX_ANSWER
    house.store.close()


def test_times_are_shown_by_the_wall_clock() -> None:
    """The clock of durations is a day behind: what people see is not."""
    clock = SteadyClock((1000.0, 5.0, "a"), 87_400.0, lambda: 5.0, "a", lambda: 5.0)
    engine = Engine(settings(section()), Store(":memory:"), Board(), lambda table: None, clock=clock)
    engine.begin(clock())
    assert engine.state("cancer").since == 1000.0
    assert views.route(engine, "cancer")["since"] == 87_400.0
    assert views.audit(engine, 1)["entries"][0]["at"] == 87_400.0
