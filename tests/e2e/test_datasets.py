"""A regression and a stream of real data through a real model server: in each a drift made half way is found and named
by its column, and late labels say how good the model is.

Both models live in one MLServer process, which hands them data frames: each column is a tensor of its own. The
reference profiles are made of the rows that the models learnt from.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from river.datasets import ImageSegments
from sklearn.metrics import accuracy_score, mean_absolute_error

from proxy.demo.processes import DemoProcess, until_ok
from proxy.demo.servers import MLSERVER_SETTINGS, SERVER_READY_SECONDS, UVICORN_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.conftest import Penumbra

HALF = 500
BATCH = 10
"""Rows of one request, as batch inference sends them."""

VERSION = "v1"
Row = list[float | None]
SCRIPT = Path(__file__).with_name("train_datasets.py")


@dataclass(frozen=True)
class Plan:
    """Which column of a model's rows drifts, how the value of row i is then read, and what quality is measured by."""

    model: str
    column: str
    fault: Callable[[int, float], float | None]
    metric: str
    measure: Callable[[list[Any], list[Any]], float]


def reads_high(_: int, value: float) -> float:
    """By one standard deviation: the scale was replaced."""
    return value + 0.0476


def often_missing(number: int, value: float) -> float | None:
    return None if number % 3 == 0 else value


PLANS = (
    Plan("diabetes", "bmi", reads_high, "mae", mean_absolute_error),
    Plan("segments", "hue-mean", often_missing, "accuracy", accuracy_score),
)


@dataclass(frozen=True)
class Served:
    """The process that serves both models, and the folder with what `train_datasets.py` wrote."""

    url: str
    folder: Path


@pytest.fixture(scope="module")
def served(models_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("datasets")
    rows, truth = zip(*ImageSegments(), strict=True)
    (folder / "segments.json").write_text(json.dumps({"rows": rows, "truth": truth}), encoding="utf-8")
    subprocess.run([str(models_python), str(SCRIPT), str(folder)], check=True)
    for plan in PLANS:
        write_settings(folder / plan.model)
    (folder / "settings.json").write_text(json.dumps(MLSERVER_SETTINGS), encoding="utf-8")
    argv = [str(models_python), "-m", "mlserver.cli.main", "start", str(folder)]
    child = DemoProcess("MLServer of two datasets", argv, folder / "server.log", folder)
    try:
        yield Served(asyncio.run(ready(child)), folder)
    finally:
        asyncio.run(child.stop())


def write_settings(home: Path) -> None:
    settings = {
        "name": home.name,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(home / "model.joblib"), "version": VERSION, "content_type": "pd"},
    }
    (home / "model-settings.json").write_text(json.dumps(settings), encoding="utf-8")


async def ready(child: DemoProcess) -> str:
    url = (await child.expect(UVICORN_ADDRESS, SERVER_READY_SECONDS))[1]
    await until_ok(child, f"{url}/v2/health/ready", SERVER_READY_SECONDS)
    return url


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.model)
def test_a_drift_half_way_is_named_and_labels_say_the_quality(
    plan: Plan, served: Served, start: Callable[..., Penumbra], tmp_path: Path
) -> None:
    home = served.folder / plan.model
    penumbra = start(
        {VERSION: served.url}, name=plan.model, primary=VERSION, analysis={"profile": profile(home, tmp_path)}
    )
    known = json.loads((home / "unseen.json").read_text(encoding="utf-8"))
    rows = list(itertools.islice(itertools.cycle(known["rows"]), 2 * HALF))
    truth = list(itertools.islice(itertools.cycle(known["truth"]), 2 * HALF))
    at = known["columns"].index(plan.column)
    faulty = [[*row[:at], plan.fault(number, row[at]), *row[at + 1 :]] for number, row in enumerate(rows[HALF:])]
    said = predictions(penumbra, known["columns"], rows[:HALF], "healthy")
    penumbra.until(lambda _: seen(penumbra) == {HALF}, "every row of the first half is looked at")
    assert drifted(penumbra) == set()
    said += predictions(penumbra, known["columns"], faulty, "faulty")
    penumbra.until(lambda _: seen(penumbra) == {2 * HALF}, "every row of the second half is looked at")
    assert drifted(penumbra) == {plan.column}
    missing = sum(row[at] is None for row in faulty)
    assert penumbra.metrics().total("penumbra_contract_violations_total", rule="missing") == missing
    grade(penumbra, {"healthy": truth[:HALF], "faulty": truth[HALF:]})
    assert penumbra.metrics().one("penumbra_labelled_predictions_total", role="primary") == 2 * HALF
    assert penumbra.metrics().one("penumbra_quality", metric=plan.metric) == pytest.approx(plan.measure(truth, said))


def profile(home: Path, folder: Path) -> str:
    """What `penumbra profile` makes of the rows that the model learnt from."""
    path = str(folder / "profile.json")
    subprocess.run([sys.executable, "-m", "proxy", "profile", str(home / "seen.jsonl"), "-o", path], check=True)
    return path


def predictions(penumbra: Penumbra, columns: list[str], rows: list[Row], name: str) -> list[Any]:
    """What the model predicts for `rows`; request i, with `BATCH` of them, has the id `name`-i."""
    connection = http.client.HTTPConnection(penumbra.address)
    said: list[Any] = []
    for number, batch in enumerate(batches(rows)):
        frame = [
            {"name": column, "shape": [len(batch), 1], "datatype": "FP64", "data": values}
            for column, values in zip(columns, zip(*batch, strict=True), strict=True)
        ]
        headers = {"content-type": "application/json", "x-request-id": f"{name}-{number}"}
        body = json.dumps({"inputs": frame})
        connection.request("POST", f"/v2/models/{penumbra.name}/infer", body, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status == 200, content
        said += content["outputs"][0]["data"]
    connection.close()
    return said


def batches(values: list[Any]) -> list[list[Any]]:
    return [values[at : at + BATCH] for at in range(0, len(values), BATCH)]


def inputs(penumbra: Penumbra) -> list[dict[str, Any]]:
    features = penumbra.ask("GET", f"/v1/routes/{penumbra.name}/drift")["features"]
    return [row for row in features if row["side"] == "input"]


def seen(penumbra: Penumbra) -> set[int]:
    """How many rows the features were judged by."""
    return {row["n"] for row in inputs(penumbra)}


def drifted(penumbra: Penumbra) -> set[str]:
    return {row["feature"] for row in inputs(penumbra) if row["drifted"]}


def grade(penumbra: Penumbra, truth: dict[str, list[Any]]) -> None:
    """Sends every label. All predictions are there: their records came with the rows that are looked at."""
    labels = [
        {"request_id": f"{name}-{number}", "label": batch}
        for name, values in truth.items()
        for number, batch in enumerate(batches(values))
    ]
    assert penumbra.ask("POST", "/v1/feedback", labels)["joined"] == len(labels)
