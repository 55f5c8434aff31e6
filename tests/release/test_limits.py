"""What of the evidence each limit is held against, and which side of it is too much."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.evidence import Evidence
from proxy.contracts.metrics import METRICS
from proxy.release.limits import AGAINST_PRIMARY, LEAST, VALUES, beyond, gain_of


def seen(metric: str = "error_rate", value: float | None = 0.03, reference: float | None = 0.01) -> Evidence:
    return Evidence(metric, "v2", value, reference, 100, 900)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max", 0.03), ("min", 0.03), ("max_ratio", 3.0), ("max_increase", 0.02), ("max_drop", -0.02), ("max_psi", 0.03)],
)
def test_each_limit_has_its_value(name: str, value: float) -> None:
    assert VALUES[name](seen()) == pytest.approx(value)


@pytest.mark.parametrize("name", sorted(AGAINST_PRIMARY - {"max_ratio"}))
@pytest.mark.parametrize("gap", [{"value": None}, {"reference": None}])
def test_a_comparison_without_one_of_its_sides_has_none(name: str, gap: dict[str, Any]) -> None:
    assert VALUES[name](seen(**gap)) is None


@pytest.mark.parametrize(
    ("metric", "gain"), [("error_rate", -0.02), ("accuracy", 0.02), ("log_loss", -2.0), ("invalid_rate", -0.02)]
)
def test_a_gain_is_what_is_better(metric: str, gain: float) -> None:
    """Of a score more, of a rate less, of a loss less as a part of the primary's."""
    assert metric in METRICS
    assert gain_of(seen(metric)) == pytest.approx(gain)


def test_a_loss_of_nothing_cannot_be_bettered_by_a_part() -> None:
    assert gain_of(seen("log_loss", reference=0.0)) is None


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_limit_itself_is_within_it(name: str) -> None:
    assert not beyond(name, 1.0, 1.0) and not beyond(name, None, 1.0)
    assert beyond(name, 0.9, 1.0) == (name in LEAST) and beyond(name, 1.1, 1.0) == (name not in LEAST)
