"""The document about an effect has the shape that the OpenAPI document says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.control.api.effect_view import effect
from proxy.control.api.moves import MOVES
from proxy.control.api.openapi import describe
from proxy.control.effects import effect_of
from tests.control.houses import House


@pytest.mark.parametrize(
    ("action", "body"), [("rollback", {}), ("promote", {}), ("split", {"v3": 5}), ("shadows", {}), ("pause", {})]
)
def test_its_shape(house: House, action: str, body: dict[str, Any]) -> None:
    move, _ = MOVES[action](house.engine, "cancer", body, house.now)
    shown = effect(house.engine, "cancer", effect_of(house.engine, "cancer", action, move, house.now))
    schema = describe() | {"$ref": "#/components/schemas/Effect"}
    assert list(Draft202012Validator(schema).iter_errors(shown)) == []
    assert (shown["action"], shown["routes"][0]["of"]) == (action, "requests")
