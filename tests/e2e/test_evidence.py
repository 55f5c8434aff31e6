"""Real data through real model servers: a drift made half way is found and named, labels say how good each version
is."""

from __future__ import annotations

import http.client
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from proxy.demo.front import ROUTE
from proxy.demo.servers import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Models, Penumbra

HALF = 500
DRIFTED = 3
"""Column `mean area`, which the second half has measured in another unit."""


@pytest.fixture
def penumbra(models: Models, start: Callable[..., Penumbra]) -> Penumbra:
    urls = {version: models.servers[version].url for version in ("cancer-v1", "cancer-v3")}
    return start(urls, primary="cancer-v1", shadows=[{"version": "cancer-v3", "percent": 100}])


def ask(connection: http.client.HTTPConnection, number: int, row: list[float]) -> float:
    """The probability that the served model gives for class 1."""
    tensor = {"name": "row", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    body = json.dumps({"inputs": [tensor], "outputs": [{"name": "predict_proba"}]})
    headers = {"content-type": "application/json", "x-request-id": f"e{number}"}
    connection.request("POST", f"/v2/models/{MODEL}/infer", body, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    assert answer.status == 200, content
    return float(content["outputs"][0]["data"][-1])


def drifted(penumbra: Penumbra) -> set[str]:
    features = penumbra.ask("GET", f"/v1/routes/{ROUTE}/drift")["features"]
    return {row["feature"] for row in features if row["drifted"] and row["side"] == "input"}


def test_a_drift_half_way_is_named_and_labels_grade_every_version(models: Models, penumbra: Penumbra) -> None:
    known: dict[str, Any] = json.loads((models.folder / "rows.json").read_text(encoding="utf-8"))
    chosen = random.Random(7).choices(range(len(known["rows"])), k=2 * HALF)
    connection = http.client.HTTPConnection(penumbra.address)
    guesses: list[int] = []
    for number, at in enumerate(chosen):
        row = list(known["rows"][at])
        if number == HALF:
            assert drifted(penumbra) == set()
        if number >= HALF:
            row[DRIFTED] *= 2.0
        guesses.append(int(ask(connection, number, row) > 0.5))
    connection.close()
    penumbra.until(lambda _: drifted(penumbra) == {f"row[{DRIFTED}]"}, "the drifted column and no other is named")
    labels = [{"request_id": f"e{number}", "label": known["labels"][at]} for number, at in enumerate(chosen)]
    outcomes = penumbra.ask("POST", "/v1/feedback", labels)
    assert outcomes["joined"] + outcomes["unknown"] == 2 * HALF, "the last record may still be on its way"
    assert penumbra.ask("POST", "/v1/feedback", labels[0])["duplicate"] == 1
    penumbra.until(lambda _: graded(penumbra, "cancer-v3") == 2 * HALF, "every label met both versions")
    true = sum(guess == label["label"] for guess, label in zip(guesses, labels, strict=True)) / len(labels)
    assert quality(penumbra, "cancer-v1", "primary") == pytest.approx(true, abs=0.002)
    assert quality(penumbra, "cancer-v3", "shadow") < true - 0.05
    shown = penumbra.ask("GET", f"/v1/routes/{ROUTE}/disagreements")
    assert "cancer-v3" in json.dumps(shown)
    assert penumbra.metrics().one("penumbra_drift_psi", feature=f"row[{DRIFTED}]", role="primary") > 0.2


def graded(penumbra: Penumbra, version: str) -> float:
    return penumbra.metrics().total("penumbra_labelled_predictions_total", version=version)


def quality(penumbra: Penumbra, version: str, role: str) -> float:
    accuracy = penumbra.metrics().one("penumbra_quality", version=version, role=role, metric="accuracy")
    assert accuracy is not None
    return accuracy
