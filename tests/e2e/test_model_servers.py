"""Real MLServer processes behind a real Penumbra, driven by a real client library."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.e2e.conftest import Exchange, Models, Penumbra

ROWS = 285
USERS = 500
SIGMAS = 4.0


@pytest.fixture
def penumbra(models: Models, start: Callable[..., Penumbra]) -> Penumbra:
    """v1 is the primary; nothing else gets anything until a test says so."""
    return start(
        {version: server.url for version, server in models.servers.items()},
        primary="cancer-v1",
        canary={"version": "cancer-v2", "percent": 0, "sticky": "header:x-user-id"},
    )


def test_answers_are_those_of_the_model_server(models: Models, penumbra: Penumbra) -> None:
    direct = models.exchanges(address(models, "cancer-v1"), count=ROWS, rate=400.0, connections=1)
    through = models.exchanges(penumbra.address, count=ROWS, rate=400.0, connections=1)
    assert [(e.version, e.probability, e.error) for e in through] == [
        (e.version, e.probability, e.error) for e in direct
    ]
    assert {e.version for e in through} == {"cancer-v1"}
    penumbra.counted(ROWS + 1)
    assert penumbra.legs(role="primary", code="200") == ROWS + 1, "the rows and one question whether the model is ready"


def test_the_split_is_sticky_and_grows_monotonely(models: Models, penumbra: Penumbra) -> None:
    users: dict[float, dict[str, str]] = {}
    for percent in (20.0, 60.0):
        before = legs(penumbra)
        penumbra.put("split", {"cancer-v2": percent})
        exchanges = models.exchanges(penumbra.address, count=2 * USERS, rate=300.0, users=USERS)
        users[percent] = versions_of_users(exchanges)
        assert within(percent / 100, users[percent])
        penumbra.counted(sum(before.values()) + len(exchanges) + 1)
        after = legs(penumbra)
        for version, count in counted(exchanges).items():
            assert abs(after[version] - before[version] - count) <= 1, "readiness is asked once, of either version"
    in_early = {user for user, version in users[20.0].items() if version == "cancer-v2"}
    in_late = {user for user, version in users[60.0].items() if version == "cancer-v2"}
    assert in_early < in_late


def all_compared(penumbra: Penumbra, version: str, route: object) -> bool:
    """Whether every row has met its copy at `version`; `until` gives the route, which nobody needs."""
    return bool(compared(penumbra, version)["pairs"] == ROWS)


def test_shadows_are_compared_with_what_the_primary_says(models: Models, penumbra: Penumbra) -> None:
    """Every unseen row once: the disagreement that Penumbra reports is the true one, known by asking each server."""
    answers = {
        version: [
            e.probability for e in models.exchanges(address(models, version), count=ROWS, rate=500.0, connections=1)
        ]
        for version in ("cancer-v1", "cancer-v2", "cancer-v3")
    }
    penumbra.put("shadows", {"cancer-v2": 100, "cancer-v3": 100})
    exchanges = models.exchanges(penumbra.address, count=ROWS, rate=100.0)
    assert {(e.version, e.error) for e in exchanges} == {("cancer-v1", "")}
    for version in ("cancer-v2", "cancer-v3"):
        true = differing(answers["cancer-v1"], answers[version])
        penumbra.until(partial(all_compared, penumbra, version), f"all rows of {version} compared")
        assert compared(penumbra, version)["disagreements"] == true
        assert penumbra.metrics().one("penumbra_disagreement_ratio", version=version) == pytest.approx(true / ROWS)
        assert penumbra.metrics().one("penumbra_shadow_coverage_ratio", version=version) == pytest.approx(1.0, abs=0.01)
    assert compared(penumbra, "cancer-v3")["ratio"] > 3 * compared(penumbra, "cancer-v2")["ratio"]


def address(models: Models, version: str) -> str:
    return models.servers[version].url.removeprefix("http://")


def legs(penumbra: Penumbra) -> dict[str, int]:
    """Live legs of each version so far."""
    return {v: penumbra.legs(version=v, role=r) for v, r in (("cancer-v1", "primary"), ("cancer-v2", "canary"))}


def counted(exchanges: Iterable[Exchange]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for exchange in exchanges:
        assert not exchange.error
        counts[exchange.version] += 1
    return counts


def versions_of_users(exchanges: Iterable[Exchange]) -> dict[str, str]:
    """The one version of each user; fails when a user met two."""
    users: dict[str, str] = {}
    for exchange in exchanges:
        assert users.setdefault(exchange.user, exchange.version) == exchange.version, (
            f"{exchange.user} met two versions"
        )
    return users


def within(share: float, users: dict[str, str]) -> bool:
    """Whether the canary's users are as many as a binomial draw gives, within `SIGMAS` standard deviations."""
    canary = sum(version == "cancer-v2" for version in users.values())
    return abs(canary / len(users) - share) <= SIGMAS * sqrt(share * (1 - share) / len(users))


def differing(ours: list[Any], theirs: list[Any]) -> int:
    """How many rows are put into another class."""
    return sum((a > 0.5) != (b > 0.5) for a, b in zip(ours, theirs, strict=True))


def compared(penumbra: Penumbra, version: str) -> dict[str, Any]:
    """What the admin API says of a shadow's answers."""
    rows = penumbra.ask("GET", "/v1/routes/cancer/disagreements")["versions"]
    found: dict[str, Any] = next(row for row in rows if row["version"] == version)
    return found
