"""`analysis` of a route: how its bodies are read and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.analysis import read_analysis
from proxy.config.section import Section
from proxy.config.tree import Tree
from proxy.contracts.comparers import Judge, OutputRule
from proxy.contracts.settings import Analysis, Problem
from proxy.contracts.table import Protocol


def analysis(tree: dict[str, Tree], protocol: Protocol = "json") -> tuple[Analysis, list[str]]:
    problems: list[Problem] = []
    made = read_analysis(Section({"analysis": tree}, "r", problems), protocol)
    return made, [problem.path for problem in problems]


def test_nothing_is_the_default() -> None:
    assert analysis({}) == (Analysis(), [])


def test_every_field(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text("{}")
    tree: dict[str, Tree] = {
        "features": "/features", "prediction": "/prediction", "tolerance": "0.1", "reference": "200", "wait": "7d",
        "profile": str(profile), "redact": ["/request/name"], "detectors": ["amount"],
    }  # fmt: skip
    assert analysis(tree) == (
        Analysis("/features", "/prediction", ("/request/name",), 0.1, str(profile), 200, ("amount",), 7 * 86_400.0),
        [],
    )


@pytest.mark.parametrize("key", ["features", "prediction"])
@pytest.mark.parametrize("protocol", ["oip", "kserve-v1", "mlflow", "openai", "opaque"])
def test_pointers_are_for_plain_json_alone(key: str, protocol: Protocol) -> None:
    assert analysis({key: "/x"}, protocol)[1] == [f"r.analysis.{key}"]


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("features", "x", "features"),
        ("tolerance", "2", "tolerance"),
        ("reference", "99", "reference"),
        ("wait", "91d", "wait"),
        ("profile", "/no/such/file", "profile"),
        ("redact", ["/elsewhere/name"], "redact"),
        ("redact", "/request/name", "redact"),
        ("detector", ["amount"], "detector"),
    ],
)
def test_mistakes(key: str, value: Tree, path: str) -> None:
    assert analysis({key: value})[1] == [f"r.analysis.{path}"]


def test_how_answers_are_compared() -> None:
    tree: dict[str, Tree] = {
        "absolute_tolerance": "0.5", "text": "characters", "text_edits": "0.1", "rows": "one",
        "ignore": ["/request/ts", "*_id"],
        "outputs": {
            "tags*": {"comparer": "labels", "unordered": "true"}, "y": {"tolerance": "0", "absolute_tolerance": "2"},
        },
    }  # fmt: skip
    made, problems = analysis(tree, "oip")
    assert problems == []
    assert (made.absolute_tolerance, made.text, made.text_edits, made.rows) == (0.5, "characters", 0.1, "one")
    assert made.ignore == ("/request/ts", "*_id")
    assert made.outputs == {"tags*": OutputRule("labels", unordered=True), "y": OutputRule("", 0.0, 2.0)}


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"outputs": {"y": {"comparer": "cosine"}}}, "outputs.y.comparer"),
        ({"outputs": {"/y": {}}}, "outputs./y"),
        ({"outputs": {"y": {"order": "none"}}}, "outputs.y.order"),
        ({"ignore": "ts"}, "ignore"),
        ({"ignore": ["/request/~2"]}, "ignore[0]"),
        ({"text": "judge"}, "text"),
        ({"rows": "many"}, "rows"),
    ],
)
def test_mistakes_about_comparers(tree: dict[str, Tree], path: str) -> None:
    assert analysis(tree)[1] == [f"r.analysis.{path}"]


def test_a_judge() -> None:
    tree: dict[str, Tree] = {"url": "http://h/score", "sample": "20", "budget": "5", "agree": "0.8"}
    made, problems = analysis({"judge": tree}, "openai")
    assert (made.judge, problems) == (Judge("http://h/score", 20.0, 5, 0.8), [])
    assert analysis({"judge": {"url": "http://h/score"}})[0].judge == Judge("http://h/score")
    wrong: list[tuple[dict[str, Tree], str]] = [
        ({}, "url"),
        ({"url": "http://u:p@h/"}, "url"),
        ({"url": "http://h/", "budget": "0"}, "budget"),
        ({"url": "http://h/", "token": "a b"}, "token"),
    ]
    for each, path in wrong:
        assert analysis({"judge": each})[1] == [f"r.analysis.judge.{path}"]
