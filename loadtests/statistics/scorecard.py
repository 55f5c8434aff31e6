"""The default scorecard by simulation: healthy candidates flagged by any of its four lines, and delays of gross ones.

    python -m loadtests.statistics.scorecard [--runs 2000] [--looks 1000] [--processes 2]

Many runs side by side, through the product's sequential tests, each line at its share of `false_alarm` and divided by
its primary's φ; a test holds them against the evidence classes of `proxy.stats`. A look is a second and a hundred
requests for healthy runs, a tenth of a second and `--rate` / 10 requests for delays. Each kind of bad outcome has the
base rate. *Rough* worlds add to it: refusals and abandonments that are five times as frequent at both arms for a tenth
of the time, and twenty sticky users whose every request fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from loadtests.statistics.tables import table
from proxy.contracts.settings import Guard
from proxy.stats.evidence.alpha import alpha_share_of
from proxy.stats.evidence.invalid_rate import MAX_WAITING_ANSWERS
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.sequential.rate_difference import RateDifference
from proxy.stats.sequential.rate_ratio import RateRatio

GUARD = Guard()
Counts = NDArray[np.float64]
"""One number a run."""

KINDS = ("error_rate", "refusal_rate", "abandonment_rate", "invalid_rate")
SHARES, RATES = (0.01, 0.1, 0.5), (0.0, 0.001, 0.01, 0.05)
PER_LOOK, HEALTHY_LOOK = 100, 500
"""Requests of a look: of healthy runs, and of the healthy time before a break, whose looks hardly matter."""
USERS, USER_PART = 20, 0.0005
"""Sticky users whose every request fails, and the part of the requests that each sends."""


class Arm(NamedTuple):
    """Counts of one arm in a look."""

    n: Counts
    bad: dict[str, Counts]
    """Bad events by metric; those of `invalid_rate` are parts of `answered`."""

    @property
    def answered(self) -> Counts:
        """Answers of a successful status."""
        return self.n - sum(self.bad[kind] for kind in KINDS[:3])


class Line:
    """One line of the scorecard in all runs: its test, its level, and the φ of the primary."""

    def __init__(self, metric: str, runs: int) -> None:
        limit = GUARD.scorecard[metric]
        self._test: RateRatio | RateDifference = (
            RateDifference(limit.max_increase, (runs,))
            if limit.max_increase is not None
            else RateRatio(limit.max_ratio or 1.0, (runs,))
        )
        self.share_of_alpha = alpha_share_of(GUARD, "v2", metric)
        self._dispersion = Overdispersion()

    @property
    def log_breach(self) -> Counts:
        """Log e-values, less the line's share of α: breach at ln(1/false_alarm)."""
        evidence: Counts = self._test.log_breach - np.log(self.share_of_alpha.limits)
        return evidence

    def look(
        self, share: Counts | float, mine: tuple[Counts, Counts], theirs: tuple[Counts, Counts], now: float
    ) -> None:
        """Adds (bad events, observations) of both arms."""
        phi = self._dispersion.get()
        if isinstance(self._test, RateDifference):
            self._test.update(share, mine, theirs, phi)
        else:
            self._test.update(share, mine[0], theirs[0], phi)
        self._test.settle()
        self._dispersion.update(*theirs, now)


class DefaultScorecard:
    """The four lines in all runs."""

    def __init__(self, runs: int) -> None:
        self.lines = {metric: Line(metric, runs) for metric in KINDS}
        self._waiting = np.zeros((4, runs))

    def look(self, share: float, mine: Arm, theirs: Arm, now: float) -> None:
        """Adds the arms of a look."""
        for metric in KINDS[:3]:
            self.lines[metric].look(share, (mine.bad[metric], mine.n), (theirs.bad[metric], theirs.n), now)
        bad, other = mine.bad["invalid_rate"], theirs.bad["invalid_rate"]
        self._waiting += np.array((bad, mine.answered, other, theirs.answered))
        n, m = self._waiting[1], self._waiting[3]
        both = (n > 0) & (m > 0)
        ready = both | (n > MAX_WAITING_ANSWERS)
        counts = np.where(ready, self._waiting, 0.0)
        self._waiting = self._waiting - counts
        of_answers = np.where(both, n / np.maximum(n + m, 1.0), share)
        self.lines["invalid_rate"].look(of_answers, (counts[0], counts[1]), (counts[2], counts[3]), now)

    @property
    def log_breach(self) -> Counts:
        """The strongest evidence of all lines."""
        strongest: Counts = np.max([line.log_breach for line in self.lines.values()], axis=0)
        return strongest


THRESHOLD = float(np.log(1.0 / GUARD.false_alarm))


