"""The size of outputs, as learnt from answers."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.agreement.scales import MANY, MAX_COLUMNS, MAX_OUTPUTS, MEMORY, Scales

KEY = ("y", ())


def test_zeros_and_a_few_huge_values_do_not_move_it() -> None:
    scales = Scales()
    for at in range(1000):
        scales.update(KEY, [0.0 if at % 2 else 1e9 if at % 100 == 0 else 10.0], 1)
    assert 5.0 < (scales.get(KEY) or [0.0])[0] < 20.0


def test_a_batch_says_what_its_rows_say() -> None:
    table = np.array([[1.0, 0.0], [100.0, 5.0], [float("nan"), 5.0]])
    one, many = Scales(), Scales()
    for row in table.tolist():
        one.update(("", ("a", "b")), row, 2)
    many.update_batch(("", ("a", "b")), table)
    assert many.get(("", ("a", "b"))) == pytest.approx(one.get(("", ("a", "b"))))
    assert many.get(("", ("a", "b"))) == pytest.approx([10.0, 5.0])


def test_what_was_long_ago_is_forgotten() -> None:
    scales = Scales()
    scales.update_batch(KEY, np.full((int(MEMORY), 1), 1.0))
    for _ in range(10):
        scales.update_batch(KEY, np.full((int(MEMORY), 1), 100.0))
    assert scales.get(KEY) == pytest.approx([100.0])


def test_outputs_are_bounded_and_an_unknown_one_has_no_size() -> None:
    scales = Scales()
    for at in range(MAX_OUTPUTS + 5):
        scales.update((f"y{at}", ()), [1.0], 1)
    assert scales.get((f"y{MAX_OUTPUTS + 1}", ())) is None
    scales.update_batch(("more", ()), np.ones((1, 1)))
    assert scales.get(("more", ())) is None


def test_many_values_of_one_answer_say_what_few_do() -> None:
    values = [1.0, None, 100.0, 0.0, float("inf")] * MANY
    few, many = Scales(), Scales()
    few.update(KEY, values[:10], 1)
    many.update(KEY, values, 1)
    assert many.get(KEY) == pytest.approx(few.get(KEY))


def test_outputs_are_bounded_in_the_sum_of_their_columns() -> None:
    scales, wide = Scales(), MAX_COLUMNS // 2
    for name in "abc":
        scales.update((name, ()), [1.0] * wide, wide)
    assert [scales.get((name, ())) is not None for name in "abc"] == [True, True, False]
    scales.update(("a", ()), [1.0] * (wide + 1), wide + 1)
    scales.update(("c", ()), [1.0] * wide, wide)
    assert [scales.get((name, ())) is not None for name in "abc"] == [False, True, True]
