"""Second tries, each family by route, version and reason, summed over workers."""

from __future__ import annotations

import pytest

from proxy.contracts.record import Tick
from tests.control.houses import House
from tests.control.telemetry.families import families

FAMILIES = {
    "rescued": "penumbra_rescued_total",
    "not_rescued": "penumbra_not_rescued_total",
    "retries": "penumbra_retries_total",
    "not_retried": "penumbra_not_retried_total",
}


@pytest.mark.parametrize("rows", FAMILIES)
def test_each_is_counted_by_its_reason(house: House, rows: str) -> None:
    for worker in (0, 1):
        tick = Tick(worker, "a", 1, 1, **{rows: [("cancer", "v2", "some", 2), ("cancer", "v2", "other", 1)]})  # type: ignore[arg-type]
        house.board.counters.update(tick, house.now)
    family = families(house)[FAMILIES[rows]]
    assert family.labels == ("route", "version", "reason")
    counted = {key[1:]: value for key, value in family.samples.items() if key[0] == FAMILIES[rows]}
    assert counted == {("cancer", "v2", "some"): 4, ("cancer", "v2", "other"): 2}
    assert all(not families(house)[other].samples for other in FAMILIES.values() if other != FAMILIES[rows])
