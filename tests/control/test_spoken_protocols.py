"""Which protocol a route speaks: learnt where it is `auto`, told where it is another one."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import replace

from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.contracts.table import Protocol
from proxy.control.spoken_protocols import ENOUGH, FIRST, SpokenProtocols
from proxy.payload.decode import decode
from proxy.payload.recognise import looks_like
from tests.support.records import record as made

OIP = made(
    path="/gateway/x",
    request=b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}',
    response=b'{"model_name":"m","outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[0.5]}]}',
)
V1 = made(path="/v1/models/m:predict", request=b'{"instances":[[1]]}', response=b'{"predictions":[0.5]}')
CHAT = made(
    path="/openai/v1/chat/completions",
    request=b'{"model":"m","messages":[{"content":"a"}]}',
    response=b'{"object":"chat.completion","choices":[{"message":{"content":"b"}}]}',
)
PAGE = made(path="/x", request=b"{}", response=b"<html>")
SPOKEN: dict[Protocol, Record] = {"oip": OIP, "kserve-v1": V1, "openai": CHAT}


def asked(protocols: SpokenProtocols, record: Record, protocol: Protocol, count: int = 1) -> None:
    for _ in range(count):
        protocols.decode(record, protocol, (0, "a"), DEFAULT_ANALYSIS)


@pytest.mark.parametrize("protocol", SPOKEN)
def test_auto_is_learnt_and_said(protocol: Protocol, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    protocols = SpokenProtocols(decode, looks_like)
    seen = protocols.decode(SPOKEN[protocol], "auto", (0, "a"), DEFAULT_ANALYSIS)
    assert seen.inputs and (seen.outputs or seen.text)
    asked(protocols, SPOKEN[protocol], "auto", ENOUGH - 2)
    assert protocols.learnt == {}
    asked(protocols, SPOKEN[protocol], "auto")
    assert (protocols.learnt, protocols.faults) == ({"r": protocol}, {})
    assert f"speaks {protocol}" in caplog.text
    asked(protocols, PAGE, "auto", 30)
    assert protocols.learnt == {"r": protocol}


CALL = made(
    path="/inference.GRPCInferenceService/ModelInfer",
    request_fields=b"content-type: application/grpc\r\n",
    request=b"\0\0\0\0\x01\xff",
    response=b"",
)


def test_calls_that_cannot_be_read_are_calls_all_the_same() -> None:
    protocols = SpokenProtocols(decode, looks_like)
    asked(protocols, CALL, "grpc", FIRST)
    assert protocols.faults == {}


def test_other_services_need_another_protocol_than_auto_or_oip() -> None:
    other = replace(CALL, path="/a.B/C")
    for protocol in ("auto", "oip"):
        protocols = SpokenProtocols(decode, looks_like)
        asked(protocols, other, protocol, FIRST)
        assert protocols.learnt == {} and "look like grpc" in protocols.faults["r"]


def test_copies_are_read_by_what_was_learnt() -> None:
    protocols = SpokenProtocols(decode, looks_like)
    asked(protocols, CHAT, "auto", ENOUGH)
    copy = made(role="shadow", response=b'{"text": "b"}')
    assert protocols.decode(copy, "auto", (0, "a"), DEFAULT_ANALYSIS).text is not None


def test_a_route_that_speaks_several_is_told() -> None:
    protocols = SpokenProtocols(decode, looks_like)
    for _ in range(FIRST // 2):
        asked(protocols, OIP, "auto")
        asked(protocols, V1, "auto")
    assert protocols.learnt == {} and "oip 10" in protocols.faults["r"] and "kserve-v1 10" in protocols.faults["r"]


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize("wrong", ["oip", "kserve-v1", "mlflow", "openai", "json"])
def test_a_wrong_protocol_is_told_within_the_first_requests(protocol: Protocol, wrong: Protocol) -> None:
    protocols = SpokenProtocols(decode, looks_like)
    asked(protocols, SPOKEN[protocol], wrong, FIRST)
    readable = wrong == protocol or (wrong, protocol) in {
        ("mlflow", "kserve-v1"),
        ("json", "kserve-v1"),
        ("mlflow", "openai"),
    }
    assert bool(protocols.faults) == (not readable)
    if not readable:
        assert f"look like {protocol}" in protocols.faults["r"]


def test_what_cannot_be_read_and_looks_like_nothing_is_not_told() -> None:
    protocols = SpokenProtocols(decode, looks_like)
    asked(protocols, PAGE, "oip", FIRST)
    assert protocols.faults == {}


def test_a_reload_begins_anew() -> None:
    protocols = SpokenProtocols(decode, looks_like)
    asked(protocols, OIP, "openai", FIRST)
    assert protocols.faults
    asked(protocols, OIP, "oip")
    assert protocols.faults == {}
    asked(protocols, OIP, "auto", ENOUGH)
    assert protocols.learnt == {"r": "oip"}


def test_records_are_read_together_once_none_is_looked_at_any_more() -> None:
    protocols = SpokenProtocols(decode, looks_like)
    assert protocols.together("r", "oip") is None
    asked(protocols, OIP, "oip", FIRST - 1)
    assert protocols.together("r", "oip") is None
    asked(protocols, OIP, "oip")
    assert protocols.together("r", "oip") == "oip" and protocols.together("r", "grpc") is None
    asked(protocols, V1, "auto", ENOUGH)
    assert protocols.together("r", "auto") == "kserve-v1"
