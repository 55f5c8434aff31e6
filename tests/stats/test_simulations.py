"""The long simulations run, and say in a short form what they say in full (`python -m loadtests.statistics.…`)."""

import numpy as np
import pytest

from loadtests.statistics import drift, errors, latency, wander
from loadtests.statistics.tables import delay, table

PRODUCT = "e-detector (Penumbra)"


@pytest.mark.parametrize(
    "name", [PRODUCT, "KS and chi-square, Bonferroni, windows of 1,000", "PSI > 0.2, windows of 1,000"]
)
def test_methods_find_a_moved_mean_and_are_quiet_without(name: str) -> None:
    assert drift.false_alarms(name, 5000) == 0
    assert drift.found_after(name, *drift.CHANGES["mean +1 sd"], 1, 2000) <= 1000


def test_only_some_methods_see_missing_values_and_new_categories() -> None:
    for change, most in (("missing 0 to 2 %", 3000), ("new category 1 %", 6000)):
        assert drift.found_after(PRODUCT, *drift.CHANGES[change], 2, most) <= most
    assert drift.found_after("PSI > 0.2, windows of 1,000", *drift.CHANGES["new category 1 %"], 2, 3000) == np.inf


def test_rules_on_errors_flag_what_the_table_says() -> None:
    for name, make in errors.RULES.items():
        dead = errors.simulate(make(0.1, 50), 0.1, (1.0, 0.01), 50, 500, 10, 1)
        assert np.isfinite(dead).all(), name
    z = errors.simulate(errors.z_test(0.1, 300), 0.1, (0.01, 0.01), 300, 1000, 100, 2)
    ours = errors.simulate(errors.ours(0.1, 300), 0.1, (0.01, 0.01), 300, 1000, 100, 2)
    assert np.isfinite(ours).mean() <= 0.01 < np.isfinite(z).mean()


def test_a_slower_canary_is_found_by_ranks() -> None:
    make, draw = latency.METHODS["rank betting, latency, margin 5 %"], latency.TAILS["light"]
    assert latency.run(make, draw, latency.CHANGES["all +50 %"], 1) < 400


def test_tables() -> None:
    assert delay([1.0, 2.0, np.inf, np.inf, np.inf]) == "never / never"
    assert delay([10.0] * 9 + [2000.0]) == "10 / 10"
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_backend_that_wanders_is_rarely_flagged_with_a_margin_and_a_slow_one_is() -> None:
    world = wander.WORLDS["only the canary's, 1 min"]
    assert sum(np.isfinite(wander.run(world, "latency_p50", 1.5, seed, life=300)) for seed in range(4)) <= 1
    assert wander.run(wander.STEADY["steady, 100/s"], "latency", 1.05, 1, 1.5) < 300
