"""Rankings that say the same: the best one, and the order of the others (Kendall's tau, Biometrika 1938).

What each score rates is known by the keys of its row, so that an answer may come in any order and be cut to its best. A
pair counts as in another order only where both sides have a difference that is no tie. What tau cannot see of answers
that are cut, or all of one score, is looked at before: whether each side has the best of the other at all, and whether
it ranks anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.numbers import FLOOR, RESOLUTION, TOP_SCORES
from proxy.stats.agreement.rows import by_key
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.arrays import Floats

MAX_DISCORDANT = 0.1
"""Part of the pairs that may be in another order; tau is then 0.8."""

DISTINCT = 0.01
"""Range of scores that say an order: those of rankers are probabilities, cosines or logits, all of the size of 1."""

MAX_SCORE = 1e300
"""Scores beyond it are as good as infinite: differences are taken of them."""

MAX_RANKED = 256
"""Best things of either side that are compared: pairs grow with the square of them."""


def compare_rankings(mine: Tensor, other: Tensor) -> AnswerDifference:
    """The difference of two rankings of one column; `shift` is the part of the pairs in another order."""
    if _keyed(mine) != _keyed(other):
        found = "ranking: of one answer it is not known what each score rates"
        return AnswerDifference(True, "ranking", None, None, 0, found)
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
    found = _unlike(a, b, top, shift)
    if found:
        return AnswerDifference(True, "ranking", shift, overlap, row, found)
    return AnswerDifference(False, "ranking", shift, overlap)


def _unlike(a: dict[Any, float], b: dict[Any, float], top: int, shift: float) -> str:
    """What two rankings of the same best differ by; "" where that is nothing."""
    if shift > MAX_DISCORDANT:
        return f"ranking: {shift:.0%} of the pairs are in another order, more than {MAX_DISCORDANT:.0%}"
    alone = max(_left_out(a, b, top), _left_out(b, a, top))
    if 2 * alone > max(top, 2):
        return f"ranking: {alone} of the best {top} of one side are not among what the other ranks"
    if _is_flat(a, b) or _is_flat(b, a):
        return "ranking: one side gives all the same score"
    return ""


def _left_out(scores: dict[Any, float], other: dict[Any, float], top: int) -> int:
    """How many of the best are not in the other answer at all."""
    return len(_best(scores, top) - other.keys()) if scores.keys() != other.keys() else 0


def _is_flat(scores: dict[Any, float], other: dict[Any, float]) -> bool:
    """Whether scores rank nothing where those of the other do."""
    return min(len(scores), len(other)) > 1 and _range(scores) <= FLOOR and _range(other) > DISTINCT


def _range(scores: dict[Any, float]) -> float:
    return max(scores.values()) - min(scores.values())


def _keyed(tensor: Tensor) -> bool:
    return len(tensor.keys) == len(tensor.data)


def _scores(tensor: Tensor) -> dict[Any, float]:
    data: Sequence[float] = tensor.data
    keys = tensor.keys if _keyed(tensor) else range(len(data))
    return dict(zip(keys, data, strict=True))


def _row(tensor: Tensor, key: Any) -> int:
    keys = list(by_key(tensor).keys) if _keyed(tensor) else list(range(len(tensor.data)))
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
