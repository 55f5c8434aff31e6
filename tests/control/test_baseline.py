"""A candidate beside a baseline: what workers get, what is judged, and what a broken baseline does."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from proxy.contracts.histogram import bucket
from proxy.contracts.record import ArmTick
from proxy.contracts.release import Verdict
from proxy.contracts.settings import Baseline, Guard, Limit, RouteSettings, Stage
from proxy.contracts.table import Share
from proxy.control.api import views
from proxy.release import transitions
from proxy.release.phases import TransitionRefused
from tests.control.houses import GUARD, VERSIONS, House, arm, canary_release, section, settings

LATENCY = Guard({**GUARD.scorecard, "latency": Limit(max_ratio=1.05)}, warm_up=0)


def beside(**changes: object) -> RouteSettings:
    given: dict[str, object] = {"baseline": Baseline("v1b"), "shadows": (), "guard": GUARD}
    return section("cancer", **(given | changes))


def house(route: RouteSettings) -> House:
    configured = settings(route)
    versions = VERSIONS | {"v1b": replace(VERSIONS["v1"], name="v1b", port=8090)}
    return House(replace(configured, versions=versions))


def baseline(house: House) -> Share | None:
    return house.table.routes[0].baseline


def timed(version: str, role: str, n: int, share: float, seconds: float) -> ArmTick:
    made = arm(version, role, n, share=share)
    made.total = {bucket(seconds): n}
    return made


def traffic(
    house: House, ticks: int, bad: tuple[int, int, int] = (0, 0, 0), slow: tuple[float, ...] = (1, 1, 1)
) -> None:
    """Ticks of 80 requests of the primary, 10 of the canary, 10 of the baseline."""
    rows = (("v1", "primary", 80), ("v2", "canary", 10), ("v1b", "baseline", 10))
    for at in range(ticks):
        arms = []
        for (version, role, n), wrong, times in zip(rows, bad, slow, strict=True):
            made = timed(version, role, n, n / 100, 0.010 * times * (1 + 0.05 * (at % 5)))
            made.codes = {"200": n - wrong, "500": wrong} if wrong else {"200": n}
            arms.append(made)
        house.tick(*arms)


def lines(house: House) -> dict[str, Verdict]:
    return {line.metric: line for line in house.engine.status("cancer").verdicts}


def actions(house: House) -> list[str]:
    return [change.action for change in house.heard if change.who == "scorecard"]


def test_workers_get_it_while_a_candidate_has_traffic() -> None:
    with_it = house(beside())
    assert (with_it.split(), baseline(with_it)) == ({"v2": 10.0}, Share("v1b", 10.0))
    shown = views.route(with_it.engine, "cancer")
    assert shown["split"] == {"v1": 80.0, "v2": 10.0, "v1b": 10.0}
    assert shown["baseline"] == {"version": "v1b", "percent": 10.0, "reason": ""}
    with_it.engine.command("cancer", "split", lambda s: transitions.split(s, {"v2": 20.0}, "", 2.0), "me", "", 2.0)
    assert (with_it.split(), baseline(with_it)) == ({"v2": 20.0}, Share("v1b", 20.0))
    with_it.engine.command("cancer", "rollback", lambda s: transitions.rollback(s, (), "", 3.0), "me", "", 3.0)
    assert (with_it.split(), baseline(with_it)) == ({}, None)
    assert views.route(with_it.engine, "cancer")["split"] == {"v1": 100.0}


def test_what_does_not_fit_beside_it_is_refused_and_changes_nothing() -> None:
    with_it = house(beside(baseline=Baseline("v1b", 10.0)))
    for percents in ({"v2": 90.0}, {"v1b": 5.0}):
        move = partial(transitions.split, percents=percents, reason="", now=2.0)
        with pytest.raises(TransitionRefused, match="baseline"):
            with_it.engine.command("cancer", "split", move, "me", "", 2.0)
    assert with_it.split() == {"v2": 10.0}


@pytest.mark.parametrize("with_baseline", [True, False])
def test_a_candidate_as_slow_as_its_baseline_stays(with_baseline: bool) -> None:
    """Both are a quarter slower than the primary, since they have a tenth of its traffic."""
    slow = house(beside(guard=LATENCY) if with_baseline else section(guard=LATENCY, shadows=()))
    traffic(slow, 400, slow=(1.0, 1.25, 1.25))
    assert actions(slow) == ([] if with_baseline else ["rollback"])
    if with_baseline:
        latency = lines(slow)["latency"]
        assert latency.outcome == "pass" and latency.value == 1.0
        assert "of the baseline" in latency.sentence
    else:
        assert "a baseline would tell" in slow.engine.state("cancer").reason


def test_a_candidate_slower_than_its_baseline_goes() -> None:
    slow = house(beside(guard=LATENCY))
    traffic(slow, 100, slow=(1.0, 1.25, 1.25))
    traffic(slow, 100, slow=(1.0, 1.5, 1.25))
    assert actions(slow) == ["rollback"]
    assert "of the baseline" in slow.engine.state("cancer").reason
    assert baseline(slow) is None


def test_a_bad_candidate_goes_by_the_baseline() -> None:
    bad = house(beside())
    traffic(bad, 30, bad=(1, 5, 0))
    assert actions(bad) == ["rollback"]
    assert "of the baseline" in bad.engine.state("cancer").reason


def test_a_broken_baseline_leaves_and_the_bad_candidate_goes_by_the_primary() -> None:
    broken = house(beside())
    traffic(broken, 1, bad=(1, 3, 3))
    for _ in range(20):
        traffic(broken, 1, bad=(1, 3, 3))
        assert "pass" not in [line.outcome for line in lines(broken).values() if line.bound == "max_ratio"]
    assert actions(broken) == ["drop", "rollback"]
    (drop,) = [change for change in broken.heard if change.action == "drop"]
    assert "baseline v1b is broken" in drop.why and "error_rate" in drop.why
    assert {line.version for line in drop.evidence} == {"v1b"}
    assert "of the baseline" not in broken.engine.state("cancer").reason


def test_a_broken_baseline_stays_away_over_a_restart_and_is_told() -> None:
    broken = house(beside())
    traffic(broken, 10, bad=(0, 0, 5))
    assert actions(broken) == ["drop"] and broken.split() == {"v2": 10.0} and baseline(broken) is None
    (warning,) = broken.engine.warnings("cancer")
    assert "no baseline" in warning and "v1b is broken" in warning
    again = House(broken.engine.settings, broken.store)
    assert again.split() == {"v2": 10.0} and baseline(again) is None
    assert again.engine.warnings("cancer") == [warning]
    again.engine.command("cancer", "split", lambda s: transitions.split(s, {"v2": 10.0}, "", 2.0), "me", "", 2.0)
    assert baseline(again) == Share("v1b", 10.0) and again.engine.warnings("cancer") == []


def test_a_slow_baseline_that_would_hide_a_slow_candidate_leaves() -> None:
    slow = house(beside(guard=LATENCY))
    traffic(slow, 60, slow=(1.0, 4.0, 4.0))
    assert actions(slow)[0] == "drop"
    traffic(slow, 60, slow=(1.0, 4.0, 4.0))
    assert actions(slow) == ["drop", "rollback"]


def test_a_silent_baseline_leaves_and_nothing_passed_before() -> None:
    silent = house(beside())
    for _ in range(30):
        made = arm("v1b", "baseline", 10)
        made.codes = {"pool_full": 10}
        silent.tick(arm("v1", "primary", 80, share=0.8), arm("v2", "canary", 10), made)
        if not actions(silent):
            assert "pass" not in [line.outcome for line in lines(silent).values()]
    assert actions(silent) == ["drop"]
    assert "gave no data" in silent.engine.warnings("cancer")[0]


def released(**changes: object) -> House:
    stages = (
        Stage(shadow=100.0, requests=100),
        Stage(canary=10.0, requests=100),
        Stage(canary=20.0, requests=100, duration=60.0),
    )
    return house(beside(split=(), release=canary_release(stages=stages), **changes))


def staged(house: House, ticks: int, c: float, bad: int = 0) -> None:
    n = round(100 * c)
    for _ in range(ticks):
        arms = (arm("v1", "primary", 100 - 2 * n, 0, 1 - 2 * c), arm("v2", "canary", n, bad, c))
        house.tick(*arms, arm("v1b", "baseline", n, bad, c))


def test_a_release_goes_through_its_stages_beside_its_baseline() -> None:
    good = released()
    assert baseline(good) is None
    good.tick(arm("v1", "primary", 200, 0, 1.0), arm("v2", "shadow", 200, 0, 1.0))
    assert baseline(good) == Share("v1b", 10.0)
    assert lines(good)["error_rate"].n == 0, "copies were held against the whole primary"
    staged(good, 5, 0.1)
    assert "at the baseline" in lines(good)["error_rate"].sentence
    staged(good, 6, 0.1)
    assert baseline(good) == Share("v1b", 20.0)
    staged(good, 60, 0.2)
    good.now += 60.0
    staged(good, 3, 0.2)
    assert actions(good) == ["advance", "advance", "promote"]
    assert baseline(good) is None


def test_a_bad_release_beside_a_baseline_as_bad_is_never_promoted() -> None:
    """Ten of a hundred requests fail at both; the primary's do not."""
    bad = released()
    bad.tick(arm("v1", "primary", 200, 0, 1.0), arm("v2", "shadow", 200, 0, 1.0))
    staged(bad, 40, 0.1, bad=1)
    assert actions(bad)[:2] == ["advance", "drop"]
    assert actions(bad)[-1] == "rollback"
