"""Verdicts as gates give them: what was rolled back has failed, whatever is known; the rest as far as it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.release import Phase
from proxy.control.api import verdicts
from tests.control.houses import House, section, settings

SPLIT = settings(section(shadows=()))


@pytest.mark.parametrize(
    ("phase", "why", "said"),
    [
        ("rolled_back", "", "fail"),
        ("rolled_back", "silent", "fail"),
        ("promoted", "", "pass"),
        ("promoted", "silent", "undecided"),
        ("ramping", "", "undecided"),
    ],
)
def test_a_phase_that_is_settled_is_a_verdict(phase: Phase, why: str, said: str) -> None:
    house = House(SPLIT)
    state, total = replace(house.engine.state("cancer"), phase=phase), verdicts.on_route(house.engine, "cancer")
    found = verdicts.gate(state, total, why)
    assert found["verdict"] == said


def test_an_engine_without_a_fleet_knows_all_of_its_verdicts() -> None:
    engine = House(SPLIT).engine
    assert (verdicts.scope_in(engine), verdicts.unknown(engine, "cancer")) == ("sidecar", "")
    assert verdicts.on_release(engine, engine.release("cancer")) == verdicts.on_route(engine, "cancer")
