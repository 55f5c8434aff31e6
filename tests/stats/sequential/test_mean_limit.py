"""A mean against a bound: false alarms, power, trivial bounds."""

from collections.abc import Callable

import numpy as np
import pytest

from proxy.stats.sequential.mean_limit import STAKES, MeanLimit

Draw = Callable[[np.random.Generator], float]


def run(
    draw: Draw, bound: float, low: float, high: float | None = None, n: int = 2000, seed: int = 0
) -> tuple[MeanLimit, float]:
    rng, test, worst = np.random.default_rng(seed), MeanLimit(), 0.0
    for _ in range(n):
        test.update(float(draw(rng)), bound, low, high)
        worst = max(worst, float(test.log_breach))
    return test, worst


def test_wealth_is_the_direct_product_without_restarts() -> None:
    test = MeanLimit()
    for x in (0.2, 0.9, 0.4):
        test.update(x, 0.5, 0.0, 1.0)
    direct = np.mean([np.prod([1 + stake / 0.5 * (0.5 - x) for x in (0.2, 0.9, 0.4)]) for stake in STAKES])
    assert np.exp(test.log_pass) == pytest.approx(direct)


@pytest.mark.parametrize(
    ("draw", "bound", "low", "high"),
    [
        (lambda rng: rng.random() < 0.1, 0.1, 0.0, 1.0),
        (lambda rng: rng.exponential(2.0), 2.0, 0.0, None),
        (lambda rng: rng.choice([-1.0, 0.0, 1.0]), 0.0, -1.0, 1.0),
    ],
)
def test_a_mean_at_the_bound_is_rarely_flagged_and_one_above_is_found(
    draw: Draw, bound: float, low: float, high: float | None
) -> None:
    flagged = [run(draw, bound, low, high, 600, seed)[1] >= np.log(20) for seed in range(60)]
    assert np.mean(flagged) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)
    above, _ = run(lambda rng: draw(rng) + 0.3 * (high or 4.0), bound, low, high and 1.3 * high)
    assert above.log_breach > np.log(1000)


def test_a_mean_well_below_passes_and_an_open_end_cannot() -> None:
    assert run(lambda rng: rng.random() < 0.05, 0.2, 0.0, 1.0)[0].log_pass > np.log(20)
    assert run(lambda rng: 0.1, 2.0, 0.0)[0].log_pass == 0.0


def test_trivial_bounds_change_nothing() -> None:
    test = MeanLimit()
    test.update(0.5, -1.0, 0.0, 1.0)
    assert test.log_breach == 0.0
    test.update(0.5, 2.0, 0.0, 1.0)
    assert np.isfinite(test.log_breach)
