"""Request logs of KServe and Seldon."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.capture.cloud_events import MAX_WAITING, Skipped, exchanges_of_events
from proxy.cli.capture.columns import UnusableRows
from proxy.cli.capture.imported import form_of
from proxy.cli.capture.requests import ForeignExchange

KSERVE = "org.kubeflow.serving.inference."
SELDON = "io.seldon.serving.inference."
ASKED: dict[str, Any] = {
    "specversion": "1.0",
    "type": KSERVE + "request",
    "id": "a",
    "time": "2026-06-24T10:30:40Z",
    "inferenceservicename": "iris",
    "data": {"instances": [[1, 2]]},
}
ANSWERED = ASKED | {"type": KSERVE + "response", "time": "2026-06-24T10:30:40.5Z", "data": {"predictions": [1]}}


def read(folder: Path, *rows: dict[str, Any], skipped: Skipped | None = None) -> list[ForeignExchange]:
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return list(exchanges_of_events(folder / "log.jsonl", "", skipped or Skipped()))


def test_a_request_and_its_answer_are_one_exchange(tmp_path: Path) -> None:
    (found,) = read(tmp_path, ASKED, ANSWERED)
    assert (found.path, found.request_id, found.total) == ("/v1/models/iris:predict", "a", 0.5)
    assert (found.request, found.answer) == (b'{"instances":[[1,2]]}', b'{"predictions":[1]}')


@pytest.mark.parametrize(
    ("asked", "answered", "path"),
    [
        (ASKED | {"data": {"inputs": []}}, ANSWERED, "/v2/models/iris/infer"),
        (
            {k: v for k, v in ASKED.items() if k != "data"} | {"data_base64": "e30="},
            ANSWERED,
            "/v1/models/iris:predict",
        ),
        (
            {
                "headers": {"Ce-Id": ["a"], "Ce-Type": [SELDON + "request"], "Ce-Modelid": ["m"]},
                "body": '{"data":{"ndarray":[[1]]}}',
            },
            {"headers": {"ce-id": "a", "ce-type": SELDON + "response", "ce-modelid": "m"}, "data": {"data": {}}},
            "/api/v1.0/predictions",
        ),
    ],
)
def test_forms_of_a_line(tmp_path: Path, asked: dict[str, Any], answered: dict[str, Any], path: str) -> None:
    (found,) = read(tmp_path, asked, answered)
    assert found.path == path and found.answer


def test_both_in_one_document_of_an_index(tmp_path: Path) -> None:
    side = {"ce-time": "2026-06-24T10:30:40Z", "payload": {"data": {"ndarray": [[1]]}}}
    (found,) = read(tmp_path, {"RequestId": "q", "request": side, "response": side})
    assert (found.request_id, found.answer) == ("q", b'{"data":{"ndarray":[[1]]}}')


def test_what_has_no_partner_is_there_or_counted(tmp_path: Path) -> None:
    skipped = Skipped()
    strange = ASKED | {"type": "io.seldon.serving.feedback"}
    found = read(tmp_path, ANSWERED | {"id": "z"}, strange, ASKED, skipped=skipped)
    assert [each.answer for each in found] == [None]
    assert skipped.counts == {"answers without a request": 1, "events of type io.seldon.serving.feedback": 1}


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    rows = [ASKED | {"id": str(number)} for number in range(MAX_WAITING + 1)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first = next(exchanges_of_events(tmp_path / "log.jsonl", "", Skipped()))
    assert first.request_id == "0"


@pytest.mark.parametrize(
    "row", [{"a": 1}, ASKED | {"time": "noon"}, {"type": "x", "id": 1}, ASKED | {"data_base64": "*"}]
)
def test_what_is_none_is_refused_with_its_line(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(UnusableRows, match=r"log\.jsonl, line 2: "):
        read(tmp_path, ASKED, row)


def test_an_answer_may_come_before_its_request(tmp_path: Path) -> None:
    """Several workers write a log."""
    (found,) = read(tmp_path, ANSWERED, ASKED)
    assert (found.answer, found.total) == (b'{"predictions":[1]}', 0.5)


def kserve(side: str, id: str, data: Any, time: str) -> dict[str, Any]:
    """An event as KServe's agent sends it, in the binary mode of HTTP, and a receiver keeps it: in the shape of
    pkg/logger/worker.go of github.com/kserve/kserve."""
    return {
        "headers": {
            "Ce-Specversion": "1.0",
            "Ce-Id": id,
            "Ce-Type": KSERVE + side,
            "Ce-Source": "http://localhost:8080/",
            "Ce-Time": time,
            "Ce-Inferenceservicename": "loans",
            "Ce-Namespace": "shop",
            "Ce-Component": "predictor",
            "Ce-Endpoint": "default",
            "Ce-Metadata": "null",
            "Content-Type": "application/json",
            "Content-Length": str(len(json.dumps(data))),
        },
        "body": json.dumps(data),
    }


def test_kserve_sends_both_sides_with_one_id(tmp_path: Path) -> None:
    first, second = "0b5c3c1e-6d0f-4b3a-8e0a-2f6d7c1b9a10", "f1d2-other"
    asked = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1.5]}]}
    answered = {"model_name": "loans", "outputs": [{"name": "p", "shape": [1], "datatype": "FP32", "data": [0.25]}]}
    found = read(
        tmp_path,
        kserve("request", first, asked, "2026-03-02T08:15:30.123456789Z"),
        kserve("request", second, {"instances": [[0.5, 1.5]]}, "2026-03-02T08:15:30.2Z"),
        kserve("response", first, answered, "2026-03-02T08:15:30.150456789Z"),
        kserve("response", second, {"predictions": [1]}, "2026-03-02T08:15:30.3Z"),
    )
    assert [each.path for each in found] == ["/v2/models/loans/infer", "/v1/models/loans:predict"]
    assert [round(each.total, 3) for each in found] == [0.027, 0.1]
    assert json.loads(found[0].answer or b"") == answered


def stored(side: str, id: str, data: Any) -> dict[str, Any]:
    """An entry of a file that KServe's agent puts into a bucket, a list of which is one file: in the shape of
    LogRequest, pkg/logger/types/types.go of github.com/kserve/kserve, which Go writes by the names of its fields."""
    return {
        "Url": {"Scheme": "s3", "Opaque": "", "User": None, "Host": "logs", "Path": "/loans"},
        "Bytes": b64encode(json.dumps(data).encode()).decode(),
        "ContentType": "application/json",
        "ReqType": KSERVE + side,
        "Id": id,
        "SourceUri": {"Scheme": "http", "Host": "localhost:8080", "Path": "/"},
        "InferenceService": "loans",
        "Namespace": "shop",
        "Component": "predictor",
        "Endpoint": "default",
        "Metadata": None,
        "Annotations": None,
        "CertName": "",
        "TlsSkipVerify": False,
    }


def test_kserve_stores_both_sides_as_bytes(tmp_path: Path) -> None:
    rows = stored("request", "a", {"instances": [[1, 2]]}), stored("response", "a", {"predictions": [0]})
    (found,) = read(tmp_path, *rows)
    assert (found.path, found.request_id, found.answer) == ("/v1/models/loans:predict", "a", b'{"predictions": [0]}')
    assert form_of(tmp_path / "log.jsonl") == "cloudevents"


def test_kserve_stores_parquet_too(tmp_path: Path) -> None:
    """In the shape of pkg/logger/marshaller/parquet.go of github.com/kserve/kserve."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "bytes": [b'{"instances":[[1]]}', b'{"predictions":[0]}'],
        "content_type": ["application/json"] * 2,
        "req_type": [KSERVE + "request", KSERVE + "response"],
        "id": ["a", "a"],
        "inference_service": ["loans", "loans"],
        "component": ["predictor"] * 2,
    }
    parquet.write_table(arrow.table(columns), tmp_path / "log.parquet")
    (found,) = exchanges_of_events(tmp_path / "log.parquet", "", Skipped())
    assert (found.path, found.answer) == ("/v1/models/loans:predict", b'{"predictions":[0]}')
    assert form_of(tmp_path / "log.parquet") == "cloudevents"


