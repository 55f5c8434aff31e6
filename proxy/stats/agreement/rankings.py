"""Rankings that say the same: the best one, and the order of the others (Kendall's tau, Biometrika 1938).

What each score rates is known by the keys of its row, so that an answer may come in any order and be cut to its best. A
pair counts as in another order only where both sides have a difference that is no tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.numbers import RESOLUTION, TOP_SCORES
from proxy.stats.agreement.rows import by_key
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.arrays import Floats

MAX_DISCORDANT = 0.1
"""Part of the pairs that may be in another order; tau is then 0.8."""

MAX_SCORE = 1e300
"""Scores beyond it are as good as infinite: differences are taken of them."""

MAX_RANKED = 256
"""Best things of either side that are compared: pairs grow with the square of them."""


def compare_rankings(mine: Tensor, other: Tensor) -> AnswerDifference:
    """The difference of two rankings of one column; `shift` is the part of the pairs in another order."""
    a, b = _scores(mine), _scores(other)
    things = _best(a, MAX_RANKED) | _best(b, MAX_RANKED)
    if not things:
        return AnswerDifference(False, "ranking", 0.0)
    ordered = sorted(things, key=str)
    x, y = _column(a, ordered), _column(b, ordered)
    if np.isnan(x).any() or np.isnan(y).any():
        return AnswerDifference(True, "ranking", None, None, 0, "ranking: a score is no number")
    shift = _discordant(x, y)
    top = min(TOP_SCORES, len(a), len(b))
    overlap = len(_best(a, top) & _best(b, top)) / top if top else 0.0
    first, second = int(x.argmax()), int(y.argmax())
    row = _row(mine, ordered[first])
    if first != second and _parts(x, first, second) and _parts(y, first, second):
        found = f"ranking: the best is {ordered[first]} of the primary's, {ordered[second]} of the other's"
        return AnswerDifference(True, "ranking", shift, overlap, row, found)
    if shift > MAX_DISCORDANT:
        found = f"ranking: {shift:.0%} of the pairs are in another order, more than {MAX_DISCORDANT:.0%}"
        return AnswerDifference(True, "ranking", shift, overlap, row, found)
    return AnswerDifference(False, "ranking", shift, overlap)


def _scores(tensor: Tensor) -> dict[Any, float]:
    data: Sequence[float] = tensor.data
    keys = tensor.keys if len(tensor.keys) == len(data) else range(len(data))
    return dict(zip(keys, data, strict=True))


def _row(tensor: Tensor, key: Any) -> int:
    keys = list(by_key(tensor).keys) if len(tensor.keys) == len(tensor.data) else list(range(len(tensor.data)))
    return keys.index(key) if key in keys else 0


def _best(scores: dict[Any, float], count: int) -> set[Any]:
    return set(sorted(scores, key=scores.__getitem__, reverse=True)[:count])


def _column(scores: dict[Any, float], ordered: Sequence[Any]) -> Floats:
    """Scores in a common order; what one side left out is as good as its last one."""
    last = min(scores.values(), default=0.0)
    column: Floats = np.array([scores.get(each, last) for each in ordered], dtype=np.float64)
    return column.clip(-MAX_SCORE, MAX_SCORE)


def _discordant(x: Floats, y: Floats) -> float:
    upper = np.triu_indices(len(x), 1)
    if not upper[0].size:
        return 0.0
    signs = [_signs(each)[upper] for each in (x, y)]
    return float((signs[0] * signs[1] < 0).mean())


def _signs(column: Floats) -> Any:
    apart = column[:, None] - column[None, :]
    apart[np.abs(apart) <= _tie(column)] = 0.0
    return np.sign(apart)


def _tie(column: Floats) -> float:
    return RESOLUTION * float(column.max() - column.min())


def _parts(column: Floats, first: int, second: int) -> bool:
    return bool(abs(column[first] - column[second]) > _tie(column))
