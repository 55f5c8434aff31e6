"""The simulations of `loadtests/statistics` in short: seeded runs through the real decision code, seconds in all."""

from __future__ import annotations

from statistics import median

import pytest

from loadtests.statistics.simulate import ALL, CASES, STRICT, Case, allowed, line, simulate
from loadtests.statistics.worlds import World, bursts, day


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_healthy_candidates_stay_however_often_one_looks(share: float) -> None:
    assert simulate(Case("", World(share), healthy=True), runs=25, requests=20_000).flagged == 0


@pytest.mark.parametrize("swing", [day, bursts])
def test_what_both_arms_share_raises_no_alarm(swing: object) -> None:
    world = World(0.1, timed=True, swing=swing)  # type: ignore[arg-type]
    assert simulate(Case("", world, ALL, healthy=True), runs=3, requests=10_000).flagged == 0


@pytest.mark.parametrize(("lift", "most"), [(5.0, 500), (10.0, 180), (100.0, 20)])
def test_broken_candidates_are_rolled_back_about_as_soon_as_stated(lift: float, most: int) -> None:
    result = simulate(Case("", World(0.1, lift=lift), STRICT), runs=20, requests=20_000)
    assert result.flagged == 20
    assert median(result.delays) <= most


@pytest.mark.parametrize(
    ("world", "most"), [(World(slower=1.2, timed=True), 1200), (World(tail=1.5, timed=True), 2000)]
)
def test_slow_candidates_are_rolled_back(world: World, most: int) -> None:
    case = next(case for case in CASES if case.world == world)
    result = simulate(case, runs=6, requests=30_000)
    assert result.flagged == 6
    assert median(result.delays) <= most
    assert "rolled_back 6" in line(result)


def test_what_is_too_many() -> None:
    assert allowed(2000, 0.001) == pytest.approx(2 + 3 * 2**0.5)