def seldon(side: str, node: str, data: Any, *, kafka: bool = False) -> dict[str, Any]:
    """An event as Seldon's executor sends it, by HTTP or Kafka: in the shape of executor/logger/worker.go and
    executor/predictor/predictor_process.go of github.com/SeldonIO/seldon-core. Each event has an id of its own."""
    attributes = {
        "Modelid": node,
        "Requestid": "d2f7a9c4-1b0e-4c55-9d7e-3a6b8f0c1e22",
        "Inferenceservicename": "loans",
        "Namespace": "shop",
        "Endpoint": "main",
        "Protocol": "seldon",
    }
    if kafka:
        own = {"type": SELDON + side, "content-type": "application/json"}
        return {"headers": own | {name.lower(): value for name, value in attributes.items()}, "value": json.dumps(data)}
    own = {"Ce-Specversion": "1.0", "Ce-Id": f"{side}-{node}", "Ce-Type": SELDON + side, "Ce-Source": "http://:8000/"}
    own |= {"Ce-Time": "2026-03-02T08:15:30.123456789Z", "Content-Type": "application/json"}
    return {"headers": own | {f"Ce-{name}": value for name, value in attributes.items()}, "data": data}


@pytest.mark.parametrize("kafka", [False, True])
def test_seldon_joins_by_request_and_node(tmp_path: Path, kafka: bool) -> None:
    asked, scaled = {"data": {"names": ["a"], "ndarray": [[2.0]]}}, {"data": {"names": ["a"], "ndarray": [[0.2]]}}
    answered = {"meta": {}, "data": {"names": ["p"], "ndarray": [[0.75]]}}
    found = read(
        tmp_path,
        seldon("request", "scaler", asked, kafka=kafka),
        seldon("request", "classifier", scaled, kafka=kafka),
        seldon("response", "classifier", answered, kafka=kafka),
        seldon("response", "scaler", answered, kafka=kafka),
    )
    assert [json.loads(each.request) for each in found] == [scaled, asked]
    assert all(each.answer and each.path == "/api/v1.0/predictions" for each in found)
    assert form_of(tmp_path / "log.jsonl") == "cloudevents"


