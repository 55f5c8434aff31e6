"""Boxes of detected objects, in the forms in which models answer them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.boxes import MAX_BOXES, boxes_of, compare_boxes, overlaps
from proxy.stats.agreement.compare import compare
from proxy.stats.agreement.rules import AnswerRules
from tests.support.observed import observation

Box = tuple[float, float, float, float, str, float]
CAT, DOG = (10.0, 10.0, 110.0, 60.0, "cat", 0.9), (200.0, 50.0, 260.0, 160.0, "dog", 0.8)
FAINT = (5.0, 5.0, 20.0, 20.0, "cat", 0.1)


def framed(boxes: list[Box]) -> tuple[Tensor, ...]:
    """As transformers' pipelines answer: objects with a box each."""
    columns = ("score", "box.xmin", "box.ymin", "box.xmax", "box.ymax")
    numbers = [value for box in boxes for value in (box[5], *box[:4])]
    return (
        Tensor("", len(boxes), 5, "number", numbers, columns),
        Tensor("", len(boxes), 1, "category", [box[4] for box in boxes], ("label",)),
    )


def tensors(boxes: list[Box]) -> tuple[Tensor, ...]:
    """As Triton's ensembles and torchvision answer: one row of everything."""
    return (
        Tensor("labels", 1, len(boxes), "category", [box[4] for box in boxes]),
        Tensor("boxes", 1, 4 * len(boxes), "number", [value for box in boxes for value in box[:4]]),
        Tensor("scores", 1, len(boxes), "number", [box[5] for box in boxes]),
    )


def found(mine: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Any:
    a, b = (
        observation((0, "a"), 1, "", "r", "v", "shadow", 0.0, 200, "", 0.0, 0.0, 0.0, outputs=outputs)
        for outputs in (mine, other)
    )
    return compare(a, b)


@pytest.mark.parametrize("form", [framed, tensors])
def test_order_small_moves_and_faint_boxes_say_nothing(form: Any) -> None:
    moved = (12.0, 9.0, 111.0, 62.0, "cat", 0.85)
    assert not found(form([CAT, DOG]), form([DOG, CAT])).disagree
    assert not found(form([CAT, DOG]), form([DOG, moved])).disagree
    assert not found(form([CAT, DOG, FAINT]), form([CAT, DOG])).disagree


@pytest.mark.parametrize("form", [framed, tensors])
def test_a_sure_box_without_a_counterpart_of_its_class_differs(form: Any) -> None:
    for other in (
        [CAT],
        [CAT, (*DOG[:4], "cat", 0.9)],
        [CAT, (400.0, 50.0, 460.0, 160.0, "dog", 0.8)],
        [CAT, DOG, DOG],
    ):
        difference = found(form([CAT, DOG]), form(other))
        assert (difference.disagree, difference.kind) == (True, "boxes")
        assert difference.disagree == found(form(other), form([CAT, DOG])).disagree
    assert difference.comparer.startswith("boxes: 0 of the primary's and 1 of the other's")


def test_a_corner_with_width_and_height() -> None:
    made = boxes_of((Tensor("", 1, 4, "number", [10.0, 20.0, 30.0, 5.0], ("x", "y", "w", "h")),), AnswerRules())
    assert made is not None and made.corners.tolist() == [[10.0, 20.0, 40.0, 25.0]]
    assert boxes_of((Tensor("y", 1, 4, "number", [1.0] * 4),), AnswerRules()) is None


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 4), max_size=8), st.randoms(use_true_random=False))
def test_boxes_equal_themselves_in_any_order(corners, rng) -> None:  # type: ignore[no-untyped-def]
    boxes: list[Box] = [(float(a), float(b), float(c), float(d), "cat", 0.9) for a, b, c, d in corners]
    others = list(boxes)
    rng.shuffle(others)
    mine, other = boxes_of(tensors(boxes), AnswerRules()), boxes_of(tensors(others), AnswerRules())
    if boxes:
        assert mine is not None and other is not None
        assert not compare_boxes(mine, other).disagree


def test_the_overlap_is_that_of_the_areas() -> None:
    a = np.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    b = np.array([[0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0], [0.0, 0.0, 0.0, 0.0]])
    assert overlaps(a, b).tolist() == [[0.5, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_boxes_beyond_the_bound_are_counted() -> None:
    many = [(*CAT[:4], "cat", 0.9)] * (MAX_BOXES + 3)
    rules = AnswerRules()
    made = boxes_of(framed(many), rules)
    assert made is not None and (len(made.corners), rules.left_out) == (MAX_BOXES, 3)
