"""Plans of versions that take calls of gRPC."""

from __future__ import annotations

import pytest

from proxy.contracts.message import RequestHead
from proxy.contracts.rewrite import Credential, Rewrite
from proxy.routing.rewrite.call import call_plan
from proxy.routing.rewrite.unwritable import Unwritable
from tests.support.oip_messages import message

ASKED = b'{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]}]}'
FIELDS = b"content-type: application/json\r\naccept: */*\r\nx-user: u\r\nauthorization: Bearer client\r\n"


def head(path: bytes = b"/v2/models/m/infer", method: bytes = b"POST", fields: bytes = FIELDS) -> RequestHead:
    made = RequestHead(method, b"front", path, fields)
    made.length = len(ASKED) if method == b"POST" else None
    return made


def test_a_request_becomes_a_call_with_its_fields_as_metadata() -> None:
    made = call_plan(None, None, "/v2/").applied(head(), ASKED, True)
    assert made.body is not None and made.call is not None
    assert made.head.path == b"/inference.GRPCInferenceService/ModelInfer"
    assert made.head.fields == b"x-user: u\r\nauthorization: Bearer client\r\ncontent-type: application/grpc\r\n"
    assert made.head.trailers and made.head.length == len(made.body)
    found = message("ModelInferRequest")
    found.ParseFromString(made.body[5:])
    assert found.model_name == "m" and list(found.inputs[0].contents.int_contents) == [1]


def test_the_model_and_the_credential_of_the_version_count() -> None:
    plan = call_plan(Rewrite(model="other"), Credential("own", "authorization", "Bearer own"), "/v2/")
    made = plan.applied(head(), ASKED, True)
    assert made.body is not None and b"Bearer own" in made.head.fields and b"Bearer client" not in made.head.fields
    found = message("ModelInferRequest")
    found.ParseFromString(made.body[5:])
    assert found.model_name == "other" and made.names


def test_a_call_goes_as_it_is_and_what_has_no_call_nowhere() -> None:
    plan = call_plan(None, None, "/")
    asked = head(b"/inference.GRPCInferenceService/ModelInfer", fields=b"content-type: application/grpc\r\n")
    assert not plan.reads_body(asked)
    made = plan.applied(asked, None, True)
    assert made.call is None and made.body is None
    for path in (b"/v2/models/m/generate", b"/else", b"/v2/models/../m/infer"):
        with pytest.raises(Unwritable):
            plan.applied(head(path), ASKED, True)
    with pytest.raises(Unwritable):
        plan.applied(head(), None, True)


def test_health_is_asked_without_a_body() -> None:
    made = call_plan(None, None, "/v2/").applied(head(b"/v2/health/ready", b"GET"), None, False)
    assert made.body == b"\0\0\0\0\0" and made.head.path.endswith(b"/ServerReady")
