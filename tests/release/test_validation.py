"""The rules of a release: each mistake is found once, at its place, and a release without mistakes has none."""

from __future__ import annotations

import pytest

from proxy.contracts.price import Price
from proxy.contracts.settings import ASSUMED, Guard, Limit, Release, Stage
from proxy.contracts.strategies import STRATEGIES, Strategy, StrategyRow
from proxy.contracts.table import Protocol
from proxy.release.validation import never_ends, unpriced, validate

ABSOLUTE = Guard({"error_rate": Limit(max=0.1)})
SLOW = Guard({"latency_p99": Limit(max=0.1)})
PAIRS = Guard({"disagreement": Limit(max=0.05)})
SHADOWED, LIVE = Stage(shadow=100.0, requests=5), Stage(canary=5.0, duration=60.0)


def sound(strategy: Strategy) -> Release:
    """A release without mistakes, as its row wants it."""
    row = STRATEGIES[strategy]
    stages = {"shadow": SHADOWED, "canary": LIVE}
    return Release(
        "b",
        strategy,
        (Stage(canary=50.0),) if row.arms else tuple(stages[each] for each in row.traffic),
        accept_risk=row.needs_risk,
        arms={"b": 50.0} if row.arms else {},
        rollback_window=row.window or 0.0,
    )


@pytest.mark.parametrize("row", STRATEGIES.values(), ids=lambda row: row.name)
def test_a_sound_release_has_no_mistake(row: StrategyRow) -> None:
    assert validate(sound(row.name), "a") == ()
    assert validate(sound(row.name), "b")[0].path == ("arms" if row.arms else "candidate")


@pytest.mark.parametrize(
    ("release", "paths"),
    [
        (Release("b", "canary"), ["stages"]),
        (Release("b", "canary", (LIVE, SHADOWED), PAIRS), ["scorecard.disagreement"]),
        (Release("b", "canary", (Stage(shadow=9.0, requests=100), LIVE), PAIRS), []),
        (Release("b", "canary", (SHADOWED, LIVE), PAIRS), ["stages[1]"]),
        (Release("b", "canary", (Stage(canary=5.0),)), ["stages[0]"]),
        (Release("b", "canary", (SHADOWED, Stage(requests=5))), ["stages[1]"]),
        (Release("b", "canary", (Stage(),)), ["stages[0]", "stages[0]"]),
        (Release("b", "canary", (Stage(shadow=0.0, requests=5),)), ["stages[0]"]),
        (Release("b", "canary", (Stage(canary=0.0, shadow=0.0, duration=5.0),)), ["stages[0]"]),
        (Release("b", "canary", (Stage(canary=100.0, requests=5),)), ["stages[0].canary"]),
        (Release("b", "canary", (SHADOWED, Stage(canary=100.0, requests=5))), []),
        (Release("b", "canary", (Stage(canary=100.0, requests=5),), ABSOLUTE), []),
        (
            Release("b", "canary", (Stage(shadow=9.0, requests=10), Stage(canary=9, requests=50)), PAIRS),
            ["stages[1]"],
        ),
        (Release("b", "canary", (Stage(shadow=9.0, requests=10), Stage(canary=9.0, requests=9)), PAIRS), []),
        (Release("b", "canary", (Stage(shadow=9.0, duration=10.0), Stage(canary=9.0, requests=500)), PAIRS), []),
        (Release("b", "canary", (LIVE,), ABSOLUTE, require="proof"), ["require"]),
        (Release("b", "canary", (LIVE,), require="proof"), []),
        (Release("b", "ab-test", arms={"b": 60.0, "c": 40.0}, stages=(Stage(canary=100.0),)), ["arms"]),
        (Release("b", "ab-test", (LIVE,), SLOW, arms={"b": 60.0}, promote_winner=True), ["promote_winner"]),
        (Release("b", "ab-test", (LIVE,), SLOW, arms={"b": 60.0}), []),
        (Release("b", "ab-test", (LIVE,), arms={"b": 60.0}, promote_winner=True), []),
        (Release("b", "shadow", (LIVE,)), ["stages[0].canary"]),
        (Release("b", "shadow", rollback_window=60.0), ["rollback_window"]),
        (Release("b", "big-bang"), ["accept_risk"]),
        (Release("b", "big-bang", (SHADOWED,), accept_risk=True), ["stages[0].shadow"]),
        (Release("b", "blue-green", promote_winner=True), ["promote_winner"]),
        (Release("", "ab-test"), ["arms"]),
        (Release("b", "ab-test", arms={"b": 0.0}), ["arms"]),
        (Release("b", "ab-test", arms={"b": 60.0, "c": 60.0}), ["arms"]),
        (Release("a", "canary"), ["candidate", "stages"]),
    ],
)
def test_each_mistake_has_its_place(release: Release, paths: list[str]) -> None:
    problems = validate(release, "a")
    assert [problem.path for problem in problems] == paths
    assert all(problem.found and problem.allowed for problem in problems)


@pytest.mark.parametrize(
    ("protocol", "metric", "fed"),
    [
        ("opaque", "input_drift", False),
        ("opaque", "accuracy", False),
        ("opaque", "latency_p99", True),
        ("mlflow", "time_to_first_token", False),
        ("openai", "time_to_first_token", True),
        ("kserve-v1", "output_tokens", False),
        ("kserve-v1", "time_per_output_token", False),
        ("mlflow", "output_tokens", True),
        ("auto", "time_per_output_token", True),
        ("json", "accuracy", True),
    ],
)
def test_a_line_that_a_protocol_never_feeds_ends_nothing(protocol: Protocol, metric: str, fed: bool) -> None:
    guard = Guard({metric: Limit(max_ratio=1.5)} | ASSUMED)
    problems = never_ends(Release("b", "canary", (LIVE,), guard), protocol)
    assert [problem.path for problem in problems] == ([] if fed else [f"scorecard.{metric}"])


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ({"v1": Price(1.0, 2.0), "v2": Price(1.0, 2.0)}, ""),
        ({"v1": Price(1.0, 2.0)}, "no price of v2"),
        ({}, "no price of v1, v2"),
        ({"v1": Price(1.0, 2.0), "v2": Price(1.0, 2.0, currency="EUR")}, "prices of v1 in USD, v2 in EUR"),
    ],
)
def test_a_line_on_cost_needs_prices_in_one_currency(prices: dict[str, Price], told: str) -> None:
    found = unpriced(Guard(scorecard={"cost": Limit(max_ratio=1.2)}), ("v1", "v2", "v2"), prices)
    assert [(problem.path, problem.found) for problem in found] == ([("scorecard.cost", told)] if told else [])
    assert not any(problem.endless for problem in found)
    assert not unpriced(Guard(scorecard={"error_rate": Limit(max=0.1)}), ("v1", "v2"), prices)
