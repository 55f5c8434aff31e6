"""Legs whose request of REST is a call of gRPC: their answers are of REST, and count as calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.contracts.message import RequestHead
from proxy.contracts.table import Share
from proxy.routing.oip.answer import MAX_MESSAGE
from tests.support.fakes import Bench, FakeClient, FakeStream
from tests.support.oip_messages import framed, message, tensor
from tests.support.plane import route

ASKED = b'{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]}]}'
ALL = (Share("v2", 100.0),)
ANSWER = framed(
    message("ModelInferResponse", model_name="m", outputs=[tensor("y", "INT8", [1], [7])]).SerializeToString()
)


def bench(by: str = "v2", **more: Any) -> Bench:
    return Bench(route(protocol="oip", **more), by_calls=frozenset(by.split()))


def ask(b: Bench, path: bytes = b"/v2/models/m/infer") -> FakeClient:
    head = RequestHead(b"POST", b"front", path, b"content-type: application/json\r\nx-request-id: a\r\n")
    head.request_id = b"a"
    head.length = len(ASKED)
    return b.ask(ASKED, head)[1]


def body_of(stream: FakeStream) -> Any:
    found = message("ModelInferRequest")
    found.ParseFromString(stream.body[5:])
    return found


def test_a_canary_by_grpc_answers_a_client_of_rest() -> None:
    b = bench(split=ALL)
    client = ask(b)
    stream = b.pools["v2"].last
    assert body_of(stream).model_name == "m"
    stream.call(0, ANSWER)
    assert client.ends == ["done"] and client.status == 200
    assert json.loads(client.body)["outputs"][0]["data"] == [7]
    (record,) = b.outbox.records
    assert (record.call, record.unary, record.response, record.request) == (0, True, ANSWER, ASKED)
    assert b.inflight() == b.owed() == 0


def test_a_call_that_failed_is_the_status_that_means_the_same() -> None:
    b = bench("v1")
    client = ask(b)
    b.pools["v1"].last.call(5, b"", b"no%20model")
    assert client.status == 404 and json.loads(client.body) == {"error": "no model"}
    assert next(iter(b.outbox.records)).call == 5


@pytest.mark.parametrize("code", range(1, 17))
def test_a_record_says_the_status_that_the_client_got(code: int) -> None:
    b = bench("v1")
    client = ask(b)
    b.pools["v1"].last.call(code, b"", b"why")
    (record,) = b.outbox.records
    assert (record.status, record.call, record.detail) == (client.status, code, "why")


@pytest.mark.parametrize("path", [b"/v2/health/ready", b"/v2/health/live", b"/v2/models/m/ready"])
@pytest.mark.parametrize(("message", "status"), [(b"", 503), (b"\x08\x00", 503), (b"\x08\x01", 200)])
def test_one_that_is_not_ready_is_so_in_records_too(path: bytes, message: bytes, status: int) -> None:
    b = bench("v1", journal=True)
    head = RequestHead(b"GET", b"front", path, b"x-request-id: a\r\n")
    client = b.ask(b"", head)[1]
    b.pools["v1"].last.call(0, framed(message))
    (record,) = b.outbox.records
    assert client.status == record.status == status and (record.call, record.outcome) == (0, "not_an_inference")
    assert b.pools["v1"].last.judgements == [status == 200]


def test_a_head_is_answered_without_a_body() -> None:
    b = bench("v1")
    client = b.ask(b"", RequestHead(b"HEAD", b"front", b"/v2/models/m/ready", b"x-request-id: a\r\n"))[1]
    b.pools["v1"].last.call(0, framed(b"\x08\x01"))
    assert (client.status, client.body, client.ends) == (200, b"", ["done"])


def test_the_primary_by_rest_answers_in_place_of_a_call_that_is_unavailable() -> None:
    b = bench(split=ALL)
    client = ask(b)
    b.pools["v2"].last.call(14, b"", b"away")
    b.pools["v1"].last.answer(200, b"{}")
    assert client.ends == ["done"] and client.body == b"{}"


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\0\1", ANSWER + ANSWER, framed(b"\x08\x01")])
def test_what_is_no_answer_is_charged_and_never_told(answer: bytes) -> None:
    b = bench(split=ALL)
    client = ask(b)
    b.pools["v2"].last.call(0, answer)
    b.pools["v1"].last.answer(200, b"{}")
    assert client.body == b"{}" and [each.failure for each in b.outbox.records] == ["malformed", ""]
    b = bench("v1")
    client = ask(b)
    b.pools["v1"].last.call(0, answer)
    assert client.ends == ["malformed", "done"]


def test_an_answer_that_is_too_large_is_charged_to_nobody() -> None:
    b = bench("v1")
    client = ask(b)
    stream = b.pools["v1"].last
    stream.head(200, None, media=b"application/grpc")
    stream.piece(bytes(MAX_MESSAGE + 6))
    assert client.ends == ["answer_untellable", "done"] and b.owed() == 0


def test_what_has_no_call_goes_to_the_primary_by_rest() -> None:
    b = bench(split=ALL)
    client = ask(b, b"/v2/models/m/generate")
    assert not b.pools["v2"].streams
    b.pools["v1"].last.answer(200, b"{}")
    assert client.body == b"{}"


def test_a_shadow_gets_the_call_and_the_primary_the_bytes_that_it_gets_without() -> None:
    plain, beside = bench(""), bench("v3", shadows=(Share("v3", 100.0),))
    for each in (plain, beside):
        ask(each)
    one, other = plain.pools["v1"].last, beside.pools["v1"].last
    assert one.begun is not None and other.begun is not None
    assert (one.sent, one.begun[0].fields, one.begun[1:4]) == (other.sent, other.begun[0].fields, other.begun[1:4])
    shadow = beside.shadow_pools["v3"].last
    assert body_of(shadow).inputs[0].name == "x"
    shadow.call(0, ANSWER)
    (record,) = beside.outbox.records
    assert (record.role, record.call, record.unary) == ("shadow", 0, True)
