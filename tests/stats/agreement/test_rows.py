"""Columns by name, rows by key, sets by value."""

from __future__ import annotations

import pytest

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.rows import by_columns, by_key, in_order, kept, with_texts
from proxy.stats.agreement.rules import AnswerRules
from tests.support.observed import observation


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


LONG = "the quick brown fox jumps over the lazy dog and runs far away into the dark wood"


@pytest.mark.parametrize("frame", [True, False])
def test_a_long_text_is_compared_as_the_text_that_it_is(frame: bool) -> None:
    def answer(text: str) -> Observation:
        cut = Tensor("note", 1, 1, "category", [text[:70] + "…"], texts=(("note", (text,)),))
        numbers = [1.0, float(len(text))]
        beside = Tensor("", 1, 2, "number", numbers, ("y", "note.chars"), texts=(("note", (text,)),))
        outputs = (beside if frame else cut,)
        return observation((0, "a"), 1, "", "r", "v", "shadow", 0.0, 200, "", 0.0, 0.0, 0.0, outputs=outputs)

    mine, edited, other = answer(LONG), answer(LONG + " and beyond"), answer(" ".join(reversed(LONG.split())))
    near, far = compare(mine, edited), compare(mine, other)
    assert near is not None and far is not None
    assert not near.disagree
    assert (far.disagree, far.kind) == (True, "text")
    plain = (Tensor("y", 1, 1, "number", [1.0]),)
    assert with_texts(plain) is plain
