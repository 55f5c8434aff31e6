"""Requests of others as lines of a capture."""

from __future__ import annotations

import pytest

from proxy.cli.capture.requests import ForeignExchange, Numbering, tensor
from proxy.control.capture.format import Captured, LabelLine, parsed


def test_an_exchange_is_a_leg_and_its_label() -> None:
    numbering = Numbering("r", "v", "file.csv")
    leg, label = map(parsed, numbering.lines(ForeignExchange("/p", b"{}", b"[1]", label=0)))
    assert isinstance(leg, Captured) and isinstance(label, LabelLine)
    assert (leg.route, leg.version, leg.path, leg.request, leg.response, leg.copies) == (
        "r",
        "v",
        "/p",
        b"{}",
        b"[1]",
        0,
    )
    assert (leg.request_id, label.request_id, label.label) == ("file.csv-1", "file.csv-1", 0)
    (second,) = map(parsed, numbering.lines(ForeignExchange("/p", b"", request_id="own")))
    assert isinstance(second, Captured) and (second.request_id, second.exchange) == ("own", 2)


@pytest.mark.parametrize(
    ("values", "datatype"),
    [([1, 2], "INT64"), ([1, 2.5], "FP64"), ([True], "BOOL"), (["a"], "BYTES"), ([1, "a"], "BYTES"), ([None], "FP64")],
)
def test_a_datatype_is_that_of_the_values(values: list[object], datatype: str) -> None:
    assert tensor("x", values, [1])["datatype"] == datatype
