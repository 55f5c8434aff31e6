"""Winners of A/B tests that are none, and labels until one is found: `python -m loadtests.statistics.winners`.

Two arms and the primary have a third of the traffic each, and every request gets a label. A look at each label, as long
as the run lasts; the two arms share `false_winner` 0.05 (Bonferroni), so that a run counts once for both. The number x
of a request is that of `stats.quality.paired_difference`: the error of an arm's answer at 1/w, of the primary's at
−1/(1 − w).
"""

from __future__ import annotations

import numpy as np

from loadtests.statistics.tables import delay, table
from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.sequential.mean_limit import MeanLimit

ARMS = 2
CASES = (
    ((0.80, 0.80), 0.0, True),
    ((0.795, 0.795), 0.0, True),
    ((0.82, 0.82), 0.02, True),
    ((0.85, 0.80), 0.0, False),
    ((0.82, 0.80), 0.0, False),
    ((0.85, 0.80), 0.02, False),
)
"""Accuracies of the arms beside a primary of 0.80, the gain that is asked for, and whether a winner would be none."""


def simulate(accuracies: tuple[float, float], gain: float, runs: int, labels: int, seed: int) -> np.ndarray:
    """Labels of the first arm when either arm was called better in each run; infinite where none was."""
    rng = np.random.default_rng(seed)
    tests = [MeanLimit((runs,)) for _ in range(ARMS)]
    found, mine = np.full(runs, np.inf), np.zeros(runs)
    right = np.array((0.80, *accuracies))
    for _ in range(labels):
        arm = rng.integers(0, 1 + ARMS, runs)
        wrong = (rng.random(runs) >= right[arm]).astype(float)
        mine += arm == 1
        for place, test in enumerate(tests, 1):
            # Requests of the other arm say nothing here; they are as good as not there at their expectation.
            x = np.where(arm == place, 2.0 * wrong, np.where(arm == 0, -2.0 * wrong, -gain))
            test.update(x, -gain, -2.0, 2.0)
            found = np.where(np.isinf(found) & (test.log_pass >= np.log(ARMS / FALSE_PASS)), mine, found)
    return found


def rows(runs: int, labels: int) -> list[list[str]]:
    """The table: a line for each case."""
    made = []
    for seed, (accuracies, gain, none) in enumerate(CASES):
        found = simulate(accuracies, gain, runs if none else runs // 10, labels, seed)
        share = f"{np.isfinite(found).mean():.1%} of {len(found):,}"
        arms = " and ".join(f"{accuracy:g}" for accuracy in accuracies)
        made.append([arms, f"{gain:g}", share, "a false winner" if none else delay(list(found))])
    return made


HEADS = [
    "accuracy of the arms, beside 0.8",
    "`min_gain`",
    "runs with a winner",
    "labels of the first arm, median / p90",
]


def main() -> None:
    """Prints the table."""
    print(table(HEADS, rows(2000, 20_000)))


if __name__ == "__main__":
    main()
