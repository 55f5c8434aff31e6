"""Outputs brought into one order before they are compared: columns by name, rows by key, sets by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.numbers import rows_of
from proxy.stats.agreement.rules import AnswerRules


def with_texts(outputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Outputs with their texts in place of what was made of them: lengths, and labels that were cut."""
    if not any(tensor.texts for tensor in outputs):
        return outputs
    return [each for tensor in outputs for each in (_texts(tensor) if tensor.texts else (tensor,))]


def _texts(tensor: Tensor) -> Iterator[Tensor]:
    if not tensor.columns:
        yield replace(tensor, data=tensor.texts[0][1])
        return
    lengths = {f"{name}{CHARS}" for name, _ in tensor.texts}
    if left := [column for column in tensor.columns if column not in lengths]:
        yield replace(by_columns(tensor, left), texts=())
    for name, column in tensor.texts:
        yield Tensor(name, len(column), 1, "category", column, texts=((name, column),))


CHARS = ".chars"
"""End of the name of a text's length (`payload.tabular`)."""


def kept(outputs: Sequence[Tensor], rules: AnswerRules) -> Sequence[Tensor]:
    """Outputs less what is ignored."""
    if not rules.ignored:
        return outputs
    return [each for each in (_kept(tensor, rules) for tensor in outputs) if each is not None]


def _kept(tensor: Tensor, rules: AnswerRules) -> Tensor | None:
    if not tensor.columns:
        return None if rules.ignored.has(tensor.name) else tensor
    left = tuple([column for column in tensor.columns if not rules.ignored.has(column)])
    return by_columns(tensor, left) if left else None


def apart(outputs: Sequence[Tensor], rules: AnswerRules) -> Sequence[Tensor]:
    """Outputs with the columns that have a rule of their own beside their frames, as outputs of their names."""
    if not rules.analysis.outputs:
        return outputs
    return [each for tensor in outputs for each in (_apart(tensor, rules) if tensor.columns else (tensor,))]


def _apart(tensor: Tensor, rules: AnswerRules) -> Iterator[Tensor]:
    own = [column for column in tensor.columns if rules.of(column).comparer or rules.of(column).unordered]
    if left := [column for column in tensor.columns if column not in own]:
        yield tensor if not own else by_columns(tensor, left)
    for column in own:
        yield replace(by_columns(tensor, (column,)), name=column, columns=())


def by_columns(tensor: Tensor, columns: Sequence[str]) -> Tensor:
    """A frame with these of its columns, in this order.

    >>> by_columns(Tensor("", 2, 2, "number", [1, 2, 3, 4], ("a", "b")), ("b", "a")).data
    [2, 1, 4, 3]
    """
    if len(set(tensor.columns)) < len(tensor.columns):
        return tensor
    places = [tensor.columns.index(column) for column in columns]
    data = [row[place] for row in rows_of(tensor) for place in places]
    return replace(tensor, columns=tuple(columns), width=len(places), data=data)


def by_key(tensor: Tensor) -> Tensor:
    """A tensor with its rows in the order of their keys; as it is where keys are missing."""
    if len(tensor.keys) != tensor.rows:
        return tensor
    order = sorted(range(tensor.rows), key=lambda row: (str(type(tensor.keys[row])), tensor.keys[row]))
    return _ordered(replace(tensor, keys=tuple([tensor.keys[row] for row in order])), order)


def in_order(tensor: Tensor) -> Tensor:
    """A tensor as a set: its rows sorted, or the values of its only row."""
    if tensor.rows == 1 and not tensor.columns:
        return replace(tensor, data=sorted(tensor.data, key=_place))
    rows = rows_of(tensor)
    return _ordered(tensor, sorted(range(len(rows)), key=lambda row: [_place(value) for value in rows[row]]))


def _ordered(tensor: Tensor, order: Sequence[int]) -> Tensor:
    if list(order) == list(range(tensor.rows)):
        return tensor
    rows = rows_of(tensor)
    if not rows:
        return tensor
    return replace(tensor, data=[value for row in order for value in rows[row]])


def _place(value: Any) -> tuple[bool, str, Any]:
    """What is missing comes last."""
    missing = value is None or value != value
    return missing, "" if missing else type(value).__name__ if isinstance(value, str) else "", 0 if missing else value
