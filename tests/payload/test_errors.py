"""Errors in bodies: the forms of servers, and what looks like one and is an answer."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.errors import is_error, refuse_errors
from proxy.payload.reading import Unreadable

PROMISED = ("predictions",)


@pytest.mark.parametrize(
    "document",
    [
        {"error": "out of memory"},
        {"error": {"message": "EngineDeadError", "code": 500}},
        {"object": "error", "message": "x", "code": 500},
        {"type": "error"},
        {"errors": [{"title": "x"}]},
        {"detail": "Internal error"},
        {"error_code": "BAD_REQUEST", "message": "x"},
        {"status": "ERROR"},
    ],
)
def test_errors_of_servers(document: dict[str, Any]) -> None:
    assert is_error(document, PROMISED)
    with pytest.raises(Unreadable, match="error_in_body"):
        refuse_errors([document], PROMISED)


@pytest.mark.parametrize(
    "document",
    [
        {"predictions": [1], "error": None},
        {"predictions": [1], "error": ""},
        {"predictions": [1], "error": 0.3},
        {"predictions": [1], "errors": ["a warning"]},
        {"predictions": [1], "detail": "x"},
        {"predictions": [1], "status": "error"},
    ],
)
def test_answers_that_look_like_errors(document: dict[str, Any]) -> None:
    assert not is_error(document, PROMISED)


def test_without_promised_fields_less_is_an_error() -> None:
    assert not is_error({"detail": "x", "error_code": "a"})
    assert is_error({"status": "failed"}) and is_error({"errors": ["x"]})


@pytest.mark.parametrize("document", [None, {}, [{}]])
def test_nothing_is_empty(document: Any) -> None:
    with pytest.raises(Unreadable, match="empty_body"):
        refuse_errors(document)
