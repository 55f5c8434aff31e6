"""MLflow: the forms of a request that its documentation shows, and its answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.payload.bodies import read, shown


@pytest.mark.parametrize(
    "request_",
    [
        {"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"inputs": {"a": [1, 3], "b": [2, 4]}},
    ],
)
def test_mlflow_forms_of_the_same_frame(request_: dict[str, Any]) -> None:
    assert shown(read("mlflow", request_).inputs) == [("", 2, 2, "number", [1, 2, 3, 4], ("a", "b"))]


def test_mlflow_mixed_columns() -> None:
    seen = read("mlflow", {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [None, None]]}})
    assert [(t.columns, t.kind) for t in seen.inputs] == [(("a",), "number"), (("b",), "category")]
    assert list(seen.inputs[1].data) == ["x", None]


@pytest.mark.parametrize("answer", [{"predictions": [0.5, 1.5]}, [0.5, 1.5]])
def test_mlflow_answers(answer: Any) -> None:
    assert shown(read("mlflow", response=answer).outputs) == [("predictions", 2, 1, "number", [0.5, 1.5], ())]


CSV = b"content-type: text/csv\r\n"


def test_comma_separated_values() -> None:
    seen = read("mlflow", b"a,b\n1,2\n3,4\n", b"0.5\n0.25\n", request_fields=CSV, response_fields=CSV)
    assert shown(seen.inputs) == [("", 2, 2, "number", [1, 2, 3, 4], ("a", "b"))]
    assert shown(seen.outputs) == [("predictions", 2, 1, "number", [0.5, 0.25], ())]


def test_what_pipelines_of_hugging_face_take_and_answer() -> None:
    asked = {"inputs": "I like it", "parameters": {"max_new_tokens": 5}}
    seen = read("mlflow", asked, [{"generated_text": "a lot"}])
    assert (list(seen.inputs[0].data[:3]), seen.text.text) == ([9, 1, 5], "a lot")
    scores, label = read("mlflow", asked, [{"label": "POSITIVE", "score": 0.9}, {"label": "NO", "score": 0.1}]).outputs
    assert (scores.columns, list(scores.data), list(label.data)) == (("NO", "POSITIVE"), [0.1, 0.9], ["POSITIVE"])


def test_agents() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    assert read("mlflow", {"messages": messages[:1]}, {"messages": messages}).text.text == "hello"
    output = [{"type": "message", "content": [{"type": "output_text", "text": "hello"}]}]
    assert read("mlflow", {"input": messages[:1]}, {"output": output}).text.text == "hello"
