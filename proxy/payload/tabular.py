"""JSON rows and columns to tensors: what KServe V1, MLflow and plain JSON have in common.

A frame becomes at most two tensors, its number columns and its category columns, and one for each column of arrays.
Strings longer than `MAX_CATEGORY` are texts, of which the length is a feature. Objects inside rows are not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from msgspec.structs import replace

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.observation import ColumnKind, Tensor
from proxy.payload.errors import TELLING, is_error
from proxy.payload.pictures.found import opened
from proxy.payload.reading import (
    MAX_CATEGORY,
    MAX_DEPTH,
    MAX_TENSOR_VALUES,
    MAX_TENSORS,
    NONE_TYPE,
    NUMBER_CLASSES,
    Unreadable,
    checked,
    flatten,
    kept_texts,
    name_of,
    packed,
)

MAX_TELLING_ROWS = 8192
"""Rows of an answer that may be errors by the names of their fields, and are looked at one by one: 30 ms."""

CHARS = ".chars"
"""End of the name of a feature that is the length of a text."""


def tensors_of(value: Any, name: str, one_row: bool = False) -> tuple[Tensor, ...]:
    """Rows (of scalars, arrays or objects), a mapping of columns, or one object, as tensors; `one_row`: a flat list is
    a single row. Raises Unreadable."""
    if isinstance(value, dict):
        return columns_of(value) if _is_columnar(value) else records_of([value])
    if not isinstance(value, list):
        value = [value]
    if value and isinstance(value[0], dict):
        return records_of(value)
    if one_row and value and not any(isinstance(each, list) for each in value):
        value = [value]
    return (block(value, name),)


def predictions_of(value: Any, name: str, one_row: bool = False) -> tuple[Tensor, ...]:
    """The same of an answer, of which nothing may go unread: objects inside rows are columns of their own (`a.b`), and
    a column of mixed values is a form that is not read. Raises Unreadable."""
    if value is None or value == {}:
        raise Unreadable("empty_body")
    rows = value if isinstance(value, list) else [value]
    if isinstance(value, dict) and _is_columnar(value):
        if TELLING.isdisjoint(value) and not any(dict in set(map(type, column)) for column in value.values()):
            _refuse_mixed(value.values())
            return columns_of(value)
        rows = _rows_of(value)
    telling = [row for row in rows if isinstance(row, dict) and not TELLING.isdisjoint(row)]
    if len(telling) > MAX_TELLING_ROWS:
        raise Unreadable("too_many_values")
    if any(map(is_error, telling)):
        raise Unreadable("error_in_body")
    if rows and all(isinstance(row, dict) for row in rows):
        rows = [_flat(row) for row in rows]
        _refuse_unknown(rows)
        return records_of(rows)
    return tensors_of(value, name, one_row)


def _rows_of(columns: dict[str, list[Any]]) -> list[Any]:
    """Columns by name as rows, each an object."""
    if len(columns) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    if len(next(iter(columns.values()))) > MAX_TELLING_ROWS:
        raise Unreadable("too_many_values")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _flat(row: dict[str, Any], depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Objects inside a row as columns of the row."""
    if not any(isinstance(value, dict) for value in row.values()):
        return row
    if not depth:
        raise Unreadable("form")
    if len(row) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    flat: dict[str, Any] = {}
    for name, value in row.items():
        inner, name = _flat(value, depth - 1) if isinstance(value, dict) else None, name_of(name)
        flat.update({name: value} if inner is None else {f"{name}.{key}": each for key, each in inner.items()})
    return flat


def _refuse_unknown(rows: list[dict[str, Any]]) -> None:
    _refuse_mixed([row.get(name) for row in rows] for name in _named(rows))


def _refuse_mixed(columns: Iterable[list[Any]]) -> None:
    for column in columns:
        types = set(map(type, column)) - {NONE_TYPE}
        if len(types) > 1 and not types <= NUMBER_CLASSES:
            raise Unreadable("form")


def _is_columnar(value: dict[str, Any]) -> bool:
    sizes = {len(column) for column in value.values() if isinstance(column, list)}
    return len(sizes) == 1 and all(isinstance(column, list) for column in value.values())


