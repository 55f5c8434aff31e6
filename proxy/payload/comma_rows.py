"""Rows as comma-separated values (RFC 4180), as MLflow and SageMaker take them, and SageMaker's models answer.

A first line of names is one where it holds no number and a line below it does. A column whose every value is a number,
or missing, is a column of numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from proxy.contracts.json_cost import MAX_COST
from proxy.contracts.observation import Tensor
from proxy.contracts.stream_end import media_of
from proxy.payload.reading import BOM, MAX_TENSORS, Body, Unreadable
from proxy.payload.tabular import split_of, typed

MEDIA = frozenset((b"text/csv", b"application/csv"))
MISSING = frozenset(("", "na", "n/a", "null", "none"))
"""Values that are missing, in lower case, as pandas reads them; NaN is a number that is none."""

VALUE, ROW = 2, 6
"""What a value costs, and a row beside its own (`cost`)."""

MAX_FIELD = 64 * 1024
"""Bytes of a body in which not one comma or line ends; a longer one is no table."""


def is_table(body: Body) -> bool:
    """Whether a body is such rows, by its media type."""
    return media_of(body.fields) in MEDIA


def read_table(body: Body, name: str) -> tuple[Tensor, ...]:
    """The rows of a body. Raises Unreadable."""
    rows = _rows(body.data.removeprefix(BOM))
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise Unreadable("shape")
    named = len(rows) > 1 and not any(map(_is_number, rows[0])) and any(map(_is_number, rows[1]))
    names, rows = (rows[0], rows[1:]) if named else ((), rows)
    columns = [_column(column) for column in zip(*rows, strict=True)]
    if not names and all(type(value) is float for column in columns for value in column):
        return (typed(name, len(rows), width, [value for row in zip(*columns, strict=True) for value in row]),)
    return split_of(names or [str(place) for place in range(width)], columns)


def _rows(data: bytes) -> list[list[str]]:
    lines = data.count(b"\n") + data.count(b"\r")
    separators = data.count(b",") + lines
    if separators * VALUE + lines * ROW > MAX_COST or len(data) > MAX_FIELD * (separators + 1):
        raise Unreadable("too_many_values")
    try:
        text = data.decode()
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable("values") from error
    if not rows:
        raise Unreadable("empty_body")
    if len(rows[0]) > MAX_TENSORS and len(rows) > 1 and not _is_number(rows[0][0]):
        raise Unreadable("too_many_tensors")
    return rows


def _column(values: Iterable[str]) -> list[Any]:
    found = [None if value.strip().lower() in MISSING else value for value in values]
    try:
        return [None if value is None else float(value) for value in found]
    except ValueError:
        return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
