"""Real data, from bytes to evidence: scikit-learn's breast cancer and diabetes, river's ImageSegments.

Bodies are written as clients and model servers write them and read back through payload; drift is made half way, and
must be found and named. (The same through real servers: tests/e2e.)
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import orjson
import pytest
from river.datasets import ImageSegments
from sklearn import datasets, metrics
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.contracts.table import Protocol, Role
from proxy.payload.decode import decode
from proxy.stats.arrays import Floats
from proxy.stats.board import Board
from proxy.stats.drift.profile import profile_of
from tests.support.records import record as made

GUARD = Guard(
    scorecard={
        "disagreement": Limit(max=0.1),
        "input_drift": Limit(max_psi=0.2),
        "accuracy": Limit(max_drop=0.05),
        "mae": Limit(max_ratio=1.2),
    }
)


def watched(protocol: Protocol, rows: int) -> Board:
    board = Board()
    board.watch("r", ("v2",), "v1", GUARD, protocol, 0.0, Analysis(reference=rows))
    return board


def record(at: int, role: Role, version: str, request: Any, response: dict[str, Any]) -> Record:
    bodies = (None if request is None else orjson.dumps(request)), orjson.dumps(response)
    which = {"exchange": at, "request_id": str(at), "version": version, "role": role}
    return made(**which, request=bodies[0], response=bodies[1])


def tensor(name: str, rows: Any, datatype: str) -> dict[str, Any]:
    rows = np.atleast_2d(rows)
    return {"name": name, "shape": list(rows.shape), "datatype": datatype, "data": rows.ravel().tolist()}


def serve(board: Board, protocol: Protocol, exchanges: Iterable[tuple[int, Any]]) -> None:
    """Exchanges (request, answer of v1, answer of v2), a hundred a second."""
    for at, (request, mine, other) in exchanges:
        legs = record(at, "primary", "v1", request, mine), record(at, "shadow", "v2", None, other)
        board.on_observations([decode(leg, protocol, (0, "a")) for leg in legs], at / 100)
    board.on_time(1e6)


def drifted(board: Board) -> set[str]:
    return {row.feature for row in board.drift("r") if row.drifted and row.side == "input"}


def evidence(board: Board) -> dict[str, Evidence]:
    return {found.metric: found for found in board.evidence("r", 0.0)}


def classified(model: Pipeline, rows: Floats) -> list[Any]:
    return [{"outputs": [tensor("predict", [[label]], "INT64")]} for label in model.predict(rows).tolist()]


def cancer(first: Pipeline, second: Pipeline) -> tuple[Board, Any, Any]:
    """1,000 rows of real patients as OIP traffic; the second half with texture measured one deviation higher."""
    data = datasets.load_breast_cancer()
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(data.data), 2400)
    rows, labels = data.data[chosen], data.target[chosen]
    rows[1200:, 1] += 1.5 * data.data[:, 1].std()
    board = watched("oip", 100_000)
    board.use_profile("r", profile_of({f"x[{at}]": data.data[:, at] for at in range(30)}, {}))
    requests = [{"inputs": [tensor("x", row, "FP64")]} for row in rows]
    serve(board, "oip", enumerate(zip(requests, classified(first, rows), classified(second, rows), strict=True)))
    return board, rows, labels


def fitted(labels_of: Callable[..., Any] = lambda y: y, c: float = 1.0) -> Pipeline:
    data = datasets.load_breast_cancer()
    return make_pipeline(StandardScaler(), LogisticRegression(C=c)).fit(data.data, labels_of(data.target))


def test_breast_cancer_the_world_changed_and_the_versions_agree() -> None:
    first, second = fitted(), fitted(c=0.5)
    board, rows, labels = cancer(first, second)
    assert drifted(board) == {"x[1]"}
    assert board.findings("r")[0].kind == "world"
    assert "x[1]" in board.findings("r")[0].sentence
    assert evidence(board)["disagreement"].value == pytest.approx((first.predict(rows) != second.predict(rows)).mean())
    for at, label in enumerate(labels.tolist()):
        board.on_label(str(at), label, 0.0)
    for (_, version, _), score in board.scores.items():
        model = first if version == "v1" else second
        assert score.get("accuracy") == pytest.approx(metrics.accuracy_score(labels, model.predict(rows)))
        assert score.get("f1") == pytest.approx(metrics.f1_score(labels, model.predict(rows)))
    assert evidence(board)["accuracy"].log_breach < np.log(20)


def test_breast_cancer_a_degraded_model_is_found_as_a_shadow() -> None:
    def spoilt(target: Any) -> Any:
        return np.where(np.random.default_rng(1).random(target.size) < 0.45, 1 - target, target)

    board, _, labels = cancer(fitted(), fitted(spoilt))
    for at, label in enumerate(labels.tolist()):
        board.on_label(str(at), label, 0.0)
    assert board.findings("r")[0].kind == "both"
    assert evidence(board)["accuracy"].log_breach > np.log(1000)
    assert board.examples("r", "v2")[0].detail["candidate"] != board.examples("r", "v2")[0].detail["primary"]


def test_diabetes_regression_as_mlflow_serves_it() -> None:
    data = datasets.load_diabetes()
    first = Ridge(alpha=0.1).fit(data.data, data.target)
    second = Ridge(alpha=0.1).fit(data.data, np.random.default_rng(0).permutation(data.target))
    chosen = np.random.default_rng(2).integers(0, len(data.data), 1200)
    rows, labels = data.data[chosen], data.target[chosen]
    board = watched("mlflow", 100_000)
    board.use_profile("r", profile_of({name: data.data[:, at] for at, name in enumerate(data.feature_names)}, {}))
    rows[600:, 2] += 2 * data.data[:, 2].std()
    requests = [{"dataframe_split": {"columns": data.feature_names, "data": [row]}} for row in rows.tolist()]
    answers = [[{"predictions": [value]} for value in model.predict(rows).tolist()] for model in (first, second)]
    serve(board, "mlflow", enumerate(zip(requests, *answers, strict=True)))
    for at, label in enumerate(labels.tolist()):
        board.on_label(str(at), label, 0.0)
    assert drifted(board) == {"bmi"}
    for (_, version, _), score in board.scores.items():
        guesses = (first if version == "v1" else second).predict(rows)
        assert score.get("mae") == pytest.approx(metrics.mean_absolute_error(labels, guesses))
        assert score.get("rmse") == pytest.approx(metrics.root_mean_squared_error(labels, guesses))


def test_image_segments_a_stream_of_river_with_named_columns() -> None:
    """The profile is learnt from the first half; then pictures get brighter, which two columns say."""
    stream = [x for x, _ in ImageSegments()]
    np.random.default_rng(3).shuffle(stream)
    board, answers = watched("kserve-v1", 1000), {"predictions": ["grass"]}
    later = [
        {**x, "intensity-mean": x["intensity-mean"] + 40, "value-mean": x["value-mean"] + 40} for x in stream[1100:]
    ]
    requests = [{"instances": [x]} for x in (*stream[:1100], *later)]
    serve(board, "kserve-v1", enumerate((request, answers, answers) for request in requests))
    assert drifted(board) == {"intensity-mean", "value-mean"}
