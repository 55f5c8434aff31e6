"""Bodies of the admin API: what is wrong with one is told with its field; a release obeys the rules of the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.config.load import parse
from proxy.contracts.settings import ConfigError, Guard, Release, Stage
from proxy.contracts.strategies import STRATEGIES
from proxy.control.api import request_bodies
from proxy.control.api.problems import ApiError

FILE = """
listen: 127.0.0.1:1
versions: {{a: {{url: "http://h:1"}}, b: {{url: "http://h:2"}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a, release: {release}}}}}
"""


def read(body: dict[str, Any]) -> Release:
    return request_bodies.release(body, ["a", "b"], "a", Guard(), "json")


def test_a_release_by_the_api_is_that_of_a_configuration() -> None:
    body = {
        "candidate": "b",
        "strategy": "canary",
        "stages": [{"shadow": 100, "requests": 5}, {"canary": 5, "duration": 60}],
    }
    stages = (Stage(shadow=100.0, requests=5), Stage(canary=5.0, duration=60.0))
    assert read(body) == Release("b", "canary", stages)
    file = FILE.format(
        release="{candidate: b, strategy: canary, stages: [{shadow: 100, requests: 5}, {canary: 5, duration: 60s}]}"
    )
    assert parse(file, {}).routes[0].release == read(body)


@pytest.mark.parametrize("strategy", [row.name for row in STRATEGIES.values() if not row.arms])
def test_what_is_left_out_is_as_in_a_configuration(strategy: str) -> None:
    row = STRATEGIES[strategy]
    stages: dict[str, Any] = {"stages": [{"canary": 5, "requests": 5}]} if row.needs_stages else {}
    body = {"candidate": "b", "strategy": strategy, "accept_risk": True} | stages
    assert read(body) == parse(FILE.format(release=json.dumps(body)), {}).routes[0].release


MISTAKES: list[dict[str, Any]] = [
    {"candidate": "a", "strategy": "blue-green"},
    {"strategy": "canary", "candidate": "b"},
    {"strategy": "canary", "candidate": "b", "stages": [{"canary": 5}]},
    {"strategy": "canary", "candidate": "b", "stages": [{"requests": 5}]},
    {"strategy": "shadow", "candidate": "b", "stages": [{"canary": 5, "requests": 5}]},
    {"strategy": "shadow", "candidate": "b", "rollback_window": "5m"},
    {"strategy": "big-bang", "candidate": "b"},
    {"strategy": "big-bang", "candidate": "b", "accept_risk": True, "stages": [{"shadow": 5, "requests": 5}]},
]


@pytest.mark.parametrize("release", MISTAKES, ids=str)
def test_a_mistake_is_the_same_at_both_edges(release: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as by_file:
        parse(FILE.format(release=json.dumps(release)), {})
    with pytest.raises(ApiError) as by_api:
        read(release | ({"rollback_window": 300} if "rollback_window" in release else {}))
    (problem,) = by_file.value.problems
    assert problem.path == f"routes.r.release.{by_api.value.field}"
    assert str(by_api.value) == f"{by_api.value.field}: found {problem.found}; allowed: {problem.allowed}"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"strategy": "ab-test"}, "strategy"),
        ({"candidate": "nobody"}, "candidate"),
        ({"candidate": None}, "candidate"),
        ({"stages": {}}, "stages"),
        ({"stages": [5]}, "stages[0]"),
        ({"stages": [{"canary": 101, "requests": 5}]}, "stages[0].canary"),
        ({"stages": [{"canary": 5, "requests": 1.5}]}, "stages[0].requests"),
        ({"stages": [{"canary": 5, "requests": True}]}, "stages[0].requests"),
        ({"rollback_window": -1}, "rollback_window"),
        ({"why": "x"}, "why"),
    ],
)
def test_a_value_that_cannot_be_is_refused_at_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiError) as refused:
        read({"candidate": "b", "strategy": "canary", "stages": [{"canary": 5, "requests": 5}]} | change)
    assert refused.value.field == field
