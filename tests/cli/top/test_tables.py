"""Cells to lines of one width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.top.tables import Column, head, line, paragraph, plain, text_of, widths

COLUMNS = (Column("route", 8, grows=1), Column("req/s", 6, right=True), Column("more", 6))


@given(st.integers(1, 200))
def test_a_table_is_no_wider_than_the_terminal(width: int) -> None:
    found = widths(COLUMNS, width)
    assert sum(found) + len(found) - 1 <= max(width, COLUMNS[0].width)


def test_what_is_left_is_the_growing_column_s() -> None:
    assert widths(COLUMNS, 80) == [65, 6, 6]
    assert widths(COLUMNS, 16) == [8, 6], "where there is no room the columns at the right go"


@pytest.mark.parametrize("style", ["", "chosen"])
def test_a_row_has_its_own_styles_unless_all_of_it_has_one(style: str) -> None:
    row = line(COLUMNS, 30, [("fraud", ""), ("1.5", "bad"), ("x", "")], "chosen" if style else "")
    assert text_of(row) == "fraud              1.5 x"
    assert [each for _, each in row] == ([style] * 3 if style else ["", "bad", ""])


def test_titles_texts_and_paragraphs() -> None:
    assert text_of(head(COLUMNS, 30)) == "route            req/s more"
    assert text_of(plain("all", 10, "bold")) == "all"
    assert [text_of(row) for row in paragraph("one two three", 9, 2, " ")] == [" one two", " three"]
