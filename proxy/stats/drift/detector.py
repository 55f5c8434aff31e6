"""Drift against a reference profile: an e-detector on bins as the evidence, a corrected PSI as the size.

Null: the stream's distribution s has chi-square distance at most ε² from the profile p; ε² is a tolerance plus the
sampling error of the profile itself, so tiny drifts and a finite reference do not alarm. A bet q has R = q/p and gains
ln R(bin) − ln(1 + ε·sd_p(R)) a row, which is fair for every s in the ball (Cauchy-Schwarz: E_s R ≤ 1 + ε·sd_p(R)). Its
Shiryaev-Roberts sum, M ← (M + w/K)·exp(gain), with w the time that passed, reaches T no sooner than after T on average
(Shin, Ramdas, Rinaldo, "E-detectors", 2023): false alarms are one per T. Over features: e-BH (Wang and Ramdas, JRSS B
2022).

Bets: shifts and spreads of numbers, more of one bin, and two plug-in bets learnt from the past of the stream itself.
State of a stream: 50 to 80 sums and three rows of decayed counts a feature, below 2 kB; the bets themselves, below
16 kB a feature, are the profile's.

Size: the population stability index (PSI; Siddiqi, Credit Risk Scorecards, 2006), corrected for sampling error.

Detectors do not merge: the Shiryaev-Roberts sum of two streams is not a function of their two sums. The counts of two
streams can be added before `update`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np

from proxy.stats.arrays import Floats
from proxy.stats.drift.profile import Feature

DRIFT_TOLERANCE = 0.02
"""Chi-square distance from the profile that is too small to call drift; as PSI about the same number."""

HORIZON_SECONDS = 30 * 86_400.0
"""T: seconds between false alarms, on average, of all features of a stream together."""

FADES_PER_HORIZON = 20.0
"""Sums fade over T / 20, so that a stream without evidence for a month does not alarm by the clock."""

MAX_UPDATE_SECONDS = 60.0
"""Most seconds that one update may count for; a stream that pauses owes no evidence for the pause."""

SHIFTS = (-1.2, -0.6, -0.3, 0.3, 0.6, 1.2)
SPREADS = (-0.6, -0.3, 0.15, 0.3)
BIN_INCREASES = (0.002, 0.02, 0.1)
"""Parts of the stream that the bets on one bin move into it."""

HALF_LIVES = (1000.0, 8000.0)
"""Rows after which the counts of the plug-in bets weigh half."""

PSI_HALF_LIFE = 250.0
"""Rows after which the counts of PSI weigh half."""

PRIOR_ROWS = 50.0
"""Rows of the profile that the plug-in bets start from."""

SAMPLING_QUANTILE = 3.0902
"""Normal quantile 0.999: the sampling error of the profile that the null allows for."""


def chi_square_quantile(freedom: Floats) -> Floats:
    """The 0.999 quantile of chi-square (Wilson and Hilferty 1931), at most 2.5 % above the exact one from 2 degrees of
    freedom up."""
    part = 2.0 / (9.0 * np.maximum(freedom, 1.0))
    result: Floats = freedom * (1.0 - part + SAMPLING_QUANTILE * np.sqrt(part)) ** 3
    return result


class Reference:
    """A profile as arrays, shared by all streams: padded to (features, bins), where missing is the last bin.

    - `features`: the features of one side of a profile
    - `tolerance`: chi-square distance that is no drift

    Shapes: `shares`, `used` (features, bins); `n` (features,), rows that each share rests on; `epsilon` (features, 1),
    radius of the tolerance ball; `gains` (features, bets, bins), log factor of a row in each bin; `cost` (features,
    bets), log cost of a row.
    """

    __slots__ = ("bets", "bins", "cost", "epsilon", "features", "gains", "n", "shares", "used")

    def __init__(self, features: Sequence[Feature], tolerance: float = DRIFT_TOLERANCE) -> None:
        self.features = list(features)
        self.bins = max(len(feature.shares) for feature in features)
        self.shares: Floats = np.array([_padded(_positive(feature), self.bins) for feature in features])
        self.used = self.shares > 0
        self.n: Floats = np.array([float(feature.n) for feature in features])
        self.epsilon = np.sqrt(tolerance + chi_square_quantile(self.used.sum(axis=1) - 1.0) / self.n)[:, None]
        self.gains, self.cost = self._factors(_bets(features, self.shares))
        self.bets = self.gains.shape[1]

    def _factors(self, bets: Floats) -> tuple[Floats, Floats]:
        """Gains (features, bets, bins) and costs (features, bets) a row of the alternatives `bets` (features, bets,
        bins)."""
        shares = np.where(self.used, self.shares, 1.0)[:, None, :]
        away = np.where(self.used[:, None, :], bets - self.shares[:, None, :], 0.0)
        distance = np.sqrt((away**2 / shares).sum(axis=2))
        # Each alternative is drawn towards the profile by the radius of the ball: beyond it lies the drift.
        keep = np.maximum(1.0 - self.epsilon / np.maximum(distance, 1e-12), 0.0)
        ratio = 1.0 + keep[:, :, None] * away / shares
        cost: Floats = np.log1p(self.epsilon * keep * distance)
        gains: Floats = np.log(np.maximum(ratio, 1e-12))
        return gains, cost

    def plug_in(self, counts: Floats) -> tuple[Floats, Floats]:
        """Gains and costs of plug-in bets on the decayed `counts` (features, bets, bins) of a stream's past."""
        smoothed = counts + PRIOR_ROWS * self.shares[:, None, :]
        return self._factors(smoothed / smoothed.sum(axis=2, keepdims=True))


