"""Releases of real models: a good version becomes primary by itself; a degraded one is rolled back, for each cause
once, and the cause is named. No client notices anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.relay import Clients, Relay

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Models, Penumbra

SHADOW, CANARY = {"shadow": 100, "requests": 150}, {"canary": 50, "requests": 150}
HELD = {"canary": 50, "requests": 10**9}
ERRORS = {"error_rate": {"max_ratio": 1.5}}


def release(scorecard: dict[str, Any], *stages: dict[str, Any], candidate: str = "cancer-v2") -> dict[str, Any]:
    return {
        "candidate": candidate,
        "strategy": "canary",
        "stages": list(stages),
        "scorecard": scorecard,
        "false_alarm": 0.01,
    }


def brought_to(phase: str, models: Models, penumbra: Penumbra, *, labels: bool = False) -> dict[str, Any]:
    """Traffic until the release has come to `phase`; its route then."""
    feedback = penumbra.front.admin if labels else ""
    with Clients(penumbra.address, models.folder / "rows.json", feedback=feedback) as clients:
        route = penumbra.until(lambda route: route["phase"] in ("promoted", "rolled_back"), phase)
    assert route["phase"] == phase, route["reason"]
    assert clients.failures == []
    return route


def cause(penumbra: Penumbra) -> str:
    """The metric that the audit names for the rollback."""
    entry = next(entry for entry in penumbra.audit() if entry["action"] == "rollback")
    failed = [line["metric"] for line in entry["evidence"] if line["outcome"] == "fail"]
    assert entry["who"] == "scorecard"
    assert all(metric in entry["why"] for metric in failed)
    assert penumbra.metrics().total("penumbra_rollbacks_total", reason=failed[0]) == 1
    return str(failed[0])


def test_a_good_version_is_mirrored_then_a_canary_then_primary(models: Models, start: Callable[..., Penumbra]) -> None:
    scorecard = ERRORS | {"disagreement": {"max": 0.2}, "latency_p99": {"max": "5s"}}
    urls = {name: models.servers[name].url for name in ("cancer-v1", "cancer-v2")}
    penumbra = start(urls, primary="cancer-v1", release=release(scorecard, SHADOW, CANARY))
    route = brought_to("promoted", models, penumbra)
    assert (route["primary"], route["previous"], route["split"]) == ("cancer-v2", "cancer-v1", {"cancer-v2": 100.0})
    assert [entry["action"] for entry in reversed(penumbra.audit())] == ["start", "advance", "promote"]


def test_a_version_that_disagrees_never_leaves_the_shadow(models: Models, start: Callable[..., Penumbra]) -> None:
    urls = {name: models.servers[name].url for name in ("cancer-v1", "cancer-v3")}
    plan = release(ERRORS | {"disagreement": {"max": 0.1}}, SHADOW, CANARY, candidate="cancer-v3")
    penumbra = start(urls, primary="cancer-v1", release=plan)
    brought_to("rolled_back", models, penumbra)
    assert cause(penumbra) == "disagreement"
    assert penumbra.legs(role="canary") == 0


def test_a_version_that_is_wrong_is_found_by_labels(models: Models, start: Callable[..., Penumbra]) -> None:
    urls = {name: models.servers[name].url for name in ("cancer-v1", "cancer-v3")}
    plan = release(ERRORS | {"accuracy": {"max_drop": 0.02}}, HELD, candidate="cancer-v3")
    penumbra = start(urls, primary="cancer-v1", release=plan)
    brought_to("rolled_back", models, penumbra, labels=True)
    assert cause(penumbra) == "accuracy"


def slow(relay: Relay) -> None:
    relay.delay = 0.3


def failing(relay: Relay) -> None:
    relay.failing = 0.5


def gone(relay: Relay) -> None:
    relay.gone = True
    relay.shutdown()
    relay.socket.close()


@pytest.mark.parametrize(("degrade", "metric"), [(slow, "latency_p50"), (failing, "error_rate"), (gone, "error_rate")])
def test_a_version_that_degrades_under_live_traffic_is_rolled_back(
    models: Models, start: Callable[..., Penumbra], degrade: Callable[[Relay], None], metric: str
) -> None:
    with Relay(models.servers["cancer-v2"].url) as relay:
        urls = {"cancer-v1": models.servers["cancer-v1"].url, "cancer-v2": relay.url}
        scorecard = ERRORS | {"latency_p50": {"max_ratio": 10.0}}
        penumbra = start(urls, primary="cancer-v1", release=release(scorecard, HELD), rescue="on")
        with Clients(penumbra.address, models.folder / "rows.json") as clients:
            penumbra.until(lambda _: penumbra.legs(role="canary", code="200") > 30, "live traffic")
            degrade(relay)
            penumbra.until(lambda route: route["phase"] == "rolled_back", f"a rollback because of {metric}")
        assert cause(penumbra) == metric
        assert [failure for failure in clients.failures if not failure.startswith("500")] == []
        assert degrade is failing or not clients.failures, "a 500 is the canary's own answer; all else is rescued"
