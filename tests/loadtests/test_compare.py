"""Medians, spreads and round-by-round ratios."""

from loadtests.compare import cost, ratio
from loadtests.results import Load, Sample, spread


def sample(**cpu: float) -> Sample:
    return Sample(cpu, Load(100, 1.0, 0, 0, 0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0))


def test_spread_is_median_and_ends() -> None:
    assert (spread([3.0, 1.0, 2.0]).low, spread([3.0, 1.0, 2.0]).median, spread([3.0, 1.0, 2.0]).high) == (
        1.0,
        2.0,
        3.0,
    )


def test_all_processes_are_charged() -> None:
    assert sample(worker=20.0, control=5.0, supervisor=0.5).total == 25.5


def test_a_round_that_hurts_both_does_not_change_the_ratio() -> None:
    samples = {"a": [sample(x=10.0), sample(x=40.0)], "b": [sample(x=20.0), sample(x=80.0)]}
    result = ratio(samples, "a", "b", cost)
    assert (result.low, result.median, result.high) == (0.5, 0.5, 0.5)


def test_errors_are_all_that_got_no_answer() -> None:
    result = Load(100, 2.0, 0, 1, 2, 3, 4, 5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert (result.errors, result.rate) == (15, 50.0)
