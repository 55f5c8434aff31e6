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
        {"error": 500},
        {"error": True, "message": "x"},
        {"message": "x", "code": 500},
        {"message": "x", "type": "InternalServerError"},
        {"msg": "x", "success": False},
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


@pytest.mark.parametrize(
    "document",
    [
        {"status": "failed"},
        {"errors": ["x"]},
        {"detail": "Internal Server Error"},
        {"error_code": "a", "message": "x"},
        {"traceback": "File …", "message": "x"},
        {"message": "x", "status_code": 503, "path": "/predict"},
        {"message": "x", "code": "INTERNAL_ERROR"},
        {"error": True, "reason": "x"},
        {"success": False, "message": "x", "data": None},
    ],
)
def test_errors_where_nothing_is_promised(document: dict[str, Any]) -> None:
    assert is_error(document)


@pytest.mark.parametrize(
    "document",
    [
        {"detail": "x", "label": "a"},
        {"message": "hello"},
        {"message": "hello", "code": 7},
        {"message": "hello", "type": "greeting"},
        {"success": False, "score": 0.1},
        {"error": True},
        {"error": 0.3},
        {"error": False, "errors": [], "score": 1},
        {"type": "SyntaxError"},
        {"reason": "overdue", "code": 200},
        {"reason": "overdue", "code": 412, "score": 0.3},
        {"path": "/a", "name": "b"},
    ],
)
def test_answers_where_nothing_is_promised(document: dict[str, Any]) -> None:
    assert not is_error(document)


@pytest.mark.parametrize("document", [None, {}, [{}]])
def test_nothing_is_empty(document: Any) -> None:
    with pytest.raises(Unreadable, match="empty_body"):
        refuse_errors(document)
