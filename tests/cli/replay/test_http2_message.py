"""A captured request as a head and a body for a server of HTTP/2."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.cli.replay.http2_message import Http2Addressed
from proxy.contracts.rewrite import Rewrite
from proxy.contracts.table import Match, Version
from proxy.routing.rewrite.unwritable import Unwritable
from tests.support.replayed import leg, section, settings

SERVICE = "/inference.GRPCInferenceService"
CALL = b"content-type: application/grpc\r\n"


def call(**facts: Any) -> Any:
    """A captured call, with its fields as they stand."""
    usual: dict[str, Any] = {"path": f"{SERVICE}/ModelInfer", "request_fields": CALL, "request": b"\0\0\0\0\0"}
    fields = (usual | facts)["request_fields"]
    return replace(leg(1, **usual | facts), request_fields=fields)


def addressed(grpc: bool = False, protocol: str = "grpc", secure: bool = False, **more: Any) -> Http2Addressed:
    version = Version("v2", "h", 1, "h:1", "/base", secure=secure, http=2, grpc=grpc)
    route = section(protocol=protocol, match=Match("/"))
    return Http2Addressed(replace(settings(), **more), route, version, 20.0)


def test_a_call_is_written_as_a_copy_is() -> None:
    message = addressed().message(call())
    assert message.fields == [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/base" + SERVICE.encode() + b"/ModelInfer"),
        (b":authority", b"h:1"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        (b"x-penumbra-shadow", b"v2"),
        (b"grpc-timeout", b"20000000u"),
        (b"x-request-id", b"request-1"),
        (b"content-length", b"5"),
    ]
    assert (message.data, message.head_only, message.call) == (b"\0\0\0\0\0", False, True)
    assert dict(addressed(secure=True).message(call()).fields or ())[b":scheme"] == b"https"


def test_what_belongs_to_one_connection_or_one_client_stays_behind() -> None:
    kept = CALL + b"grpc-encoding: gzip\r\nx-model-bin: AAE=\r\n"
    hop = (
        b"te: trailers\r\nconnection: close\r\ngrpc-timeout: 1S\r\nhost: a\r\nx-request-id: b\r\ncontent-length: 9\r\n"
    )
    fields = addressed().message(call(request_fields=hop + kept)).fields or []
    assert fields == addressed().message(call(request_fields=kept)).fields
    assert (b"grpc-encoding", b"gzip") in fields and (b"x-model-bin", b"AAE=") in fields


@pytest.mark.parametrize(
    ("path", "timed"),
    [("ModelInfer", True), ("ModelStreamInfer", False)],
)
def test_only_a_call_of_one_message_has_a_deadline(path: str, timed: bool) -> None:
    fields = dict(addressed().message(call(path=f"{SERVICE}/{path}")).fields or ())
    assert (b"grpc-timeout" in fields) == timed
    assert b"grpc-timeout" not in dict(addressed().message(call(path="/a.Other/Do")).fields or ())


def test_a_request_of_rest_becomes_a_call_for_a_version_that_takes_nothing_else() -> None:
    message = addressed(grpc=True, protocol="oip").message(leg(1))
    fields = dict(message.fields or ())
    assert fields[b":path"] == b"/base" + SERVICE.encode() + b"/ModelInfer"
    assert (fields[b"te"], fields[b"content-type"]) == (b"trailers", b"application/grpc")
    assert fields[b"x-request-id"] == b"request-1" and b"grpc-timeout" in fields
    assert message.call and message.data[0] == 0 and fields[b"content-length"] == b"%d" % len(message.data)
    with pytest.raises(Unwritable, match="no call of gRPC that means the same"):
        addressed(grpc=True, protocol="oip").message(leg(1, path="/v2/elsewhere"))


def test_a_request_that_is_no_call_goes_by_http2_as_it_is() -> None:
    message = addressed(protocol="oip").message(leg(1))
    fields = dict(message.fields or ())
    assert not message.call and b"te" not in fields and b"grpc-timeout" not in fields
    assert message.data == leg(1).request
    bare = addressed(protocol="oip").message(leg(1, method="GET", request=b""))
    assert b"content-length" not in dict(bare.fields or ())


def test_a_version_is_asked_as_its_rewrites_say() -> None:
    rewrites = {"v2": Rewrite(headers_set={"x-key": "k"}, host="model.internal")}
    fields = dict(addressed(rewrites=rewrites).message(call()).fields or ())
    assert (fields[b"x-key"], fields[b":authority"]) == (b"k", b"model.internal")
    with pytest.raises(Unwritable, match="messages of gRPC are not rewritten"):
        addressed(rewrites={"v2": Rewrite(json={"/a": "1"})}).message(call())


def test_heads_of_late_are_kept_within_bounds() -> None:
    model = addressed()
    for number in range(200):
        model.message(call(path=f"{SERVICE}/ModelInfer?{number}"))
    assert len(model._starts) <= 64


def test_what_cannot_be_a_head_goes_nowhere() -> None:
    for facts in ({"method": "P OST"}, {"path": "no"}, {"request_fields": CALL + b"a\r\n"}):
        with pytest.raises(Unwritable):
            addressed().message(call(**facts))
    assert b"x-request-id" not in dict(addressed().message(call(request_id="a b")).fields or ())
