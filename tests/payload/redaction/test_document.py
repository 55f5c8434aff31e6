"""Rules on documents of JSON: features wherever they stand, and places."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.document import Uncertain, redact
from proxy.payload.redaction.rules import rule_of

DIGEST = Digest(b"k")
FORMS: dict[str, Any] = {
    "a member": {"age": 41, "sex": "f"},
    "rows": {"instances": [{"age": 41, "sex": "f"}, {"sex": "f"}]},
    "deep": {"a": [{"b": [{"age": {"years": 41}}]}], "sex": "f"},
    "columns": {"inputs": {"age": [41], "sex": ["f"]}},
    "a tensor": {"inputs": [{"name": "age", "shape": [1], "datatype": "INT64", "data": [41]}, {"name": "f"}]},
    "a frame": {"dataframe_split": {"columns": ["sex", "age"], "index": [0], "data": [["f", 41]]}},
    "pairs": {"features": [{"name": "age", "value": 41}, {"key": "sex", "value": "f"}]},
    "a pair alone": {"row": {"name": "age", "value": 41}, "sex": "f"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", ["drop", "hash"])
def test_a_feature_is_redacted_wherever_it_stands(form: str, action: Any) -> None:
    document = json.loads(json.dumps(FORMS[form]))
    assert redact(document, rule_of("/request/age", action), DIGEST)
    text = json.dumps(document)
    assert "41" not in text and '"f"' in text
    if action == "hash" and form != "deep":
        assert str(DIGEST.value(41, "INT64" * (form == "a tensor"))) in text
    assert not redact(document, rule_of("/request/none", "drop"), DIGEST)


def test_structure_of_tensors_is_no_feature() -> None:
    document = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0], "parameters": {"name": "n"}}]}
    assert redact(document, rule_of("/request/name", "drop"), DIGEST)
    assert document == {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0], "parameters": {}}]}


@pytest.mark.parametrize(
    ("pointer", "after"),
    [
        ("/request/a/0", {"a": [None, {"b": 2}], "c": 3}),
        ("/request/a/1/b", {"a": [1, {}], "c": 3}),
        ("/request/*/1", {"a": [1, None], "c": 3}),
        ("/request/a/*", {"a": [None, None], "c": 3}),
        ("/request/a/7", {"a": [1, {"b": 2}], "c": 3}),
        ("/request/c/x", {"a": [1, {"b": 2}], "c": 3}),
    ],
)
def test_a_place_is_redacted(pointer: str, after: dict[str, Any]) -> None:
    document: dict[str, Any] = {"a": [1, {"b": 2}], "c": 3}
    found = redact(document, rule_of(pointer, "drop"), DIGEST)
    assert document == after and found == (after != {"a": [1, {"b": 2}], "c": 3})


def test_a_frame_of_another_form_is_not_for_certain() -> None:
    with pytest.raises(Uncertain, match="form"):
        redact({"columns": ["age"], "data": {"age": [1]}}, rule_of("/request/age", "hash"), DIGEST)
    with pytest.raises(Uncertain, match="dropped"):
        redact({"name": "age", "value": 41}, rule_of("/request/age", "drop"), DIGEST)
