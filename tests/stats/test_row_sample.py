"""Samples of rows: unbiased, bounded, and the same for the same seed."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.observation import Tensor
from proxy.stats.row_sample import (
    MAX_BODY_COST,
    MAX_TEXT_CHARACTERS,
    MAX_TEXTS,
    TEXT_COST,
    VALUE_COST,
    is_large,
    sample,
    sampled,
    some_texts,
)

SEEDS = st.integers(0, 1 << 40)


@given(st.integers(0, 300), st.integers(1, 300), SEEDS)
def test_a_sample_is_without_replacement_and_drawn_again_by_its_seed(count: int, most: int, seed: int) -> None:
    places = sample(count, most, seed)
    assert len(set(places)) == len(places) == min(count, most)
    assert set(places) <= set(range(count))
    assert places == sample(count, most, seed)


@settings(max_examples=25)
@given(st.integers(2, 40), st.data(), st.integers(0, 1 << 30))
def test_each_row_is_as_likely_as_any_other(count: int, data: st.DataObject, begin: int) -> None:
    most = data.draw(st.integers(1, count - 1))
    draws = 3000
    seen = Counter(place for seed in range(begin, begin + draws) for place in sample(count, most, seed))
    expected = draws * most / count
    spread = (expected * (1 - most / count)) ** 0.5
    # Six standard deviations, over some hundred rows of all examples.
    assert all(abs(seen[place] - expected) <= 6 * spread + 1 for place in range(count))


def test_samples_of_neighbouring_seeds_are_independent() -> None:
    met = [len(set(sample(1000, 100, seed)) & set(sample(1000, 100, seed + 1))) for seed in range(400)]
    assert 9.5 < sum(met) / len(met) < 10.5  # a tenth of a tenth


def test_a_mean_over_sampled_rows_is_that_of_all_rows() -> None:
    rows = [float(row % 16 == 0) for row in range(262_144)]  # values that take turns, as interleaved sensors do
    body = (Tensor("y", len(rows), 1, "number", rows),)
    means = [sum(sampled(body, seed)[0].data) / MAX_BODY_COST for seed in range(20)]
    assert abs(sum(means) / 20 - 1 / 16) < 0.002
    assert max(means) - min(means) < 0.01


@given(st.integers(1, 90_000), st.sampled_from([1, 2, 7, 200, 4096]), st.sampled_from(["number", "category"]), SEEDS)
def test_a_sampled_body_costs_no_more_than_the_bound(rows: int, width: int, kind: str, seed: int) -> None:
    rows = max(min(rows, 262_144 // width), 1)
    each = 1 if kind == "number" else VALUE_COST
    body = (Tensor("y", rows, width, kind, range(rows * width)),)  # type: ignore[arg-type]
    if not is_large(body):
        assert rows * width * each <= MAX_BODY_COST
        return
    (some,) = sampled(body, seed)
    assert 1 <= some.rows == max(MAX_BODY_COST // (width * each), 1)
    assert [value % width for value in some.data] == list(range(width)) * some.rows  # whole rows
    assert list(some.data) == sorted(some.data)  # in their order


def test_texts_and_all_tensors_of_a_row_stay_together() -> None:
    rows = 10_000
    texts = (("t", tuple(map(str, range(rows)))),)
    body = (
        Tensor("", rows, 1, "number", range(rows), ("t.chars",), texts=texts),
        Tensor("x", rows, 1, "number", range(rows)),
    )
    chars, other = sampled(body, 5)
    assert chars.rows * TEXT_COST <= MAX_BODY_COST
    assert list(chars.data) == list(other.data) == [int(text or 0) for text in chars.texts[0][1]]


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=300), SEEDS)
def test_texts_that_are_compared_are_bounded_in_number_and_length(lengths: list[int], seed: int) -> None:
    places = some_texts(lengths, seed)
    assert 1 <= len(places) <= MAX_TEXTS
    assert len(places) == 1 or sum(lengths[place] for place in places) <= MAX_TEXT_CHARACTERS
    if len(lengths) <= MAX_TEXTS and sum(lengths) <= MAX_TEXT_CHARACTERS:
        assert places == list(range(len(lengths)))
