"""What is done to arrays in more than one place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from proxy.stats.arrays import distinct


def test_distinct_values_are_those_of_a_set_in_order() -> None:
    rng = np.random.default_rng(7)
    for values in (np.empty(0), rng.integers(0, 9, 100).astype(np.float64), np.array([-0.0, 0.0, np.inf, -np.inf])):
        assert distinct(values).tolist() == sorted(set(values.tolist()))


def test_drift_imports_no_masked_arrays() -> None:
    code = (
        "import sys, numpy as np; from proxy.stats.drift.edges import edges_of; "
        "[edges_of(np.array(v)) for v in ([1.0] * 90 + list(range(200)), np.arange(500) / 7, [1.0, 2.0] * 50)]; "
        "assert 'numpy.ma' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
