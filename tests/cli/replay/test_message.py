"""A captured request as bytes for a server."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.cli.replay.message import BY_HTTP2, NO_HEAD, Addressed
from proxy.contracts.rewrite import Credential, PathRewrite, Rewrite
from proxy.contracts.table import Version
from proxy.routing.rewrite.unwritable import Unwritable
from tests.support.replayed import leg, request, section, settings

VERSION = Version("v2", "ci", 8080, "ci:8080", "/base")


def addressed(**changes: object) -> Addressed:
    return Addressed(replace(settings(), **changes), section(), VERSION)


def test_a_request_is_as_it_was_recorded_below_the_servers_path() -> None:
    message = addressed().message(leg(3))
    head, _, body = message.data.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    assert line == b"POST /base/v2/models/m/infer HTTP/1.1"
    assert sorted(fields) == sorted(
        [
            *(b"Host: ci:8080", b"content-type: application/json", b"x-penumbra-shadow: v2"),
            *(b"x-request-id: request-3", b"content-length: %d" % len(request(3))),
        ]
    )
    assert body == request(3) and not message.head_only


def test_a_request_without_a_body_announces_none() -> None:
    message = addressed().message(leg(3, method="GET", request=b"", request_fields=b""))
    assert b"content-length" not in message.data.lower()
    assert addressed().message(leg(3, method="HEAD", request=b"")).head_only
    assert b"content-length: 0" in addressed().message(leg(3, request=b"")).data


def test_what_the_version_has_rewritten_is_rewritten() -> None:
    rewrite = Rewrite(path=PathRewrite("/v3/new/"), headers_set={"x-tenant": "t"})
    message = addressed(rewrites={"v2": rewrite}).message(leg(3, path="/v2/models/m/infer"))
    assert message.data.startswith(b"POST /base/v3/new/infer HTTP/1.1\r\n")
    assert b"x-tenant: t\r\n" in message.data and message.data.endswith(request(3))


def test_a_body_that_is_rewritten_has_its_own_length_once() -> None:
    rewrite = Rewrite(json={"/id": '"replayed"'})
    head, _, body = addressed(rewrites={"v2": rewrite}).message(leg(3)).data.partition(b"\r\n\r\n")
    assert b'"id":"replayed"' in body.replace(b" ", b"")
    assert head.lower().count(b"content-length: %d" % len(body)) == head.lower().count(b"content-length") == 1


FOREIGN = (
    b"Content-Length: 1", b"content_length: 1", b"Transfer-Encoding: chunked", b"Host: elsewhere", b"Connection: close",
    b"Expect: 100-continue", b"X-Request-Id: another", b"x-penumbra-shadow: 0", b"Authorization: Bearer theirs",
    b"cookie: a=1", b"X_Api_Key: theirs", b"grpc-timeout: 1n",
)  # fmt: skip


@pytest.mark.parametrize("field", FOREIGN, ids=lambda field: field.partition(b":")[0].decode())
def test_a_capture_frames_no_body_and_proves_nobody(field: bytes) -> None:
    kept = b"content-type: application/json\r\n"
    hostile = leg(3, request_fields=kept + field + b"\r\n")
    assert addressed().message(hostile) == addressed().message(leg(3, request_fields=kept))


def test_a_version_has_its_own_credential() -> None:
    message = addressed(credentials={"v2": Credential("own", value="Bearer ci")}).message(leg(3))
    assert b"authorization: Bearer ci\r\n" in message.data


@pytest.mark.parametrize(
    "facts",
    [
        {"path": "/a HTTP/1.1\r\nx: y"},
        {"path": "no-slash"},
        {"method": "POST /x HTTP/1.1\r\nhost: a\r\n"},
        {"request_fields": b"content-type: a\r\n\r\nGET / HTTP/1.1\r\n"},
        {"request_fields": b"content-type: a"},
    ],
)
def test_what_is_no_head_goes_nowhere(facts: dict[str, object]) -> None:
    with pytest.raises(Unwritable, match=NO_HEAD):
        addressed().message(leg(3, **facts) if "request_fields" not in facts else replace(leg(3), **facts))


def test_an_id_that_is_no_value_of_a_field_is_left_out() -> None:
    assert b"x-request-id" not in addressed().message(leg(3, request_id="a\r\nx: y")).data


def test_a_call_of_grpc_does_not_go_by_http11() -> None:
    with pytest.raises(Unwritable, match=BY_HTTP2):
        addressed().message(leg(3, request_fields=b"content-type: application/grpc+proto\r\n"))
