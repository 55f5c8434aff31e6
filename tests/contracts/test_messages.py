"""Formats of messages: each has a row, and what it needs it has a use for."""

from __future__ import annotations

from typing import get_args

from proxy.contracts.messages import FORMATS, EventObject, MessageFormat


def test_every_format_has_a_row_that_makes_sense() -> None:
    assert FORMATS.keys() == {*get_args(MessageFormat)}
    assert all({*row.needs} <= {*row.takes} for row in FORMATS.values())
    assert all(row.path.startswith("/") or not row.path for row in FORMATS.values())


def test_kinds_of_objects_have_their_api() -> None:
    assert EventObject("Pod", "a", "b").version == "v1"
    assert EventObject("InferenceService", "a", "b").version == "serving.kserve.io/v1beta1"
