"""Which call of gRPC an exchange is, and how it ended."""

from __future__ import annotations

import pytest

from proxy.contracts.bounds import MAX_NAME
from proxy.control.telemetry.calls import method_of, status_of
from tests.control.records import answer, leg

GRPC = b"content-type: application/grpc+proto\r\n"
INFER = "/inference.GRPCInferenceService/ModelInfer"


def test_a_method_is_named_by_its_path() -> None:
    method = method_of(answer(path=INFER, request_fields=GRPC, call=0))
    assert method == ("inference.GRPCInferenceService", "ModelInfer")
    assert method.whole == "inference.GRPCInferenceService/ModelInfer"


@pytest.mark.parametrize("path", ["/", "", "/one", "/a/b/c", "*"])
def test_any_path_has_some_name(path: str) -> None:
    method = method_of(answer(path=path, request_fields=GRPC))
    assert method is not None
    assert path.strip("/") == method.whole.strip("/")


def test_a_name_is_bounded() -> None:
    method = method_of(answer(path=f"/{'s' * 5000}/{'m' * 5000}?q=secret", request_fields=GRPC))
    assert method is not None
    assert max(map(len, method)) == MAX_NAME


def test_what_is_no_call_has_no_method() -> None:
    assert method_of(answer(path=INFER)) is None
    assert method_of(answer(path=INFER, request_fields=b"content-type: application/json\r\n")) is None
    assert method_of(answer(path="/v2/models/m/infer", call=5)) is None, "a client of REST, its version asked by gRPC"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"call": 0}, 0),
        ({"call": 13, "status": 500}, 13),
        ({"failure": "connect_failed", "status": 0}, 14),
        ({"failure": "response_timeout", "status": 0}, 4),
        ({"failure": "body_too_large", "status": 0}, 8),
        ({"status": 200}, None),
    ],
)
def test_a_call_ends_as_its_version_says_or_as_we_told_its_client(changes: dict[str, object], status: int) -> None:
    assert status_of(leg(**changes)) == status  # type: ignore[arg-type]