def block(rows: list[Any], name: str) -> Tensor:
    """Rows of scalars or of equally long (nested) arrays as one tensor. Raises Unreadable."""
    data = flatten(rows)
    width = len(data) // len(rows) if rows else 1
    if width * len(rows) != len(data):
        raise Unreadable("shape")
    return typed(name, len(rows), width, data)


def typed(name: str, rows: int, width: int, data: list[Any], columns: tuple[str, ...] = ()) -> Tensor:
    """A tensor whose kind follows from its values: all strings, or all numbers. Raises Unreadable."""
    types = set(map(type, data))
    kind: ColumnKind = "category" if str in types else "number"
    integer = int in types and types <= {int, bool, NONE_TYPE}
    values = packed(data) if types == {float} else checked(data, kind)
    return Tensor(name, rows, width, kind, values, columns, integer)


def records_of(records: list[Any]) -> tuple[Tensor, ...]:
    """Rows as objects; a key that a row lacks is a missing value there. Raises Unreadable."""
    if not all(isinstance(record, dict) for record in records):
        raise Unreadable("schema")
    names = _named(records)
    return split_of(names, [[record.get(name) for record in records] for name in names])


def _named(records: list[dict[str, Any]]) -> list[str]:
    """The names of the columns of rows. Raises Unreadable."""
    names = list(dict.fromkeys(chain.from_iterable(records)))
    if len(names) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    if len(names) * len(records) > MAX_TENSOR_VALUES:
        raise Unreadable("too_many_values")
    return names


def columns_of(columns: dict[str, list[Any]]) -> tuple[Tensor, ...]:
    """Columns by name, all of the same length."""
    return split_of(list(columns), list(columns.values()))


def table_of(names: Any, rows: Any) -> tuple[Tensor, ...]:
    """Column names and rows of scalars, as in a data frame split into `columns` and `data`. Raises Unreadable."""
    if not isinstance(names, list) or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Unreadable("schema")
    if any(len(row) != len(names) for row in rows):
        raise Unreadable("shape")
    data = flatten(rows)
    if len(names) <= MAX_TENSORS and len(data) == len(rows) * len(names) and set(map(type, data)) <= NUMBER_CLASSES:
        return (typed("", len(rows), len(names), data, _names(names)),)
    return split_of(names, [list(column) for column in zip(*rows, strict=True)])


def split_of(names: Sequence[Any], columns: Sequence[list[Any]]) -> tuple[Tensor, ...]:
    """Named columns as tensors: numbers together, categories together, arrays alone. Raises Unreadable."""
    if len(names) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    rows = len(columns[0]) if columns else 0
    if rows * len(names) > MAX_TENSOR_VALUES:
        raise Unreadable("too_many_values")
    numbers: dict[str, list[Any]] = {}
    categories: dict[str, list[Any]] = {}
    texts: dict[str, list[Any]] = {}
    arrays: list[Tensor] = []
    for name, column in zip(_names(names), columns, strict=True):
        types = set(map(type, column)) - {NONE_TYPE}
        if types == {dict} and (texts_in := opened(column)):
            column, types = texts_in, {str}
        if types <= NUMBER_CLASSES:
            numbers[name] = column
        elif types == {str}:
            if _are_texts(column):
                texts[name] = column
                numbers[f"{name_of(name, MAX_NAME - len(CHARS))}{CHARS}"] = [
                    None if text is None else len(text) for text in column
                ]
            else:
                categories[name] = column
        elif types == {list}:
            arrays.append(block(column, name))
    frames = [_frame(part, rows) for part in (numbers, categories) if part]
    if texts:
        frames[0] = replace(frames[0], texts=tuple([(name, kept_texts(column)) for name, column in texts.items()]))
    return (*frames, *arrays)


def _are_texts(column: list[Any]) -> bool:
    return max(len(text) for text in column if text is not None) > MAX_CATEGORY


def _frame(columns: dict[str, list[Any]], rows: int) -> Tensor:
    data = [value for row in zip(*columns.values(), strict=True) for value in row]
    return typed("", rows, len(columns), data, tuple(columns))


def _names(names: Sequence[Any]) -> tuple[str, ...]:
    return tuple([name_of(str(name)) for name in names])
