"""Log buckets for latencies: mergeable counts with at most 1 % relative error.

Bucket i holds values in [10^(i/120), 10^((i+1)/120)) seconds, so that decades fall on bucket bounds and the bounds
that /metrics shows are exact. The value reported for a bucket, 2ab/(a+b), is within (γ−1)/(γ+1) = 0.96 % of every
value in it (DDSketch: Masson, Rim, Lee, VLDB 2019). Values are clamped to 1 us … 1,000,000 s: 1,440 buckets at
most. Numbers of tokens are counted in them, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

PER_DECADE: Final = 120
LOWEST: Final = -6 * PER_DECADE
HIGHEST: Final = 6 * PER_DECADE - 1

_PER_E: Final = 52.11533782839022
"""Buckets of a factor e: PER_DECADE / ln 10. Compiled, `math.log` and `math.floor` are calls in C; `log10` is none."""

_ROUNDING: Final = 1e-9
"""Of a bucket: what rounding may take from a value that stands on a bound, as decades do."""

Buckets = dict[int, int]
"""Bucket index to count."""


def bucket(seconds: float) -> int:
    """The index of the bucket that holds `seconds`; values out of range go to the nearest end."""
    if seconds <= 1e-6:
        return LOWEST
    index = math.floor(math.log(seconds) * _PER_E + _ROUNDING)
    return index if index < HIGHEST else HIGHEST  # noqa: FURB136 - called for every leg; min() costs twice as much


def lower_bound(index: int) -> float:
    """The smallest value of a bucket, in seconds; also the upper bound of the one below."""
    return float(10.0 ** (index / PER_DECADE))


def value_of(index: int) -> float:
    """The value, in seconds, that stands for all of a bucket: relative error at most 0.96 %."""
    low, high = lower_bound(index), lower_bound(index + 1)
    return 2.0 * low * high / (low + high)


def add(into: Buckets, counts: Mapping[int, int]) -> None:
    """Adds `counts` to `into`; merging is exact."""
    for index, count in counts.items():
        into[index] = into.get(index, 0) + count


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """The q-quantile (0 to 1) in seconds, or None without data. Rank as in numpy's `inverted_cdf`."""
    total = sum(counts.values())
    if not total:
        return None
    rank, passed = max(1.0, q * total), 0
    for index in sorted(counts):
        passed += counts[index]
        if passed >= rank:
            return value_of(index)
    raise AssertionError("counts changed while they were read")
