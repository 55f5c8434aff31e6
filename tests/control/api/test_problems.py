"""Refusals of the admin API as problem documents (RFC 9457)."""

from __future__ import annotations

import json

import pytest

from proxy.control.api.problems import TITLES, ApiError, answer, body_of


@pytest.mark.parametrize("kind", TITLES)
def test_every_kind_has_a_status_a_title_and_a_type_of_its_own(kind: str) -> None:
    response = answer(kind, "because", headers={"Retry-After": "1"})
    assert response.status == TITLES[kind][0]
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "1"
    assert isinstance(response.text, str)
    assert json.loads(response.text) == {
        "type": f"/problems/{kind}", "title": TITLES[kind][1], "status": TITLES[kind][0], "detail": "because"
    }  # fmt: skip


def test_a_field_is_named_where_there_is_one() -> None:
    assert body_of("invalid", "above 100", "percent")["field"] == "percent"
    assert "field" not in body_of("invalid", "above 100")


def test_a_refusal_carries_what_its_answer_needs() -> None:
    error = ApiError("changed", "the route moved", headers={"ETag": '"7"'})
    assert (str(error), error.kind, error.field, error.headers) == ("the route moved", "changed", None, {"ETag": '"7"'})
