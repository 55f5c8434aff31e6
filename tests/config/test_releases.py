"""The section `releases`: one release over several routes, and everything that would tear it apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config.load import parse
from proxy.contracts.settings import ConfigError, RouteSettings
from proxy.contracts.table import Sticky
from proxy.release import plan


def tree() -> dict[str, Any]:
    names = ("f12", "f13", "m1", "m2", "e1", "e2")
    primaries = {"features": "f12", "predict": "m1", "explain": "e1"}
    return {
        "listen": "h:1",
        "versions": {name: {"url": f"http://{name}:80"} for name in names},
        "routes": {
            name: {"match": {"path": f"/{name}"}, "protocol": "json", "primary": primary}
            for name, primary in primaries.items()
        },
        "releases": {
            "fraud-2": {
                "routes": {
                    "features": {"candidate": "f13"},
                    "predict": {"candidate": "m2"},
                    "explain": {"candidate": "e2"},
                },
                "strategy": "canary",
                "sticky": "header:x-user-id",
                "stages": [{"canary": 5, "requests": 500}, {"canary": 50, "requests": 2000}],
                "false_alarm": 0.003,
            }
        },
    }


def read(given: dict[str, Any]) -> dict[str, RouteSettings]:
    return {route.name: route for route in parse(yaml.safe_dump(given, sort_keys=False), {}).routes}


def test_the_example_of_the_docs_is_one() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "concepts.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "releases:" in block]
    assert {route.group.name for route in parse(example, {}).routes if route.group} == {"fraud-2"}


def test_each_route_has_its_part() -> None:
    given = tree()
    release = given["releases"]["fraud-2"]
    release["routes"]["predict"] |= {
        "sticky": "json:/user",
        "scorecard": {"latency_p99": {"max_ratio": 1.25}, "refusal_rate": "off"},
    }
    release["scorecard"] = {"error_rate": {"max_ratio": 2}, "latency_p99": {"max_ratio": 2}}
    routes = read(given)
    assert {name: route.release and route.release.candidate for name, route in routes.items()} == {
        "features": "f13",
        "predict": "m2",
        "explain": "e2",
    }
    keys = {name: route.sticky for name, route in routes.items()}
    assert keys["features"] == keys["explain"] == Sticky("header", "x-user-id")
    assert keys["predict"] == Sticky("json", "/user")
    cards = {name: route.release.guard.scorecard for name, route in routes.items() if route.release}
    assert (cards["features"]["latency_p99"].max_ratio, cards["predict"]["latency_p99"].max_ratio) == (2, 1.25)
    assert {each["error_rate"].max_ratio for each in cards.values()} == {2}
    assert ("refusal_rate" in cards["features"], "refusal_rate" in cards["predict"]) == (True, False)
    assert {route.release.guard.false_alarm for route in routes.values() if route.release} == {0.001}
    groups = [route.group for route in routes.values()]
    assert [group.routes for group in groups if group] == [("features", "predict", "explain")] * 3
    assert {group.false_alarm for group in groups if group} == {0.003}


def test_what_one_route_says_about_traffic_is_of_the_basis_of_all() -> None:
    before = read(tree())
    given = tree()
    given["versions"]["e3"] = {"url": "http://e3:80"}
    given["releases"]["fraud-2"]["routes"]["explain"]["candidate"] = "e3"
    after = read(given)
    assert [plan.basis(before[name]) == plan.basis(after[name]) for name in before] == [False] * 3
    given = tree()
    given["routes"]["explain"]["limits"] = {"inflight": 5}
    given["releases"]["fraud-2"]["sticky"] = "cookie:user"
    same = read(given)
    assert [plan.basis(before[name]) == plan.basis(same[name]) for name in before] == [True] * 3


def changed(path: str, value: Any) -> dict[str, Any]:
    given = tree()
    *above, key = path.split("/")
    holder: Any = given
    for name in above:
        holder = holder[name]
    if value is None:
        del holder[key]
    else:
        holder[key] = value
    return given


OTHER = {"routes": {"features": {"candidate": "f13"}, "predict": {"candidate": "m2"}}, "strategy": "blue-green"}


@pytest.mark.parametrize(
    ("path", "value", "where", "says"),
    [
        ("releases/other", OTHER, "releases.other.routes.features", "a route of one release"),
        ("routes/predict/release", {"candidate": "m2", "strategy": "blue-green"}, "routes.predict.release", "fraud-2"),
        ("routes/predict/canary", {"version": "m2", "percent": 5}, "routes.predict.canary", "fraud-2"),
        ("routes/predict/split", {"m2": 5}, "routes.predict.split", "fraud-2"),
        ("routes/predict/sticky", "header:x-user", "routes.predict.sticky", "fraud-2"),
        ("releases/fraud-2/routes/nowhere", {"candidate": "m2"}, "releases.fraud-2.routes.nowhere", "predict"),
        ("releases/fraud-2/routes/predict", {}, "releases.fraud-2.routes.predict.candidate", "required"),
        ("releases/fraud-2/routes/predict", {"candidate": "m9"}, "releases.fraud-2.routes.predict.candidate", "m1"),
        (
            "releases/fraud-2/routes/predict",
            {"candidate": "m1"},
            "releases.fraud-2.routes.predict.candidate",
            "than the",
        ),
        ("releases/fraud-2/sticky", None, "releases.fraud-2.sticky", "matching versions"),
        ("releases/fraud-2/routes", {"predict": {"candidate": "m2"}}, "releases.fraud-2.routes", "at least two"),
        ("releases/fraud-2/routes", {}, "releases.fraud-2.routes", "at least two"),
        ("releases/fraud-2/stages", [], "releases.fraud-2.stages", "at least one"),
        ("releases/fraud-2/strategy", "big-bang", "releases.fraud-2.accept_risk", "true"),
        ("releases/fraud-2/candidate", "m2", "releases.fraud-2.candidate", "routes"),
        (
            "releases/fraud-2/scorecard",
            {"disagreement": {"max": 0.1}},
            "releases.fraud-2.scorecard.disagreement",
            "cop",
        ),
        ("releases/predict", OTHER, "releases.predict", "a name of its own"),
    ],
)
def test_mistakes(path: str, value: Any, where: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(changed(path, value))
    found = [problem for problem in caught.value.problems if problem.path == where]
    assert found, caught.value
    assert any(says in f"{problem.found} {problem.allowed}" for problem in found), found


def test_a_mistake_of_all_routes_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read(changed("releases/fraud-2/stages", [{"canary": 5}]))
    assert [problem.path for problem in caught.value.problems] == ["releases.fraud-2.stages[0]"]


@pytest.mark.parametrize(
    "release",
    [
        {"strategy": "shadow"},
        {"strategy": "blue-green"},
        {"strategy": "big-bang", "accept_risk": True},
        {"strategy": "canary", "stages": [{"shadow": 100, "requests": 10}, {"canary": 100, "requests": 10}]},
    ],
)
def test_no_key_is_needed_where_users_are_not_told_apart(release: dict[str, Any]) -> None:
    given = tree()
    given["releases"]["fraud-2"] = {"routes": given["releases"]["fraud-2"]["routes"], **release}
    assert [route.sticky for route in read(given).values()] == [None] * 3


def test_a_test_has_one_arm_on_each_route() -> None:
    given = tree()
    routes = given["releases"]["fraud-2"]["routes"]
    given["releases"]["fraud-2"] = {
        "routes": routes,
        "strategy": "ab-test",
        "percent": 30,
        "sticky": "header:x-user-id",
        "false_winner": 0.06,
    }
    found = [route.release for route in read(given).values()]
    assert [release and release.arms for release in found] == [{"f13": 30.0}, {"m2": 30.0}, {"e2": 30.0}]
    assert {release.false_winner for release in found if release} == {0.02}
    del given["releases"]["fraud-2"]["sticky"]
    with pytest.raises(ConfigError, match="matching versions"):
        read(given)
