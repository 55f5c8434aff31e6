"""Answers of rows: another order of the same rows is the same answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.language.ranked import read_rows
from proxy.payload.reading import Unreadable
from tests.payload.bodies import shown

ROWS: list[list[Any]] = [
    [{"index": 0, "embedding": [1, 0]}, {"index": 1, "embedding": [0, 1]}, {"index": 2, "embedding": [1, 1]}],
    [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": 0.1}],
    [{"index": 0, "label": "a", "probs": [0.9, 0.1]}, {"index": 1, "label": "b", "probs": [0.2, 0.8]}],
    [{"label": "a", "score": 0.9}, {"label": "b", "score": 0.1}],
]


@pytest.mark.parametrize("rows", ROWS)
@given(data=st.data())
def test_rows_in_any_order(rows: list[Any], data: st.DataObject) -> None:
    assert shown(read_rows(data.draw(st.permutations(rows)))) == shown(read_rows(rows))


def test_rows_without_an_index_stay_as_they_are() -> None:
    (tensor,) = read_rows([{"score": 0.1}, {"score": 0.9}])
    assert list(tensor.data) == [0.1, 0.9]
    (tensor,) = read_rows([{"index": 0, "score": 0.1}, {"index": 0, "score": 0.9}])
    assert list(tensor.data) == [0.1, 0.9]


def test_moderations_are_columns_by_category() -> None:
    flagged, scores = read_rows([{"flagged": True, "category_scores": {"b": 0.5, "a": 0.25}}])
    assert (list(flagged.data), flagged.integer) == ([True], True)
    assert (scores.columns, list(scores.data)) == (("a", "b"), [0.25, 0.5])


def test_labels_are_columns_and_the_best_one_is_a_label() -> None:
    scores, label = read_rows([[{"label": "b", "score": 0.9}, {"label": "a", "score": 0.1}]])
    assert (scores.columns, list(scores.data), list(label.data)) == (("a", "b"), [0.1, 0.9], ["b"])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"index": 0}], "empty_body"),
        ([{"tokens": [1]}], "form"),
        ([{"embedding": [1]}, {"embedding": [1, 2]}], "shape"),
        ([{"embedding": "%"}], "values"),
        ([{"embedding": 1}], "schema"),
        ([{"probs": [1]}, {"probs": [1, 2]}], "shape"),
        ([{"embedding": [0.5] * 200_000}, {"embedding": [0.5] * 200_000}], "too_many_values"),
        ([{"flagged": True, "category_scores": {str(at): 0 for at in range(300)}}], "too_many_tensors"),
    ],
)
def test_rows_that_are_not_read(rows: list[Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_rows(rows)


def test_vectors_by_token_are_rows() -> None:
    """llama.cpp nests what it pools, in a list of one; texts have different numbers of tokens."""
    (tensor,) = read_rows([{"index": 0, "embedding": [[1, 2]]}])
    assert (tensor.rows, tensor.width, tensor.vector) == (1, 2, True)
    (tensor,) = read_rows([{"index": 0, "object": "pooling", "data": [[1, 2], [3, 4]]}])
    assert (tensor.rows, tensor.width, tensor.keys) == (2, 2, ())
    (tensor,) = read_rows([{"index": 0, "data": [[1, 2], [3, 4]]}, {"index": 1, "data": [[5, 6]]}])
    assert (tensor.rows, tensor.width) == (3, 2)
    with pytest.raises(Unreadable, match="shape"):
        read_rows([{"embedding": [[1, 2], [3]]}])


def test_scores_without_names_and_rows_of_other_things() -> None:
    (tensor,) = read_rows([0.5, 1])
    assert (tensor.name, tensor.rows, tensor.ranks) == ("score", 2, False)
    with pytest.raises(Unreadable, match="form"):
        read_rows([[{"index": 3, "value": 0.5}], []])