def _padded(shares: Sequence[float], bins: int) -> list[float]:
    """Missing stays the last bin, so that all features have it at the same place."""
    return [*shares[:-1], *[0.0] * (bins - len(shares)), shares[-1]]


def _positive(feature: Feature) -> list[float]:
    """The shares of a feature, none of them 0: a profile that was edited may say that a bin is empty, and rows that
    come to it all the same would be evidence of nothing."""
    least = 0.5 / (feature.n + 1.0)
    raised = [max(share, least) for share in feature.shares]
    total = sum(raised)
    return [share / total for share in raised]


def _bets(features: Sequence[Feature], p: Floats) -> Floats:
    """Alternatives of features with the shares `p` (features, bins); shape (features, bets, bins)."""
    score = np.where([[feature.kind == "number"] for feature in features], _scores(p), 0.0)
    exponents = [theta * score for theta in SHIFTS] + [theta * (score**2 - 1.0) for theta in SPREADS]
    parts = np.array(BIN_INCREASES)[None, None, :, None]
    own = p[:, None, :]
    more = np.where(p[:, :, None] > 0.0, np.eye(p.shape[1])[None], own)
    increases = (1.0 - parts) * own[:, :, None] + parts * more[:, :, None]
    tilted = np.stack([_tilted(p, exponent) for exponent in exponents], axis=1)
    return np.concatenate([tilted, increases.reshape(len(p), -1, p.shape[1])], axis=1)


def _scores(p: Floats) -> Floats:
    """Standardised ranks of the bins of numbers, shape (features, bins); 0 for missing."""
    present = p.copy()
    present[:, -1] = 0.0
    present /= present.sum(axis=1, keepdims=True)
    middle = np.cumsum(present, axis=1) - present / 2
    middle[:, -1] = 0.5
    centred = middle - (present * middle).sum(axis=1, keepdims=True)
    scale = np.sqrt((present * centred**2).sum(axis=1, keepdims=True))
    scores: Floats = np.where(scale > 0.0, centred / np.where(scale > 0.0, scale, 1.0), 0.0)
    return scores


def _tilted(p: Floats, exponent: Floats) -> Floats:
    """Shares that are tilted by e^exponent. The largest one is 1: nearly all rows in one bin make exponents of
    hundreds."""
    exponent = np.where(p > 0.0, exponent, -np.inf)
    weights: Floats = p * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    tilted: Floats = weights / weights.sum(axis=1, keepdims=True)
    return tilted


