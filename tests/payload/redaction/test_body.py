"""Bodies: what a rule names is in no byte of what is kept, or nothing is kept."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.redaction.body import REASONS, redacted
from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.document import Uncertain
from proxy.payload.redaction.rules import rule_of

DIGEST = Digest(b"k")
JSON = b"content-type: application/json\r\n"
SECRET = 7_301_994
names = st.sampled_from(["age", "sex", "data", "name", "columns"])
documents = st.recursive(
    st.one_of(st.none(), st.integers(0, 99), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(names, inner, max_size=3),
        st.fixed_dictionaries({"age": st.just(SECRET)}, optional={"more": inner}),
        st.fixed_dictionaries({"name": st.just("age"), "value": st.just(SECRET)}),
        st.fixed_dictionaries({"columns": st.just(["age", "n"]), "data": st.just([[SECRET, 1], [SECRET, 2]])}),
        st.fixed_dictionaries(
            {"inputs": st.just([{"name": "age", "shape": [1], "datatype": "INT32", "data": [SECRET]}])}
        ),
    ),
    max_leaves=12,
)


@given(documents, st.sampled_from(["drop", "hash"]), st.booleans())
def test_what_is_named_is_nowhere_in_what_is_kept(document: Any, action: Any, packed: bool) -> None:
    data = json.dumps(document).encode()
    fields = JSON + b"Content-Encoding: gzip\r\n" * packed
    try:
        kept = redacted(gzip.compress(data) if packed else data, fields, [rule_of("/request/age", action)], DIGEST)
    except Uncertain as uncertain:
        assert str(uncertain) in REASONS
        return
    assert str(SECRET).encode() not in kept.data
    assert kept.fields == JSON and bool(kept.found) >= (str(SECRET).encode() in data)


def test_a_thing_that_is_said_twice_is_not_kept_by_its_hidden_half() -> None:
    kept = redacted(b'{"a":{"age":41},"a":1}', JSON, [rule_of("/request/age", "drop")], DIGEST)
    assert json.loads(kept.data) == {"a": 1}


def binary(tensors: list[tuple[str, str, bytes]]) -> tuple[bytes, bytes]:
    head = json.dumps(
        {
            "inputs": [
                {"name": n, "shape": [1], "datatype": d, "parameters": {"binary_data_size": len(raw)}}
                for n, d, raw in tensors
            ]
        }
    ).encode()
    fields = b"Inference-Header-Content-Length: %d\r\n" % len(head)
    return head + b"".join(raw for _, _, raw in tensors), fields


@pytest.mark.parametrize("pointer", ["/request/age", "/request/inputs/1/data"])
@pytest.mark.parametrize("action", ["drop", "hash"])
def test_raw_tensors_by_name(pointer: str, action: Any) -> None:
    secret = SECRET.to_bytes(4, "little")
    data, fields = binary([("x", "FP32", b"abcd"), ("age", "INT32", secret), ("y", "FP32", b"efgh")])
    kept = redacted(data, fields, [rule_of(pointer, action)], DIGEST)
    length = int(kept.fields.split(b":")[1])
    head = json.loads(kept.data[:length])
    sizes = [t["parameters"].get("binary_data_size", 0) for t in head["inputs"]]
    assert secret not in kept.data and kept.data[length:].startswith(b"abcd") and kept.data.endswith(b"efgh")
    assert sum(sizes) == len(kept.data) - length and kept.found == (pointer,)


@pytest.mark.parametrize(
    ("data", "fields", "why"),
    [
        (b"age=41", b"content-type: text/plain\r\n", "json"),
        (b'{"age":41}', JSON + b"content-encoding: br\r\n", "coding"),
        (b'{"age":41}', JSON + b"content-encoding: exotic\r\n", "coding"),
        (gzip.compress(b"[" + b"1," * 4_000_000 + b"1]"), JSON + b"content-encoding: gzip\r\n", "coding"),
        (b"\0\0\0\0\0", b"content-type: application/grpc\r\n", "grpc"),
        (b'data: {"age":41}\n\n', b"content-type: text/event-stream\r\n", "stream"),
        (b'{"age":41}xx', b"inference-header-content-length: 10\r\n", "binary"),
        (b'{"age":41}', b"inference-header-content-length: 99\r\n", "binary"),
        (b"[" * 100_000, JSON, "json"),
        (b'{"a":"' + b"x" * 9, JSON, "json"),
        (json.dumps([{}] * 400_000).encode(), JSON, "costly"),
    ],
)
def test_what_cannot_be_redacted_for_certain_is_not_kept(data: bytes, fields: bytes, why: str) -> None:
    with pytest.raises(Uncertain) as uncertain:
        redacted(data, fields, [rule_of("/request/age", "drop")], DIGEST)
    assert str(uncertain.value) == why and why in REASONS


def test_a_whole_body_is_dropped_and_one_without_rules_stays() -> None:
    with pytest.raises(Uncertain, match="dropped"):
        redacted(b"{}", JSON, [rule_of("/request", "drop")], DIGEST)
    assert redacted(b"any", b"", [], DIGEST).data == b"any"


def test_numbers_that_are_none_stay_so() -> None:
    kept = redacted(b'{"age": 41, "x": NaN}', JSON, [rule_of("/request/age", "drop")], DIGEST)
    assert kept.data == b'{"x": NaN}'
