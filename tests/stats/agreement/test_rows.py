"""Columns by name, rows by key, sets by value."""

from __future__ import annotations

from proxy.contracts.observation import Tensor
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.rows import by_columns, by_key, in_order, kept
from proxy.stats.agreement.rules import AnswerRules


def test_rows_come_in_the_order_of_their_keys() -> None:
    tensor = Tensor("e", 2, 2, "number", [1.0, 2.0, 3.0, 4.0], keys=(7, 3))
    assert (by_key(tensor).keys, by_key(tensor).data) == ((3, 7), [3.0, 4.0, 1.0, 2.0])
    without = Tensor("e", 2, 1, "number", [1.0, 2.0], keys=(1,))
    assert by_key(without) is without


def test_a_set_is_sorted_by_row_or_within_its_only_row() -> None:
    assert in_order(Tensor("t", 1, 3, "category", ["b", None, "a"])).data == ["a", "b", None]
    assert in_order(Tensor("t", 2, 2, "number", [2.0, 0.0, 1.0, 9.0])).data == [1.0, 9.0, 2.0, 0.0]
    assert in_order(Tensor("t", 0, 2, "number", [])).data == []


def test_what_is_ignored_is_left_out_of_frames_and_outputs() -> None:
    rules = AnswerRules(Analysis(ignore=("/response/id", "ts*")))
    frame = Tensor("", 1, 3, "number", [1.0, 2.0, 3.0], ("id", "y", "ts_1"))
    (left,) = kept((frame, Tensor("tsx", 1, 1, "number", [1.0])), rules)
    assert (left.columns, left.data) == (("y",), [2.0])
    assert kept((frame,), AnswerRules())[0] is frame
    assert kept((by_columns(frame, ("id",)),), rules) == []
