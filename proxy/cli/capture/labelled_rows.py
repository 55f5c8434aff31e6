"""Rows of features, and what is known of them, as requests of a protocol: a row is a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import orjson
from msgspec import Struct

from proxy.cli.capture.columns import Row, UnusableRows
from proxy.cli.capture.requests import ForeignExchange, inference, tensor

RowProtocol = Literal["oip", "kserve-v1", "mlflow", "json"]


class RowForm(Struct, frozen=True):
    """How a row becomes a request."""

    protocol: RowProtocol
    model: str
    path: str = ""
    """"": as the protocol has it for the model."""
    label: str = ""
    """The column of labels."""
    prediction: str = ""
    """The column of what a model answered."""
    tensor: str = ""
    """The one tensor that all features are columns of; "": a tensor, or a member, each."""
    datatype: str = ""
    answer: str = "predict"
    """The tensor of a recorded answer; answers whose tensors are called otherwise are not the same."""


def path_for(form: RowForm) -> str:
    """Where a request goes."""
    paths = {
        "oip": f"/v2/models/{form.model}/infer",
        "kserve-v1": f"/v1/models/{form.model}:predict",
        "mlflow": "/invocations",
        "json": "/predict",
    }
    return form.path or paths[form.protocol]


def exchanges_of_rows(rows: Iterable[tuple[str, Row]], form: RowForm) -> Iterator[ForeignExchange]:
    """A request for each row. Raises UnusableRows."""
    for where, row in rows:
        for column in (form.label, form.prediction):
            if column and column not in row:
                raise UnusableRows(f"{where}: no column {column}; there are {', '.join(row)}")
        features = {name: value for name, value in row.items() if name not in (form.label, form.prediction)}
        if not features:
            raise UnusableRows(f"{where}: no features")
        try:
            body, fields = _request(features, form)
            answer = _answer(row[form.prediction], form) if form.prediction else None
        except (TypeError, KeyError) as error:
            raise UnusableRows(f"{where}: {error}") from error
        label = row[form.label] if form.label else None
        yield ForeignExchange(path_for(form), body, answer, fields, label=label)


def _request(features: Row, form: RowForm) -> tuple[bytes, bytes]:
    values = list(features.values())
    if form.protocol == "oip" and form.tensor:
        return inference([tensor(form.tensor, values, [1, len(values)], form.datatype)], {})
    if form.protocol == "oip":
        each = [
            tensor(name, _listed(value), [1, len(_listed(value))], form.datatype) for name, value in features.items()
        ]
        return inference(each, {})
    if form.protocol == "kserve-v1":
        document: Any = {"instances": [values if form.tensor else dict(features)]}
    elif form.protocol == "mlflow":
        document = {"dataframe_split": {"columns": list(features), "data": [values]}}
    else:
        document = dict(features)
    return inference_json(document)


def inference_json(document: Any) -> tuple[bytes, bytes]:
    """A body of JSON, and its fields."""
    return orjson.dumps(document), b"content-type: application/json\r\n"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _answer(value: Any, form: RowForm) -> bytes:
    values = _listed(value)
    if form.protocol == "oip":
        made = tensor(form.answer, values, [1, len(values)])
        return orjson.dumps({"model_name": form.model, "outputs": [made]})
    return orjson.dumps({"predictions": [value]} if form.protocol != "json" else value)
