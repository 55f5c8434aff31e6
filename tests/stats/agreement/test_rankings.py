"""Rankings by their best and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.rankings import compare_rankings

SCORES = st.dictionaries(st.integers(0, 30), st.floats(-10, 10), max_size=20)


def ranking(scores: dict[int, float]) -> Tensor:
    return Tensor("relevance_score", len(scores), 1, "number", list(scores.values()), ranks=True, keys=tuple(scores))


@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_a_ranking_equals_itself_in_any_order_and_as_any_scores_of_that_order(a, b, rng) -> None:  # type: ignore[no-untyped-def]
    order = list(a)
    rng.shuffle(order)
    assert not compare_rankings(ranking(a), ranking({key: a[key] for key in order})).disagree
    assert not compare_rankings(ranking(a), ranking({key: 3.0 * a[key] + 1.0 for key in a})).disagree
    assert compare_rankings(ranking(a), ranking(b)).disagree == compare_rankings(ranking(b), ranking(a)).disagree


@pytest.mark.parametrize(
    ("mine", "other", "disagree"),
    [
        ({0: 0.9, 1: 0.5, 2: 0.1}, {2: 0.11, 0: 0.7, 1: 0.4}, False),
        ({0: 0.9, 1: 0.5, 2: 0.1}, {0: 0.5, 1: 0.9, 2: 0.1}, True),
        ({0: 0.9, 1: 0.9, 2: 0.1}, {0: 0.8, 1: 0.8, 2: 0.1}, False),
        ({at: 1.0 - at / 20 for at in range(20)}, {at: 1.0 - at / 20 for at in range(10)}, False),
        ({at: 1.0 - at / 20 for at in range(20)}, {at: 1.0 if at == 0 else at / 25 for at in range(20)}, True),
        ({0: 0.9, 1: 0.5}, {0: 0.9, 1: float("nan")}, True),
        ({0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.9, 4: 0.8, 3: 0.7}, True),
        ({0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.9, 1: 0.8, 3: 0.7}, False),
        ({0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.9}, False),
        ({0: 0.9, 1: 0.9}, {1: 0.9}, False),
        ({0: 0.9, 1: 0.7, 2: 0.1}, {0: 0.5, 1: 0.5, 2: 0.5}, True),
        ({0: 1e-5, 1: 3e-6, 2: 1e-6}, {0: 0.0, 1: 0.0, 2: 0.0}, False),
    ],
)
def test_the_best_and_the_order(mine: dict[int, float], other: dict[int, float], disagree: bool) -> None:
    found = compare_rankings(ranking(mine), ranking(other))
    assert found.disagree is disagree
    assert found.comparer.startswith("ranking: ") is disagree


def test_a_ranking_that_does_not_say_what_it_rates_is_not_one_that_does() -> None:
    mine = ranking({0: 0.9, 1: 0.5})
    same_index_twice = Tensor("relevance_score", 2, 1, "number", [0.9, 0.5], ranks=True)
    assert compare_rankings(mine, same_index_twice).disagree
    assert compare_rankings(same_index_twice, mine).disagree
    assert not compare_rankings(same_index_twice, same_index_twice).disagree


def test_the_part_of_pairs_in_another_order_and_of_the_best_that_both_have() -> None:
    found = compare_rankings(ranking({0: 4.0, 1: 3.0, 2: 2.0, 3: 1.0}), ranking({0: 4.0, 1: 3.0, 2: 1.0, 3: 2.0}))
    assert found.shift == pytest.approx(1 / 6)
    assert found.overlap == 1.0
