"""The table of binned rows: what was counted comes back from its places, and what is none is left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from proxy.stats.arrays import Floats
from proxy.stats.drift.figures import table_of

tables = arrays.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 9).map(float))


@given(tables)
def test_a_table_comes_back_from_its_places(table: Floats) -> None:
    flat = table.ravel()
    places = {int(at): float(flat[at]) for at in flat.nonzero()[0]}
    features, bins = table.shape
    assert np.array_equal(table_of((features, bins), places), table)
    assert np.array_equal(table_of((features, bins), {str(at): n for at, n in places.items()}), table)


@given(st.dictionaries(st.integers(-20, 40), st.integers(1, 9).map(float)))
def test_places_outside_are_left_out(places: dict[int, float]) -> None:
    table = table_of((3, 4), places)
    assert table.shape == (3, 4)
    assert table.sum() == sum(n for at, n in places.items() if 0 <= at < 12)
