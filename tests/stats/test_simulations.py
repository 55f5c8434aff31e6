"""The long simulations run, and say in a short form what they say in full (`python -m loadtests.statistics.…`)."""

import numpy as np
import pytest

from loadtests.statistics import drift, errors, latency, scorecard, wander, winners
from loadtests.statistics.tables import delay, table
from proxy.contracts.record import ArmTick
from proxy.stats.comparison import Comparison, ComparisonKey, PrimaryHistory
from proxy.stats.counts.content import ContentCounts

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


def test_no_arm_wins_that_is_no_better_and_one_that_is_does() -> None:
    for right, gain in ((0.80, 0.0), (0.795, 0.0), (0.82, 0.02)):
        found = winners.simulate((right, right), gain, 100, 1000, 3)
        assert np.isfinite(found).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert np.isfinite(winners.simulate((0.95, 0.80), 0.0, 20, 1500, 4)).all()


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


@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("share", scorecard.SHARES)
def test_the_default_scorecard_flags_no_healthy_candidate(share: float, rough: bool) -> None:
    for base in scorecard.RATES:
        assert scorecard.flagged((share, base, rough), runs=50, looks=60) == 0


@pytest.mark.parametrize("case", scorecard.BREAKS)
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_candidate_that_is_always_bad_is_flagged_within_a_hundred_of_its_requests(
    share: float, case: tuple[str, float, int]
) -> None:
    assert max(scorecard.delays(case, share, 200.0, runs=20)) <= 100


def codes(arm: scorecard.Arm) -> dict[str, int]:
    bad = [int(arm.bad[kind][0]) for kind in scorecard.KINDS[:3]]
    counts = dict(zip(("500", "400", "client_abort"), bad, strict=True))
    return {code: count for code, count in ({"200": int(arm.answered[0])} | counts).items() if count}


@pytest.mark.parametrize(("share", "base"), [(0.5, 0.01), (0.1, 0.05), (0.01, 0.01)])
def test_the_simulated_scorecard_is_that_of_the_product(share: float, base: float) -> None:
    world, simulated = scorecard.World(share, base, 1, seed=3, rough=True), scorecard.DefaultScorecard(1)
    product = Comparison(ComparisonKey("v2", "v1", scorecard.GUARD, "kserve-v1"), PrimaryHistory())
    for number in range(1, 220):
        mine, theirs = world.look(100, float(number))
        simulated.look(share, mine, theirs, float(number))
        arms = [("v1", "primary", 1.0 - share, theirs), ("v2", "canary", share, mine)]
        product.on_arms([ArmTick("r", v, role, part, codes(arm)) for v, role, part, arm in arms], float(number))  # type: ignore[arg-type]
        answers = [
            ContentCounts(v, role, part, int(arm.answered[0]), int(arm.bad["invalid_rate"][0]), ())  # type: ignore[arg-type]
            for v, role, part, arm in arms
            if arm.answered[0]
        ]
        product.on_content(answers, float(number))
    for line in product.evidence([], 0, 0):
        # Windows of φ that nobody fills close a look later where all runs share their clock.
        assert line.log_breach == pytest.approx(float(simulated.lines[line.metric].log_breach[0]), rel=1e-3, abs=1e-3)
    assert max(line.dispersion for line in product.evidence([], 0, 0)) > 1.0
