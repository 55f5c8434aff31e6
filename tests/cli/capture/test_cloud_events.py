"""Request logs of KServe and Seldon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.capture.cloud_events import MAX_WAITING, Skipped, exchanges_of_events
from proxy.cli.capture.columns import UnusableRows
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
            {"headers": {"ce-id": "a", "ce-type": SELDON + "response"}, "data": {"data": {}}},
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
