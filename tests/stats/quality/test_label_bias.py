"""Labels that depend on the version, told from those that are late, and from shares that change."""

import numpy as np
import pytest

from proxy.stats.arrays import Floats
from proxy.stats.quality.label_bias import STRATUM_REQUESTS, LabelArrival, labels_depend


def requests(
    share: Floats | float, labelled: tuple[Floats | float, Floats | float], n: int = 4000, seed: int = 1
) -> list[LabelArrival]:
    """`share` and `labelled` (mine, theirs) may be arrays over time."""
    rng = np.random.default_rng(seed)
    mine = rng.random(n) < share
    has = rng.random(n) < np.where(mine, labelled[0], labelled[1])
    return [LabelArrival(bool(a), not a, bool(b)) for a, b in zip(mine, has, strict=True)]


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_part_that_depends_on_the_version_is_seen(share: float) -> None:
    assert labels_depend(requests(share, (0.5, 0.9)))
    assert not labels_depend(requests(share, (0.7, 0.7)))


def test_a_delay_and_a_ramp_are_no_dependence() -> None:
    come, ramp = np.linspace(1.0, 0.0, 4000), np.linspace(0.0, 0.6, 4000)
    assert not labels_depend(requests(ramp, (come, come)))
    crude = requests(ramp, (come, come))
    parts = [np.mean([each.labelled for each in crude if each.mine is mine]) for mine in (True, False)]
    assert parts[1] - parts[0] > 0.2, "all together they look as if they did"
    assert labels_depend(requests(ramp, (0.7 * come, come)))


def test_false_alarms_are_few() -> None:
    assert sum(labels_depend(requests(0.2, (0.5, 0.5), 2000, seed)) for seed in range(200)) <= 1


@pytest.mark.parametrize(
    "kept",
    [
        [],
        [LabelArrival(True, True, True)] * 500,
        [LabelArrival(True, False, True)] * 500,
        [LabelArrival(True, False, False)] * STRATUM_REQUESTS,
    ],
)
def test_nothing_to_compare_is_no_difference(kept: list[LabelArrival]) -> None:
    assert not labels_depend(kept)
