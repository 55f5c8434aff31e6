"""The door: whatever comes, an observation comes out, with a reason for what gave nothing."""

from __future__ import annotations

import gzip
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import UnreadReason
from proxy.contracts.table import Protocol
from proxy.payload.decode import CODECS, Codec, decode
from proxy.payload.reading import Content
from tests.payload.bodies import read
from tests.support.records import record as made

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("instances", "inputs", "dataframe_split", "dataframe_records", "predictions", "choices", "messages", "data")


@pytest.mark.parametrize(
    ("protocol", "request_", "reason"),
    [
        ("kserve-v1", {"x": 1}, "schema"),
        ("kserve-v1", [1], "schema"),
        ("kserve-v1", {"instances": [[1, 2], [3]]}, "shape"),
        ("kserve-v1", {"instances": [[1, "a"]]}, "values"),
        ("kserve-v1", {"instances": [{"a": 1}, 2]}, "schema"),
        ("mlflow", {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "shape"),
        ("mlflow", {"dataframe_split": {"data": [[1]]}}, "schema"),
        ("mlflow", {"dataframe_records": [{f"c{i}": 1 for i in range(300)}]}, "too_many_tensors"),
        ("mlflow", b"<xml>", "json"),
        ("kserve-v1", b"[" * 10_000, "json"),
    ],
)
def test_what_cannot_be_read_has_a_reason(protocol: Protocol, request_: Any, reason: str) -> None:
    assert read(protocol, request_).unreadable_request == reason


def test_bodies_that_the_worker_did_not_keep_are_counted() -> None:
    seen = read("oip", None, None, request_fields=b"content-type: application/json\r\n")
    assert (seen.unreadable_request, seen.unreadable_response) == ("too_large", "too_large")


@given(st.sampled_from(sorted(CODECS)), JSON, st.sampled_from(KEYS))
def test_no_json_raises(protocol: Protocol, value: Any, key: str) -> None:
    for body in (
        value,
        {key: value},
        {key: {"columns": value, "data": value}},
        {"choices": [value]},
        {"data": [{"embedding": value}]},
    ):
        seen = read(protocol, body, body)
        assert {seen.unreadable_request, seen.unreadable_response} <= {*get_args(UnreadReason), ""} - {"internal"}
        for tensor in (*seen.inputs, *seen.outputs):
            assert len(tensor.data) == tensor.rows * tensor.width
            assert len(tensor.columns) in (0, tensor.width)


def test_the_door_reads_through_codings() -> None:
    data = gzip.compress(b'{"instances": [1, 2]}')
    fields = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    record = made(request_fields=fields, request=data)
    assert decode(record, "kserve-v1", (0, "a")).inputs[0].data == [1, 2]
    other = made(request_fields=b"content-encoding: compress\r\n", request=data)
    assert decode(other, "kserve-v1", (0, "a")).unreadable_request == "coding"


def test_an_answer_that_is_an_error_is_not_read() -> None:
    for failed in (made(response=b"oops", status=500), made(response=b"oops", failure="reset")):
        assert decode(failed, "oip", (0, "a")).unreadable_response == ""


def test_a_protocol_without_a_codec_is_opaque() -> None:
    seen = decode(made(request=b"anything", response=b"anything"), "opaque", (0, "a"))
    assert (seen.inputs, seen.outputs, seen.unreadable_request, seen.total) == ((), (), "", 0.02)


def test_the_record_stays_as_it_is() -> None:
    record = made(request=b'{"instances": [1]}', response=b'{"predictions": [2]}')
    seen = decode(record, "kserve-v1", (3, "b"))
    assert (record.request, record.response) == (b'{"instances": [1]}', b'{"predictions": [2]}')
    assert (seen.source, seen.exchange, seen.version, seen.share) == ((3, "b"), 1, "v", 1.0)
    assert not {"request", "response"} & set(seen.__struct_fields__)
    with pytest.raises(AttributeError):
        seen.status = 500  # type: ignore[misc]


def test_a_bug_of_a_codec_costs_one_observation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(body: object) -> Content:
        raise ZeroDivisionError

    monkeypatch.setitem(CODECS, "json", Codec(broken, broken))
    assert decode(made(request=b"{}"), "json", (0, "a")).unreadable_request == "internal"


def test_of_a_stream_that_was_not_kept_the_first_token_is_known() -> None:
    role = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
    beginning = role + b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    facts = {"response": None, "beginning": beginning + b"data: cut", "chunks": [0.1, 0.3, 0.4]}
    seen = decode(made(**facts, ends=[len(role), len(beginning), 300_000]), "openai", (0, "a"))
    assert seen.text is not None and seen.text.first_token == 0.3
    assert (seen.unreadable_response, seen.analysed, len(seen.text.gaps)) == ("too_large", False, 0)


def test_of_a_stream_that_was_not_kept_the_end_is_judged() -> None:
    facts = {"response": None, "beginning": b"data: 1", "response_fields": b"content-type: text/event-stream\r\n"}
    error = b'data: {"error": "x"}\n\n'
    for ending, more, content in (
        (error, {}, "error_in_stream"),
        (error, {"response_fields": b"content-encoding: gzip\r\n"}, None),
        (error, {"inference": False}, None),
        (b"data: [DONE]\n\n", {}, ""),
        (b"", {}, None),
    ):
        seen = decode(made(**{**facts, **more}, ending=ending), "openai", (0, "a"))
        assert (seen.unreadable_response, seen.analysed, seen.content) == (
            "too_large",
            content is not None,
            content or "",
        )
