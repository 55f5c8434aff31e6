"""Comma-separated values: names, numbers, categories, and what is missing."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.settings import Analysis
from proxy.payload.comma_rows import is_table, read_table
from proxy.payload.reading import Body, Unreadable
from tests.payload.bodies import shown

CSV = b"content-type: text/csv; charset=utf-8\r\n"


def body(data: bytes) -> Body:
    return Body(data, CSV, Analysis())


@given(
    st.lists(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
)
def test_numbers_are_what_was_written(rows: list[list[float]], end: str) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator=end).writerows(rows)
    (tensor,) = read_table(body(written.getvalue().encode()), "x")
    assert (tensor.name, tensor.rows, tensor.width) == ("x", len(rows), 3)
    assert list(tensor.data) == [value for row in rows for value in row]


def test_names_numbers_and_categories() -> None:
    numbers, categories = read_table(body(b"age,city\n30,Bonn\n,Ulm\n"), "x")
    assert (numbers.columns, numbers.data[0], math.isnan(numbers.data[1])) == (("age",), 30.0, True)
    assert shown((categories,)) == [("", 2, 1, "category", ["Bonn", "Ulm"], ("city",))]


def test_rows_of_words_have_no_names() -> None:
    assert shown(read_table(body(b"a,b\nc,d\n"), "x")) == [("", 2, 2, "category", ["a", "b", "c", "d"], ("0", "1"))]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_body"),
        (b"\n\n", "empty_body"),
        (b"1,2\n3\n", "shape"),
        (b"\xff\xfe", "values"),
        (b'"a', "values"),
        (b"a" * 70_000, "too_many_values"),
        (b"1," * 300_000, "too_many_values"),
        (b",".join([b"a"] * 300) + b"\n" + b",".join([b"1"] * 300), "too_many_tensors"),
    ],
)
def test_tables_that_are_none(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_table(body(data), "x")


def test_media() -> None:
    assert is_table(body(b"1")) and not is_table(Body(b"1", b"content-type: application/json\r\n", Analysis()))
