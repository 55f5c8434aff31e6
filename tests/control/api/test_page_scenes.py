"""The answers that the status page is tested with are such as the API gives."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.control.api.openapi import describe
from tests.support.page_scenes import SCENES


@cache
def described() -> dict[str, Any]:
    return describe()


def pattern_of(path: str) -> str:
    """The call of the API that answers; a part of a path may be any name."""
    parts = path.split("/")
    for pattern in described()["paths"]:
        wanted = pattern.split("/")
        if len(wanted) == len(parts) and all(a == b or a[0] == "{" for a, b in zip(wanted[1:], parts[1:], strict=True)):
            return str(pattern)
    raise AssertionError(path)


@cache
def shape_of(pattern: str) -> Draft202012Validator:
    answer = described()["paths"][pattern]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return Draft202012Validator(described() | {"$ref": "#/x", "x": answer})


@pytest.mark.parametrize("scene", SCENES)
def test_its_shape(scene: str) -> None:
    documents, answers = SCENES[scene]()
    told = {path: document for path, document in (documents | answers).items() if "?" not in path}
    assert told
    for path, document in told.items():
        assert [error.message for error in shape_of(pattern_of(path)).iter_errors(document)] == [], path
