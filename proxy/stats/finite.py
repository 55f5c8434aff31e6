"""Finite by construction: what is no number is NaN at the door of statistics, and NaN is never evidence of nothing.

Bodies are read as they come: a number may be a text, a boolean, an integer beyond what a float holds, or infinite. Each
such value is one missing value of its feature, or one prediction that has failed; it never stops the batch that it came
with, and no sum is spoilt by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import numpy as np
from msgspec.structs import replace

from proxy.contracts.observation import Tensor
from proxy.stats.arrays import Floats

NOT_NUMBERS = (OverflowError, TypeError, ValueError)
"""Errors of arithmetic on values that are no numbers."""


def number(value: Any) -> float:
    """A value as a finite number, or NaN.

    >>> number(True), number(3), number("3"), number(None), number(10**400), number(float("inf"))
    (1.0, 3.0, nan, nan, nan, nan)
    """
    if not isinstance(value, int | float):
        return nan
    try:
        made = float(value)
    except OverflowError:
        return nan
    return made if isfinite(made) else nan


def floats(values: Sequence[Any] | Floats) -> Floats:
    """Values as an array of finite numbers and NaN, shape (values,).

    >>> floats([1, True, 1e999, None]).tolist()
    [1.0, 1.0, nan, nan]
    """
    made: Floats
    try:
        made = np.asarray(values, dtype=np.float64)
    except NOT_NUMBERS:
        return np.array([number(value) for value in values])
    finite = np.isfinite(made)
    return made if finite.all() else np.where(finite, made, np.nan)


def numbers(tensor: Tensor) -> Tensor:
    """A tensor of numbers, with NaN for each value that is none."""
    return replace(tensor, data=[number(value) for value in tensor.data])
