"""The versions that an entry of the audit tells the origin of."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.settings import Baseline, Lineage
from proxy.control.lineage import lineage_of
from tests.control.houses import VERSIONS, House, section, settings


def test_primary_candidate_and_baseline_have_endpoint_and_lineage() -> None:
    configured = settings(section(baseline=Baseline("v1b"), shadows=()))
    versions = VERSIONS | {"v1b": replace(VERSIONS["v1"], name="v1b", authority="h:9", base_path="/small")}
    house = House(replace(configured, versions=versions, lineage={"v2": Lineage(commit="4f2a91c")}))
    told = lineage_of(house.engine.settings, house.board, house.engine.state("cancer"))
    assert list(told) == ["v1", "v2", "v1b"]
    assert told["v1b"] == {"endpoint": "h:9/small", "lineage": None, "identity": []}
    assert told["v2"]["lineage"] == Lineage(commit="4f2a91c")


def test_versions_that_are_gone_are_left_out() -> None:
    house = House(settings(section()))
    fewer = replace(house.engine.settings, versions={"v1": VERSIONS["v1"]})
    assert list(lineage_of(fewer, house.board, house.engine.state("cancer"))) == ["v1"]
