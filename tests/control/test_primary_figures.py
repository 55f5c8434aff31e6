"""What the primary before a promotion has shown: its rates of bad events and its latencies."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.histogram import bucket
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick
from proxy.contracts.release import RouteState
from proxy.control.primary_figures import figures_of
from tests.control.houses import House

PROMOTED = RouteState("cancer", "promoted", "v2", previous="v1")


def answer(content: str) -> Observation:
    facts: dict[str, Any] = {"exchange": 1, "route": "cancer", "version": "v1", "role": "primary", "share": 1.0}
    return Observation(**facts, started=0.0, total=0.1, status=200, copies=0, analysed=True, content=content)  # type: ignore[arg-type]


def test_exact_counts_give_failures_and_latencies(house: House) -> None:
    slow = {bucket(0.1): 90, bucket(1.0): 10}
    house.tick(ArmTick("cancer", "v1", "primary", 1.0, {"200": 95, "500": 5}, total=slow, total_sum=19.0))
    figures = figures_of(house.board, PROMOTED, house.now)
    assert (figures["error_rate"].value, figures["error_rate"].n) == (0.05, 100)
    assert figures["latency_p50"].value == pytest.approx(0.1, rel=0.02)
    assert figures["latency_p99"].value == pytest.approx(1.0, rel=0.02)


def test_every_kind_of_bad_is_counted(house: House) -> None:
    house.tick(
        ArmTick("cancer", "v1", "primary", 1.0, {"200": 60, "404": 20, "client_abort": 15, "502": 5, "draining": 9})
    )
    house.board.on_observations([answer("empty_body"), answer(""), answer(""), answer("")], house.now)
    figures = figures_of(house.board, PROMOTED, house.now)
    rates = {metric: (figure.value, figure.n) for metric, figure in figures.items() if metric.endswith("_rate")}
    assert rates == {
        "error_rate": (0.05, 100),
        "refusal_rate": (0.2, 100),
        "abandonment_rate": (0.15, 100),
        "invalid_rate": (0.25, 4),
    }


def test_nothing_is_claimed_of_a_primary_without_traffic(house: House) -> None:
    assert "error_rate" not in figures_of(house.board, PROMOTED, house.now)
    assert "latency_p99" not in figures_of(house.board, PROMOTED, house.now)
