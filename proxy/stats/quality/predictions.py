"""What an answer predicts, row by row: a class, scores of classes, a number."""

from __future__ import annotations

from math import isfinite
from typing import Any

from msgspec import Struct

from proxy.contracts.bounds import MAX_VALUE, shortened
from proxy.contracts.observation import Tensor
from proxy.contracts.table import Role
from proxy.stats.finite import number

Label = int | float | str


class Prediction(Struct, frozen=True, gc=False):
    """One prediction of one row. A field is None where the version gave no such thing."""

    label: Label | None = None
    """The predicted class."""
    scores: tuple[float, ...] | None = None
    """Scores of the classes 0, 1, …"""
    number: float | None = None
    """A predicted number, or the probability of class 1."""


class LegAnswer(Struct, frozen=True, gc=False):
    """The answer of one version to a request. Its predictions are read when a label comes, for most requests never."""

    version: str
    role: Role
    share: float
    """The part of live traffic that the version had when the leg was assigned, 0 to 1."""
    outputs: tuple[Tensor, ...]

    def prediction(self, row: int) -> Prediction | None:
        """The prediction of one row; None where there is none."""
        return next(iter(predictions_of(self.outputs, range(row, row + 1))), None)


def plain(value: Any) -> Label | None:
    """A label as it is compared: whole numbers as int, whatever JSON or a tensor made of them."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if isfinite(value) else None
    if isinstance(value, str):
        return shortened(value, MAX_VALUE)
    return value if isinstance(value, int) else None


def predictions_of(outputs: tuple[Tensor, ...], those: range | None = None) -> tuple[Prediction, ...]:
    """The predictions in output tensors, row by row: a label, scores of classes, a number, or several; () for none.
    `those`: rows that are asked for, in place of all.

    >>> predictions_of((Tensor("p", 2, 2, "number", [0.1, 0.9, 0.8, 0.2]),))[1].scores
    (0.8, 0.2)
    """
    rows = outputs[0].rows if outputs else 0
    asked = range(rows)[those.start : those.stop] if those else range(rows)
    if len(asked) and len(outputs) == 1 and rows == 1 and outputs[0].width == 1:
        only, value = outputs[0], outputs[0].data[0]
        if only.integer or only.kind == "category":
            return (Prediction(plain(value)),)
        return (Prediction(None, None, number(value)),)
    label = next((t for t in outputs if t.width == 1 and t.rows == rows and (t.integer or t.kind == "category")), None)
    scores = next((t for t in outputs if t.width > 1 and t.rows == rows and t.kind == "number" and not t.vector), None)
    amount = next(
        (t for t in outputs if t.width == 1 and t.rows == rows and t.kind == "number" and not t.integer), None
    )
    if label is None and scores is None and amount is None:
        return ()
    return tuple(
        [
            Prediction(
                None if label is None else plain(label.data[row]),
                None
                if scores is None
                else tuple(map(number, scores.data[row * scores.width : (row + 1) * scores.width])),
                None if amount is None else number(amount.data[row]),
            )
            for row in asked
        ]
    )
