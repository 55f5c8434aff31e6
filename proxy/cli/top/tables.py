"""Cells to lines of one width. A line is parts of text, each with a style; the style is left out where there are no
colours, so nothing is said by it alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from proxy.cli.top.texts import fit, right, wrapped

Style = Literal["", "bold", "dim", "bad", "warn", "good", "chosen"]
Part = tuple[str, Style]
Row = tuple[Part, ...]


class Column(Struct, frozen=True):
    """A column of a table."""

    title: str
    width: int
    """Columns of a terminal at least."""
    grows: int = 0
    """Its part of what is left; 0: it stays as it is."""
    right: bool = False


def text_of(row: Row) -> str:
    """A line without styles."""
    return "".join(text for text, _ in row).rstrip()


def plain(text: str, width: int, style: Style = "") -> Row:
    """A line of one text."""
    return ((fit(text, width), style),)


def paragraph(text: str, width: int, most: int = 3, indent: str = "", style: Style = "") -> list[Row]:
    """A text on several lines."""
    return [((line, style),) for line in wrapped(text, width, most, indent)]


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each column on a terminal; those at the right have none where there is no room."""
    left = width - sum(column.width + 1 for column in columns)
    parts = sum(column.grows for column in columns) or 1
    found = [column.width + max(left, 0) * column.grows // parts for column in columns]
    while len(found) > 1 and sum(found) + len(found) > width + 1:
        found.pop()
    return found


def head(columns: Sequence[Column], width: int) -> Row:
    """The titles."""
    return line(columns, width, [(column.title, "bold") for column in columns], "bold")


def line(columns: Sequence[Column], width: int, cells: Iterable[Part], style: Style = "") -> Row:
    """One row; `style`: of all of it, whatever its cells have."""
    made = [
        (f"{(right if column.right else fit)(text, size)} ", style or own)
        for column, size, (text, own) in zip(columns, widths(columns, width), cells, strict=False)
    ]
    return tuple(made)