class DriftDetector:
    """Drift of one stream of rows from a reference, all features at once.

    >>> from proxy.stats.drift.profile import features_of
    >>> reference = Reference(features_of({"x": np.linspace(0.0, 1.0, 10_000)}))
    >>> detector = DriftDetector(reference)
    >>> for _ in range(20):
    ...     detector.update(1000 * reference.shares, passed=1.0)  # rows as in the reference
    >>> bool(detector.margin[0] < 0), round(float(detector.psi[0]), 3)
    (True, 0.0)
    >>> for _ in range(20):
    ...     detector.update(1000 * np.roll(reference.shares, 3), passed=1.0)
    >>> bool(detector.margin[0] > 0), bool(detector.psi[0] > 0.2)
    (True, True)
    """

    __slots__ = ("_learnt", "_log", "_recent", "_squares", "_weights", "n", "reference")

    def __init__(self, reference: Reference) -> None:
        features, bins = reference.shares.shape
        self.reference = reference
        self._log: Floats = np.full((features, reference.bets + len(HALF_LIVES)), -np.inf)
        self._learnt: Floats = np.zeros((features, len(HALF_LIVES), bins))
        self._recent: Floats = np.zeros((features, bins))
        self._weights: Floats = np.zeros(features)
        self._squares: Floats = np.zeros(features)
        self.n: Floats = np.zeros(features)

    def update(self, counts: Floats, passed: float) -> None:
        """Adds the rows by bin, `counts` (features, bins), of the last `passed` seconds."""
        rows = counts.sum(axis=1)
        gains, cost = self.reference.gains, self.reference.cost
        learnt, learnt_cost = self.reference.plug_in(self._learnt)
        total = np.concatenate(
            [
                np.matmul(gains, counts[:, :, None])[:, :, 0] - rows[:, None] * cost,
                np.matmul(learnt, counts[:, :, None])[:, :, 0] - rows[:, None] * learnt_cost,
            ],
            axis=1,
        )
        passed = min(max(passed, 1e-9), MAX_UPDATE_SECONDS)
        fade, fresh = np.log1p(-passed * FADES_PER_HORIZON / HORIZON_SECONDS), log(passed / self._log.shape[1])
        # Features without rows neither gain nor pay, and no time passes for them.
        moved = np.logaddexp(self._log + fade, fresh) + total
        self._log = np.where(rows[:, None] > 0, moved, self._log)
        self._remember(counts, rows)

    def _remember(self, counts: Floats, rows: Floats) -> None:
        for at, life in enumerate(HALF_LIVES):
            self._learnt[:, at] = self._learnt[:, at] * 0.5 ** (rows / life)[:, None] + counts
        fade = 0.5 ** (rows / PSI_HALF_LIFE)
        self._recent = self._recent * fade[:, None] + counts
        self._weights = self._weights * fade + rows
        self._squares = self._squares * fade**2 + rows
        self.n = self.n + rows

    @property
    def log_evidence(self) -> Floats:
        """ln(M/T) of each feature, shape (features,): 0 is one false alarm in T by itself."""
        top = self._log.max(axis=1)
        safe = np.where(np.isfinite(top), top, 0.0)
        total: Floats = np.log(np.exp(self._log - safe[:, None]).sum(axis=1).clip(1e-300)) + safe - log(HORIZON_SECONDS)
        return total

    @property
    def margin(self) -> Floats:
        """Margin of each feature over the threshold of e-BH, as a logarithm: from 0 up it drifted significantly.

        e-BH at one false alarm in T over F features: the k largest with M ≥ T·F/k for the largest such k.
        """
        evidence = self.log_evidence
        ranked = np.sort(evidence)[::-1]
        need = log(len(evidence)) - np.log(np.arange(1, len(evidence) + 1))
        hits = np.nonzero(ranked >= need)[0]
        margin: Floats = evidence - need[hits[-1] if hits.size else 0]
        return margin

    def recent(self, at: int) -> list[float]:
        """Shares of the recent rows in each bin of feature `at`, as PSI sees them; empty before the first row."""
        counts, bins = self._recent[at], len(self.reference.features[at].shares)
        total = float(counts.sum())
        return [float(n) / total for n in (*counts[: bins - 1], counts[-1])] if total else []

    @property
    def psi(self) -> Floats:
        """Population stability index of the recent rows against the profile, corrected for both sampling errors; ≥
        0."""
        p, used = self.reference.shares, self.reference.used
        n = np.maximum(self._weights**2 / np.maximum(self._squares, 1e-12), 1e-12)
        share = np.where(used, self._recent + np.maximum(0.5 * self._weights / n, 1e-9)[:, None], 0.0)
        share /= share.sum(axis=1, keepdims=True)
        terms = np.where(used, (share - p) * np.log(np.where(used, share, 1.0) / np.where(used, p, 1.0)), 0.0)
        bias = (used.sum(axis=1) - 1.0) * (1.0 / n + 1.0 / self.reference.n)
        return np.where(self._weights > 0, np.maximum(terms.sum(axis=1) - bias, 0.0), 0.0)
