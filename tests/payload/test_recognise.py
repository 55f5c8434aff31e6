"""What an exchange looks like, held to the corpus: the protocol of its file, or one that reads the same."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.payload.recognise import looks_like
from tests.payload.pairs import exchanges, record_of
from tests.support.records import record as made

PAIRS = exchanges()
ALIKE = {
    "kserve-v1": {"kserve-v1", "mlflow"},
    "mlflow": {"mlflow", "openai", "kserve-v1"},
    "json": {"json", "openai"},
    "oip": {"oip"},
    "openai": {"openai", "json"},
}
"""`/invocations` of language models is read by both; some answers of Ollama and TEI have no mark at all."""


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_look_like_their_protocol(name: str) -> None:
    pair = PAIRS[name]
    assert looks_like(record_of(pair)) in {*ALIKE[pair.protocol], ""}
    if "failed" not in pair.reads and pair.protocol in ("oip", "kserve-v1"):
        assert looks_like(record_of(pair)) == pair.protocol
        assert looks_like(record_of(pair, status=500)) == pair.protocol


def test_a_coding_hides_nothing() -> None:
    body = gzip.compress(b'{"predictions": [1]}')
    assert looks_like(made(response=body, response_fields=b"Content-Encoding: gzip\r\n")) == "kserve-v1"
    assert looks_like(made(response=body, response_fields=b"Content-Encoding: br\r\n")) == ""


def test_paths_tell_where_bodies_do_not() -> None:
    for path, spoken in (("/v1/models/m%3Apredict", "kserve-v1"), ("/v2/models/m/infer", "oip"), ("/x", "")):
        assert looks_like(made(path=path)) == spoken


def test_calls_of_other_services_are_not_of_the_open_inference_protocol() -> None:
    fields = b"content-type: application/grpc\r\n"
    for path, spoken in (("/inference.GRPCInferenceService/ModelInfer", "oip"), ("/a.B/C", "grpc"), ("", "oip")):
        assert looks_like(made(path=path, request_fields=fields)) == spoken
    assert looks_like(made(path="/a.B/C", request_fields=b"content-type: application/grpc-web\r\n")) == ""


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"Content-Type: text/event-stream\r\n", b"content-encoding: gzip\r\n"]),
)
def test_nothing_raises(data: bytes, fields: bytes) -> None:
    looks_like(made(request=data, request_fields=fields, response=data, response_fields=fields))


OTHERS = [name for name, pair in PAIRS.items() if name.startswith("gemini_and_tokens") and "text" in pair.reads]


@pytest.mark.parametrize("name", OTHERS)
def test_apis_beside_openais_are_known_by_their_path_and_without(name: str) -> None:
    seen = record_of(PAIRS[name])
    assert looks_like(seen) == "openai"
    assert "Gemini" not in name or looks_like(replace(seen, path="/renamed")) == "openai"
