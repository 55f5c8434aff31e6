"""Legs are redacted before they are written: by the rules of all routes, and of their own."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from proxy.contracts.operation import Capture
from proxy.contracts.record import Record
from proxy.contracts.settings import RouteSettings
from proxy.control.capture.format import Captured, LabelLine
from proxy.control.capture.reading import CaptureFiles
from proxy.control.capture.redaction import Redaction
from proxy.control.capture.writer import CaptureWriter
from tests.control.houses import section
from tests.support.records import record

SECRET = "Ada-7301994"
JSON = b"content-type: application/json\r\n"


def route(name: str = "r", protocol: Any = "json", shown: tuple[str, ...] = (), **analysis: Any) -> RouteSettings:
    made = section(name)
    return replace(made, protocol=protocol, analysis=replace(made.analysis, redact=shown, **analysis))


def leg(**facts: Any) -> Record:
    usual = {"path": f"/v1?user={SECRET}", "key": 77, "copies": 0, "request_fields": JSON, "response_fields": JSON}
    bodies = {"request": json.dumps({"user": SECRET, "x": 1}).encode(), "response": json.dumps([SECRET]).encode()}
    return record(**usual | bodies | facts)


def written(folder: Path, redact: dict[str, str], routes: list[RouteSettings], *legs: Record) -> tuple[bytes, Any]:
    writer = CaptureWriter()
    writer.use(Capture(100.0, str(folder / "records"), 1 << 20, True, redact=redact, redact_key="k"), routes)
    writer.take(legs, (0, "a"))
    writer.close()
    files = CaptureFiles([folder / "records"])
    data = (folder / "records").read_bytes()
    bodies = [body for leg in files.legs() for body in (leg.request, leg.response, leg.beginning) if body]
    return data + b"".join(bodies), (files.files[0].headers[0], *files.legs())


def test_nothing_that_is_named_reaches_the_disk(tmp_path: Path) -> None:
    redact = {"/request/user": "hash", "/answer/0": "drop", "/query/user": "drop"}
    data, (header, one, two) = written(tmp_path, redact, [route()], leg(), leg(exchange=2))
    assert SECRET.encode() not in data and base64.b64encode(SECRET.encode())[:8] not in data
    assert json.loads(one.request)["x"] == 1 and json.loads(one.response) == [None] and one.path == "/v1"
    assert one.request == two.request and one.key == two.key != 77
    assert set(one.redacted) == set(redact) and not one.withheld
    assert header.redact == redact and header.key and SECRET not in header.key


def test_a_body_that_is_held_back_says_why(tmp_path: Path) -> None:
    text = SECRET.encode()
    odd = leg(request=text, response=text, beginning=text, ending=text, detail=SECRET)
    data, (_, one) = written(tmp_path, {"/request/user": "drop", "/answer/a": "drop", "/query": "drop"}, [route()], odd)
    assert SECRET.encode() not in data
    assert (one.request, one.response, one.withheld) == (None, None, {"request": "json", "response": "json"})


def test_what_examples_may_not_show_is_not_captured(tmp_path: Path) -> None:
    tensor = {"name": "user", "shape": [1], "datatype": "BYTES", "data": [SECRET]}
    other = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}
    one = leg(
        path="/v2/models/m/infer",
        request=json.dumps({"inputs": [tensor, other]}).encode(),
        response=json.dumps({"outputs": [tensor, other]}).encode(),
    )
    shown = ("/request/user", "/candidate/user")
    data, (header, kept) = written(tmp_path, {}, [route(protocol="oip", shown=shown)], one)
    assert SECRET.encode() not in data
    assert json.loads(kept.request) == {"inputs": [other]} and json.loads(kept.response) == {"outputs": [other]}
    assert header.redact == {f"r {pointer}": "drop" for pointer in shown}


@pytest.mark.parametrize(
    ("request_body", "shown", "protocol", "analysis"),
    [
        ({"rows": [[SECRET, 1]]}, "/request/features[0]", "json", {"features": "/rows"}),
        ({"instances": [[SECRET]]}, "/request/instances", "kserve-v1", {}),
    ],
)
def test_what_is_still_read_is_held_back(
    tmp_path: Path, request_body: Any, shown: str, protocol: Any, analysis: dict[str, Any]
) -> None:
    """A feature that has no name in the body cannot be found in it."""
    routes = [route(protocol=protocol, shown=(shown,), **analysis)]
    data, (_, kept) = written(
        tmp_path, {"/query": "drop"}, routes, leg(request=json.dumps(request_body).encode(), response=b"[1]")
    )
    assert SECRET.encode() not in data
    assert kept.request is None or json.loads(kept.request) == {}


def test_the_text_of_an_answer_is_held_back_where_it_may_not_be_shown(tmp_path: Path) -> None:
    answer = json.dumps({"choices": [{"message": {"role": "assistant", "content": SECRET}}]}).encode()
    routes = [route(protocol="openai", shown=("/primary/text",))]
    one = leg(path="/v1/chat/completions", request=b'{"messages":[]}', response=answer)
    data, (_, kept) = written(tmp_path, {}, routes, one)
    assert SECRET.encode() not in data and kept.withheld == {"response": "unlocated"}


def test_a_route_that_is_gone_has_no_rules_and_keeps_no_body(tmp_path: Path) -> None:
    data, (_, kept) = written(tmp_path, {"/request/user": "drop"}, [route("other")], leg())
    assert SECRET.encode() not in data
    assert kept.withheld == {"request": "no_rules", "response": "no_rules"} and kept.path == "/v1"


def test_without_rules_a_leg_is_as_it_was() -> None:
    redaction, one = Redaction({}, b"k", [route()]), leg()
    assert not redaction.used and redaction.of(one).record is one and redaction.fingerprint() == ""
    own = Redaction({}, b"k", [route(), route("other", shown=("/request/user",))])
    assert own.used and own.of(one).record is one


def test_an_error_may_quote_the_request(tmp_path: Path) -> None:
    quoted = json.dumps({"detail": [{"loc": ["body", "user"], "input": SECRET}]}).encode()
    one = leg(status=422, response=quoted, detail=f"user is {SECRET}")
    data, (_, kept) = written(tmp_path, {"/request/user": "drop", "/query": "drop"}, [route()], one)
    assert SECRET.encode() not in data and kept.withheld == {"response": "error"}


OURS = frozenset(("route", "version", "role", "failure", "method", "incarnation", "stratum", "redacted", "withheld"))
"""Texts of a line that no client chose: names of the configuration, words of ours, a method that was admitted."""

EVERYTHING = {
    "/request": "drop", "/answer": "drop", "/query": "drop", "/header": "drop", "/path/*": "drop",
    "/request_id": "hash", "/label": "drop",
}  # fmt: skip


def test_every_field_of_a_line_can_be_redacted(tmp_path: Path) -> None:
    """A field that is new and holds what a client or a version said has no rule yet, and fails here."""
    told: dict[str, Any] = {}
    for each in msgspec.structs.fields(Record):
        kinds = str(each.type)
        if each.name not in OURS and ("str" in kinds or "bytes" in kinds):
            told[each.name] = SECRET if "str" in kinds else SECRET.encode()
    told |= {"path": f"/v1/{SECRET}?q={SECRET}", "request_fields": b"content-type: %b\r\n" % SECRET.encode()}
    told |= {"response_fields": told["request_fields"]}
    assert {"request_id", "path", "detail", "request", "response", "beginning", "ending"} <= told.keys()
    data, (_, *legs) = written(tmp_path, EVERYTHING, [route()], leg(**told))
    assert SECRET.encode() not in data and legs
    assert base64.b64encode(SECRET.encode())[:8] not in data
    assert legs[0].path == "/-/-"
    assert set(EVERYTHING) - {"/label"} == set(legs[0].redacted) | {"/request", "/answer"}


def test_fields_of_a_line_that_are_not_of_a_record_are_ours() -> None:
    own = set(Captured.__struct_fields__) - set(Record.__struct_fields__)
    assert own == {"worker", "incarnation", "weight", "stratum", "extra", "redacted", "withheld"}


def test_labels_are_redacted_with_the_ids_of_their_requests(tmp_path: Path) -> None:
    def kept(**redact: str) -> list[LabelLine]:
        writer, place = CaptureWriter(), tmp_path / "labels"
        place.unlink(missing_ok=True)
        rules = {f"/{name.replace('_of_', '/')}": action for name, action in redact.items()}
        writer.use(Capture(100.0, str(place), 1 << 20, True, redact=rules, redact_key="k"), [route()])
        writer.take([leg(request_id=SECRET)], (0, "a"))
        writer.label([(SECRET, {"user": SECRET, "y": 1})], 5.0)
        writer.close()
        files = CaptureFiles([place])
        (only,) = files.legs()
        labels = list(files.labels())
        assert all(each.request_id == only.request_id for each in labels)
        return labels

    assert [each.label for each in kept(label_of_user="drop", request_id="hash")] == [{"y": 1}]
    (hashed,) = kept(label_of_user="hash", request_id="hash")
    assert hashed.label["y"] == 1 and hashed.label["user"] != SECRET != hashed.request_id
    assert kept(label="drop") == [] == kept(request_id="drop")


def test_routes_that_are_gone_are_redacted_by_the_rules_of_all(tmp_path: Path) -> None:
    redact = {"/path/1": "hash", "/request_id": "drop"}
    _, (_, only) = written(tmp_path, redact, [], leg(path=f"/v1/{SECRET}", request_id=SECRET))
    assert only.path.startswith("/v1/") and SECRET not in only.path and only.request_id == ""
