"""Boxes of detected objects that say the same, whatever their order: each meets one of its class that covers it.

Boxes are four columns (`xmin` … `ymax`, `x1` … `y2`, or a corner with width and height), or rows of four numbers in an
output of that name; classes and scores stand beside them. Two boxes meet at an intersection over union (IoU) of
`MIN_IOU` or more, as COCO and PASCAL VOC count. A box of little confidence may come and go: only what a side is sure of
must have its counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.rules import BOX_NAMES, AnswerRules
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.arrays import Floats

MIN_IOU = 0.5
"""Intersection over union from which on two boxes are of one object."""

SURE = 0.5
"""Score from which on a box must have its counterpart."""

FAR = 1e75
"""Coordinates beyond it are as good as infinite: areas of boxes are products."""

MAX_BOXES = 256
"""Boxes of a side that are compared, the surest first; COCO counts a hundred. All of one side meet all of the other."""

CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"))
SIZES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
CLASS_NAMES = ("label", "class", "category", "name")
SCORE_NAMES = ("score", "confidence", "prob")


class Boxes(Struct, frozen=True, gc=False):
    """What one answer detected."""

    corners: Floats
    """Left, top, right and bottom, shape (boxes, 4)."""
    classes: tuple[Any, ...]
    """Of each box; None where nothing is said."""
    scores: Floats
    """Of each box; 1 where nothing is said."""


def boxes_of(outputs: Sequence[Tensor], rules: AnswerRules) -> Boxes | None:
    """The boxes of an answer; None where it holds none."""
    for tensor in outputs:
        corners = _corners(tensor, rules)
        if corners is not None:
            classes = _beside(outputs, tensor, CLASS_NAMES, len(corners))
            scores = _beside(outputs, tensor, SCORE_NAMES, len(corners))
            known = scores is not None and all(isinstance(each, int | float) for each in scores)
            sure = np.array(scores, dtype=np.float64) if known else np.ones(len(corners))
            best = np.argsort(-sure, kind="stable")[:MAX_BOXES]
            rules.left_out += len(corners) - len(best)
            named = classes or [None] * len(corners)
            corners = np.nan_to_num(corners, posinf=FAR, neginf=-FAR).clip(-FAR, FAR)
            return Boxes(corners[best], tuple(named[at] for at in best.tolist()), sure[best])
    return None


def _corners(tensor: Tensor, rules: AnswerRules) -> Floats | None:
    if tensor.kind != "number":
        return None
    if tensor.columns:
        return _framed(tensor)
    name = tensor.name.lower().rpartition(".")[2]
    named = rules.of(tensor.name).comparer == "boxes" or any(word in name for word in BOX_NAMES)
    if not named or not tensor.width or tensor.width % 4:
        return None
    return np.array(tensor.data, dtype=np.float64).reshape(-1, 4)


def _framed(tensor: Tensor) -> Floats | None:
    last = [column.rpartition(".")[2].lower() for column in tensor.columns]
    for names in (*CORNERS, *SIZES):
        if all(name in last for name in names):
            table = np.array(tensor.data, dtype=np.float64).reshape(-1, tensor.width)
            corners = table[:, [last.index(name) for name in names]]
            if names in SIZES:
                corners[:, 2:] += corners[:, :2]
            return corners
    return None


def _beside(outputs: Sequence[Tensor], boxes: Tensor, words: Sequence[str], count: int) -> Sequence[Any] | None:
    """What is said of each box in another output, or in another column."""
    for tensor in outputs:
        for at, column in enumerate(tensor.columns):
            if any(word in column.lower() for word in words) and tensor.rows == count:
                return tensor.data[at :: tensor.width]
        named = tensor is not boxes and not tensor.columns and any(word in tensor.name.lower() for word in words)
        if named and len(tensor.data) == count:
            return tensor.data
    return None


def compare_boxes(mine: Boxes, other: Boxes) -> AnswerDifference:
    """The difference of what was detected; `shift` is the part of the sure boxes without a counterpart."""
    pairs = _met(mine, other)
    alone = [at for at in range(len(mine.scores)) if mine.scores[at] >= SURE and at not in pairs]
    others = set(pairs.values())
    strange = [at for at in range(len(other.scores)) if other.scores[at] >= SURE and at not in others]
    sure = int((mine.scores >= SURE).sum() + (other.scores >= SURE).sum())
    shift = (len(alone) + len(strange)) / sure if sure else 0.0
    if not alone and not strange:
        return AnswerDifference(False, "boxes", shift)
    row = alone[0] if alone else strange[0]
    found = f"boxes: {len(alone)} of the primary's and {len(strange)} of the other's have no counterpart of their class"
    return AnswerDifference(True, "boxes", shift, None, row, f"{found} with an IoU of {MIN_IOU:g} or more")


def _met(mine: Boxes, other: Boxes) -> dict[int, int]:
    """Boxes and their counterparts: the best fits first, each box once."""
    if not len(mine.corners) or not len(other.corners):
        return {}
    fits = overlaps(mine.corners, other.corners)
    fits[np.array(mine.classes, dtype=object)[:, None] != np.array(other.classes, dtype=object)[None, :]] = 0.0
    candidates = np.argwhere(fits >= MIN_IOU)
    order = np.argsort(-fits[candidates[:, 0], candidates[:, 1]], kind="stable")
    met: dict[int, int] = {}
    taken: set[int] = set()
    most = min(len(mine.corners), len(other.corners))
    for at, to in candidates[order].tolist():
        if len(met) == most:
            break
        if at not in met and to not in taken:
            met[at] = to
            taken.add(to)
    return met


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of each box of `a` with each of `b`, shape (a, b); a box of no size meets its equal.

    >>> overlaps(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
    [[0.333]]
    """
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0.0, None).prod(axis=2)
    areas = [np.clip(each[:, 2:] - each[:, :2], 0.0, None).prod(axis=1) for each in (a, b)]
    either = areas[0][:, None] + areas[1][None, :] - both
    equal = (a[:, None, :] == b[None, :, :]).all(axis=2)
    fits: Floats = np.where(equal, 1.0, both / np.where(either > 0.0, either, 1.0))
    return fits
