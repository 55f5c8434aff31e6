"""The arrays that statistics pass to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""An array of 64-bit floating-point numbers; the docstring of its user says of which shape."""

Counts = float | NDArray[Any]
"""A count, or an array of counts: one for each independent run of a simulation."""


def distinct(values: Floats) -> Floats:
    """The different values of an array, ascending.

    `np.unique` alone asks whether the array is a masked one, and imports those for that: a megabyte, and 17 ms.

    >>> distinct(np.array([2.0, 1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return np.unique(values, return_counts=True)[0]
