"""KServe V1: bodies as its documentation shows them."""

from __future__ import annotations

import math

from tests.payload.bodies import read, shown


def test_kserve_v1_rows() -> None:
    seen = read("kserve-v1", {"instances": [[1, 2.5], [3, 4]]}, {"predictions": [0, 1]})
    assert shown(seen.inputs) == [("instances", 2, 2, "number", [1, 2.5, 3, 4], ())]
    assert shown(seen.outputs) == [("predictions", 2, 1, "number", [0, 1], ())]
    assert (seen.inputs[0].integer, seen.outputs[0].integer) == (False, True)


def test_kserve_v1_objects_and_strings() -> None:
    seen = read(
        "kserve-v1",
        {"instances": [{"age": 30, "city": "Bonn"}, {"age": None, "city": "Ulm"}]},
        {"predictions": ["a", "b"]},
    )
    numbers, categories = seen.inputs
    assert (numbers.columns, numbers.data[0], math.isnan(numbers.data[1])) == (("age",), 30, True)
    assert (categories.columns, list(categories.data)) == (("city",), ["Bonn", "Ulm"])
    assert shown(seen.outputs) == [("predictions", 2, 1, "category", ["a", "b"], ())]


def test_classes_and_values_of_tensorflow_serving() -> None:
    asked = {"signature_name": "x", "examples": [{"age": 30}, {"age": 40}]}
    seen = read("kserve-v1", asked, {"results": [0.5, 0.25]})
    assert shown(seen.inputs) == [("", 2, 1, "number", [30, 40], ("age",))]
    assert shown(seen.outputs) == [("results", 2, 1, "number", [0.5, 0.25], ())]
    scores, label = read("kserve-v1", asked, {"results": [[["b", 0.9], ["a", 0.1]], [["a", 0.7], ["b", 0.3]]]}).outputs
    assert (scores.columns, list(scores.data), list(label.data)) == (("a", "b"), [0.1, 0.9, 0.7, 0.3], ["b", "a"])


def test_results_that_are_neither() -> None:
    assert read("kserve-v1", response={"results": [[1, 2]]}).unreadable_response == "form"