def document(item: int | None, **sides: Any) -> dict[str, Any]:
    """A document of Seldon's request logger as a search gives it: in the shape of
    components/seldon-request-logger/app/default_logger.py and log_helper.py of github.com/SeldonIO/seldon-core."""
    source: dict[str, Any] = {
        "ServingEngine": "seldon",
        "Ce-Inferenceservicename": "loans",
        "Ce-Endpoint": "main",
        "Ce-Namespace": "shop",
        "Ce-Modelid": "classifier",
        "@timestamp": "2026-03-02T08:15:30.123456789Z",
        "RequestId": "d2f7",
    }
    for side, payload in sides.items():
        own = {"ce-time": "2026-03-02T08:15:30.123456789Z", "ce-source": "http:8000", "dataType": "tabular"}
        source[side] = own | {"instance": [1.0], "elements": {"a": 1.0}, "payload": payload}
    return {
        "_index": "inference-log-seldon-shop-loans-main",
        "_id": f"d2f7-item-{item}",
        "found": True,
        "_source": source,
    }


def test_items_of_a_batch_in_an_index_are_one_request(tmp_path: Path) -> None:
    skipped = Skipped()
    asked, answered = {"data": {"ndarray": [[1.0], [2.0]]}}, {"data": {"ndarray": [[0.1], [0.9]]}}
    rows = [document(item, request=asked, response=answered) for item in range(2)]
    (found,) = read(tmp_path, *rows, skipped=skipped)
    assert (found.request_id, json.loads(found.request), json.loads(found.answer or b"")) == ("d2f7", asked, answered)
    assert sum(skipped.counts.values()) == 2
    assert form_of(tmp_path / "log.jsonl") == "cloudevents"