class World:
    """Draws looks. `rates`: the candidate's rate of each kind; the primary's is `base` of all."""

    def __init__(self, share: float, base: float, runs: int, seed: int, rough: bool = False) -> None:
        self.share, self.base, self.runs, self.rough = share, base, runs, rough
        self.draw = np.random.default_rng(seed)
        self.rates = dict.fromkeys(KINDS, base)
        mine = self.draw.binomial(USERS, share, runs) if rough else np.zeros(runs, dtype=int)
        self._users = [mine, (USERS if rough else 0) - mine]

    def look(self, size: int, second: float) -> tuple[Arm, Arm]:
        """Both arms of a look of `size` requests."""
        swing = 5.0 if self.rough and second % 200 < 20 else 1.0
        mine = self.draw.binomial(size, self.share, self.runs)
        base = dict.fromkeys(KINDS, self.base)
        return self._arm(0, mine, self.rates, swing), self._arm(1, size - mine, base, swing)

    def _arm(self, place: int, n: NDArray[np.int64], rates: dict[str, float], swing: float) -> Arm:
        left, bad = n, {}
        for kind, rate in rates.items():
            swung = min(rate * (swing if kind in ("refusal_rate", "abandonment_rate") else 1.0), 1.0)
            bad[kind] = self.draw.binomial(left, swung).astype(float)
            left = left - bad[kind].astype(int)
        if self.rough:
            # Only the first failure of a sticky key is an event, and only then does it matter here.
            news = self.draw.binomial(self._users[place], 1.0 - (1.0 - USER_PART) ** PER_LOOK)
            self._users[place] = self._users[place] - news
            bad["error_rate"] = bad["error_rate"] + np.minimum(news, left)
        return Arm(n.astype(float), bad)


def flagged(case: tuple[float, float, bool], runs: int, looks: int, seed: int = 17) -> int:
    """Healthy runs that any line flags at any look; of a share, a base rate and whether the world is rough."""
    share, base, rough = case
    world, scorecard = World(share, base, runs, seed, rough), DefaultScorecard(runs)
    ever = np.zeros(runs, dtype=bool)
    for number in range(1, looks + 1):
        scorecard.look(share, *world.look(PER_LOOK, float(number)), float(number))
        ever |= scorecard.log_breach >= THRESHOLD
    return int(ever.sum())


def delays(case: tuple[str, float, int], share: float, rate: float, runs: int, seed: int = 5) -> list[float]:
    """Requests of the candidate from its break until any line flags it, sorted; of the kind of bad, the base rate of
    all kinds, and the candidate's healthy requests before. At most 200 looks."""
    kind, base, healthy = case
    world, scorecard = World(share, base, runs, seed), DefaultScorecard(runs)
    size, now = round(rate / 10), 0.0
    for _ in range(round(healthy / (HEALTHY_LOOK * share))):
        now += HEALTHY_LOOK / rate
        scorecard.look(share, *world.look(HEALTHY_LOOK, now), now)
    world.rates[kind] = 1.0
    used, found = np.zeros(runs), np.full(runs, np.inf)
    for _ in range(200):
        now += 0.1
        mine, theirs = world.look(size, now)
        scorecard.look(share, mine, theirs, now)
        used += mine.n
        found = np.where((scorecard.log_breach >= THRESHOLD) & np.isinf(found), used, found)
        if np.isfinite(found).all():
            break
    return sorted(found.tolist())


def false_alarms(runs: int, looks: int, processes: int) -> Iterator[list[str]]:
    """Rows of the table on healthy candidates."""
    cases = [(share, base, rough) for rough in (False, True) for share in SHARES for base in RATES]
    with Pool(processes) as pool:
        found = dict(zip(cases, pool.map(partial(flagged, runs=runs, looks=looks), cases, 1), strict=True))
    for rough in (False, True):
        for share in SHARES:
            cells = [f"{found[share, base, rough]} of {runs:,}" for base in RATES]
            yield [f"{'rough' if rough else 'calm'}, {share:.0%}", *cells]


BREAKS = [(kind, base, healthy) for healthy in (0, 5000) for base in (0.0, 0.01) for kind in KINDS]


def delay_rows(rate: float, processes: int, runs: int = 500) -> Iterator[list[str]]:
    """Rows of the table on delays."""
    with Pool(processes) as pool:
        tens, halves = (pool.map(partial(delays, share=s, rate=rate, runs=runs), BREAKS, 1) for s in (0.1, 0.5))
    for (kind, base, healthy), *found in zip(BREAKS, tens, halves, strict=True):
        cells = [" / ".join(f"{np.quantile(each, q):.0f}" for q in (0.5, 0.9, 1.0)) for each in found]
        yield [f"{kind} of all, base rates {base:.0%}", f"{healthy:,}", *cells]


def main(
    runs: Annotated[int, typer.Option(min=1)] = 2000,
    looks: Annotated[int, typer.Option(min=1)] = 1000,
    rate: Annotated[float, typer.Option(min=10)] = 200.0,
    processes: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Prints both tables."""
    print(table(["healthy, share", *[f"rates {base:.1%}" for base in RATES]], false_alarms(runs, looks, processes)))
    print()
    head = ["candidate", "healthy before", "share 10 %", "share 50 %"]
    print(table(head, delay_rows(rate, processes)), flush=True)


if __name__ == "__main__":
    typer.run(main)
